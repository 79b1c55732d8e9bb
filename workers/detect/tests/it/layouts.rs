//! Every recognised layout on real footage with known people.

use camcount_detect::{Detect, OnnxDetector};
use camcount_domain::{BoxF, FrameSize, Rate};

use super::{Score, footage, has_runtime, look, options};

pub(crate) const VIDEO: &str = "vtest_pets09s2l1_480x360.mp4";
pub(crate) const SOURCE: FrameSize = FrameSize { width: 480, height: 360 };
pub(crate) const INTERVAL_US: i64 = 100_000;

/// The true people of each frame, from 0.
pub(crate) fn people() -> Option<Vec<Vec<BoxF>>> {
    let path = footage::data("mot/MOT15/PETS09-S2L1/gt/gt_480x360.txt")?;
    let mut people = Vec::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let numbers: Vec<f64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let (frame, x, y, w, h) = (numbers[0] as usize - 1, numbers[2], numbers[3], numbers[4], numbers[5]);
        people.resize(people.len().max(frame + 1), Vec::new());
        let unit = |x: f64, y: f64| (x / 480.0, y / 360.0);
        let ((left, top), (right, bottom)) = (unit(x, y), unit(x + w, y + h));
        people[frame].push(BoxF { left, top, right, bottom });
    }
    Some(people)
}

/// Finds people in every 40th frame, and compares with the truth.
fn finds_people(model: &str, layout: &str, recall: f64, precision: f64) {
    let (Some(path), Some(people)) = (footage::data(&format!("models/{model}")), people()) else { return };
    if !has_runtime() {
        return;
    }
    let detector = OnnxDetector::open(&options(&path)).unwrap();
    let described = detector.describe(Rate::DEFAULT);
    assert_eq!((described.layout.as_str(), described.classes.len()), (layout, 80));
    assert_eq!(described.classes[0], "person");
    let frames = footage::frames(VIDEO, SOURCE, detector.picture(), 40, INTERVAL_US).unwrap();
    assert_eq!(frames.len(), 20);

    let mut score = Score::default();
    for (seen, number) in look(&detector, SOURCE, &frames).iter().zip((0..).step_by(40)) {
        assert_eq!(seen.time.0, number as i64 * INTERVAL_US);
        let sure = seen.detections.iter().filter(|d| d.class == 0 && d.confidence.0 >= 5000);
        score.add(&people[number], &sure.map(|d| BoxF::from(d.bbox)).collect::<Vec<_>>());
    }
    println!("{model}: recall {:.3}, precision {:.3}, {score:?}", score.recall(), score.precision());
    assert!(score.recall() >= recall && score.precision() >= precision, "{score:?}");
}

#[test]
fn yolox_finds_people() {
    finds_people("yolox_nano_416.onnx", "yolox raw grid", 0.88, 0.82);
}

#[test]
fn yolov8_finds_people() {
    finds_people("yolov8n_640_fp32_dequant.onnx", "yolov8", 0.9, 0.92);
}

#[test]
fn quantised_yolov8_finds_people() {
    finds_people("yolov8n_640_int8.onnx", "yolov8", 0.9, 0.92);
}
