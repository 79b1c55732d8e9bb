//! Models that are cut to the shape of the footage, against the same models with bars around it.

use camcount_detect::{Detect, OnnxDetector};
use camcount_domain::{BoxF, DetectedFrame, Fit, Frame, FrameSize, Picture};

use super::{
    Score, footage, has_runtime,
    layouts::{INTERVAL_US, SOURCE, VIDEO},
    look, options,
};

/// Models, the size they are cut to for [`SOURCE`], and how much of what either is sure of the other must see.
const CUT: [(&str, (u32, u32), f64); 6] = [
    ("yolox_nano_416", (416, 320), 0.95),
    ("yolov8n_640_fp32_dequant", (640, 480), 0.99),
    ("yolov8n_640_int8", (640, 480), 0.99),
    ("yolo26n_640_fp32_dequant_e2e", (640, 480), 0.95),
    // Quantised, or of little width: some are about as sure as is asked for.
    ("yolo26n_640_int8_e2e", (640, 480), 0.9),
    ("picodet_s_320_coco", (320, 256), 0.9),
];

#[test]
fn cut_models_see_what_whole_ones_see() {
    for (model, (width, height), least) in CUT {
        let Some(path) = footage::data(&format!("models/{model}.onnx")) else { return };
        if !has_runtime() {
            return;
        }
        let detector = OnnxDetector::open(&options(&path)).unwrap();
        let (cut, whole) = (detector.picture(SOURCE), detector.explain().picture);
        assert!(detector.explain().cut, "{model}");
        assert_eq!(cut.size, FrameSize { width, height }, "{model}");
        // What is square has no bars to be spared: it takes the whole model.
        assert_eq!(detector.picture(whole.size).size, whole.size, "{model}");
        let frames = footage::frames(VIDEO, SOURCE, cut, 40, INTERVAL_US).unwrap();
        let barred: Vec<Frame> = frames.iter().map(|frame| with_bars(frame, &cut, &whole)).collect();
        let (_, top, _, height) = whole.placement(SOURCE);
        let unbarred = |b: BoxF| {
            let down = |y: f64| (y * f64::from(whole.size.height) - f64::from(top)) / f64::from(height);
            BoxF { top: down(b.top), bottom: down(b.bottom), ..b }
        };
        let sure = |seen: &DetectedFrame| {
            let sure = seen.detections.iter().filter(|d| d.class == 0 && d.confidence.0 >= 5000);
            sure.map(|d| BoxF::from(d.bbox)).collect::<Vec<_>>()
        };
        let mut score = Score::default();
        for (cut, whole) in look(&detector, SOURCE, &frames).iter().zip(look(&detector, whole.size, &barred))
        {
            let wanted: Vec<BoxF> = sure(&whole).into_iter().map(unbarred).collect();
            score.add(&wanted, &sure(cut));
        }
        println!("{model}: {score:?}");
        assert!(score.there > 80, "{model}: {score:?}");
        assert!(score.recall() >= least && score.precision() >= least, "{model}: {score:?}");
    }
}

/// A picture for `cut` as one for `whole`: the same, but for more rows above or below.
fn with_bars(frame: &Frame, cut: &Picture, whole: &Picture) -> Frame {
    let (Fit::TopLeft { pad } | Fit::Centre { pad }) = whole.fit else { panic!("it has no bars") };
    let width = whole.size.width as usize;
    let rows = |picture: &Picture| (picture.placement(SOURCE).1 as usize, picture.size.height as usize);
    let ((top, height), (top_left, left)) = (rows(whole), rows(cut));
    let above = vec![pad; (top - top_left) * width];
    let below = vec![pad; (height - left) * width - above.len()];
    let planes = frame.data.chunks_exact(left * width);
    let data: Vec<u8> = planes.flat_map(|rows| [&above, rows, &below].concat()).collect();
    Frame { time: frame.time, data: data.into() }
}

/// Portrait, and what is wider than two to one.
#[test]
fn any_shape_is_looked_at() {
    let Some(path) = footage::data("models/yolov8n_640_int8.onnx") else { return };
    if !has_runtime() {
        return;
    }
    let detector = OnnxDetector::open(&options(&path)).unwrap();
    for (source, cut) in [
        ((1080, 1920), (384, 640)),
        ((1920, 1080), (640, 384)),
        ((3840, 1080), (640, 320)),
        ((1, 4000), (320, 640)),
    ] {
        let source = FrameSize { width: source.0, height: source.1 };
        let picture = detector.picture(source);
        assert_eq!((picture.size.width, picture.size.height), cut, "{source:?}");
        let frames = [Frame { time: Default::default(), data: vec![114; picture.bytes()].into() }];
        assert!(look(&detector, source, &frames)[0].detections.is_empty(), "{source:?}");
    }
}

/// Those whose graph holds something for cells that is not understood, or that have no bars.
#[test]
fn other_models_stay_whole() {
    for model in ["yolov5n_640_fp16io", "nanodet_m_416", "ssd_mobilenet_v1_300_uint8"] {
        let Some(path) = footage::data(&format!("models/{model}.onnx")) else { return };
        if !has_runtime() {
            return;
        }
        let detector = OnnxDetector::open(&options(&path)).unwrap();
        assert!(!detector.explain().cut, "{model}");
        assert_eq!(detector.picture(SOURCE).size, detector.explain().picture.size, "{model}");
    }
}
