//! The same frame has the same detections, whatever else is going on.

use std::num::NonZeroUsize;

use camcount_detect::{Detect, DetectError, OnnxDetector, OnnxOptions};
use camcount_domain::{Frame, FrameSize, MediaTime, Rate};

use super::{
    footage, has_runtime,
    layouts::{INTERVAL_US, SOURCE, VIDEO},
    look, options,
    tiny::{Twist, model},
};

/// One model of every layout, and the quantised ones, with how many frames they are shown.
const MODELS: [(&str, usize); 8] = [
    ("yolox_nano_416", 14),
    ("yolov5n_640_fp16io", 3),
    ("yolov8n_640_int8", 3),
    ("yolo26n_640_int8_e2e", 3),
    ("deimv2_atto_coco_int8", 7),
    ("ssd_mobilenet_v1_300_uint8", 7),
    ("nanodet_m_416", 7),
    ("picodet_s_320_coco", 7),
];

#[test]
fn sessions_and_order_change_nothing() {
    for (model, count) in MODELS {
        let Some(path) = footage::data(&format!("models/{model}.onnx")) else { return };
        if !has_runtime() {
            return;
        }
        let one = OnnxDetector::open(&options(&path)).unwrap();
        let mut frames = footage::frames(VIDEO, SOURCE, one.picture(SOURCE), 60, INTERVAL_US).unwrap();
        frames.truncate(count);
        let wanted = look(&one, SOURCE, &frames);
        assert!(wanted.iter().all(|seen| !seen.detections.is_empty()), "{model}");

        let three = OnnxOptions { sessions: NonZeroUsize::new(3), ..options(&path) };
        let three = OnnxDetector::open(&three).unwrap();
        assert_eq!(three.describe(Rate::DEFAULT), one.describe(Rate::DEFAULT));
        let turned: Vec<Frame> = frames.iter().rev().cloned().collect();
        for detector in [&one, &three] {
            let mut seen = look(detector, SOURCE, &turned);
            seen.reverse();
            assert_eq!(seen, wanted, "{model}");
        }
        assert_eq!(look(&three, SOURCE, &frames), wanted, "{model}");
    }
}

/// Its batch is open, but something inside holds for a batch of 1 only.
#[test]
fn a_real_model_that_fails_in_batches_says_so() {
    let Some(path) = footage::data("models/deimv2_atto_coco_int8.onnx") else { return };
    if !has_runtime() {
        return;
    }
    let batched = OnnxOptions { batch: NonZeroUsize::new(2), ..options(&path) };
    let refused = OnnxDetector::open(&batched).err().unwrap();
    assert!(matches!(refused, DetectError::BatchRefused { batch: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("try batches of 1"), "{refused}");
}

/// Pictures of one level each.
fn flat(levels: &[u8]) -> Vec<Frame> {
    let frame = |(n, level): (usize, &u8)| Frame {
        time: MediaTime(n as i64),
        data: vec![*level; 3 * 64 * 64].into(),
    };
    levels.iter().enumerate().map(frame).collect()
}

const SMALL: FrameSize = FrameSize { width: 64, height: 64 };

#[test]
fn neighbours_in_a_batch_change_nothing() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.onnx");
    std::fs::write(&path, model(Twist::Plain, None, "['person', 'car']")).unwrap();
    let frames = flat(&[0, 9, 200, 255, 3, 77, 14]);
    let wanted = look(&OnnxDetector::open(&options(&path)).unwrap(), SMALL, &frames);
    assert_eq!(wanted[0].detections.len(), 1);
    for batch in [2, 3, 8] {
        let batched = OnnxOptions { batch: NonZeroUsize::new(batch), ..options(&path) };
        let batched = OnnxDetector::open(&batched).unwrap();
        assert_eq!(look(&batched, SMALL, &frames), wanted);
        // A batch that is never full.
        assert_eq!(look(&batched, SMALL, &frames[..1]), wanted[..1]);
    }
}

#[test]
fn models_that_see_neighbours_are_refused_in_batches() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixing.onnx");
    std::fs::write(&path, model(Twist::Mixing, None, "['person', 'car']")).unwrap();
    OnnxDetector::open(&options(&path)).unwrap();
    let batched = OnnxOptions { batch: NonZeroUsize::new(4), ..options(&path) };
    let refused = OnnxDetector::open(&batched).err().unwrap();
    assert!(matches!(refused, DetectError::BatchRefused { batch: 4, .. }), "{refused}");
    assert!(refused.to_string().contains("use batches of 1"), "{refused}");
}

#[test]
fn one_bad_frame_fails_alone() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (twist, bad) in [(Twist::Root, 1), (Twist::Table, 255)] {
        for batch in [None, NonZeroUsize::new(4)] {
            let path = folder.path().join("twisted.onnx");
            std::fs::write(&path, model(twist, None, "['person', 'car']")).unwrap();
            let detector = OnnxDetector::open(&OnnxOptions { batch, ..options(&path) }).unwrap();
            let frames = flat(&[0, bad, 0, 0, bad, bad, 0, 0, 0]);
            let tickets: Vec<_> = frames.iter().map(|f| detector.submit(f.clone(), SMALL, None)).collect();
            for (frame, ticket) in frames.iter().zip(tickets) {
                match (frame.data[0], ticket.wait()) {
                    (0, Ok(seen)) => assert_eq!(seen.detections.len(), 1),
                    (_, Err(DetectError::NotFinite { time, output })) if twist == Twist::Root => {
                        assert_eq!((time, output.as_str()), (frame.time, "output0"));
                    }
                    (_, Err(error @ DetectError::Inference { .. })) if twist == Twist::Table => {
                        assert!(!error.is_environment());
                    }
                    (level, other) => panic!("{twist:?}, level {level}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn what_was_queued_is_answered_when_the_detector_goes() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.onnx");
    std::fs::write(&path, model(Twist::Plain, None, "['person', 'car']")).unwrap();
    let detector = OnnxDetector::open(&options(&path)).unwrap();
    let frames = flat(&[1, 2, 3]);
    let tickets: Vec<_> = frames.iter().map(|frame| detector.submit(frame.clone(), SMALL, None)).collect();
    drop(detector);
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap().detections.len(), 1);
    }
}
