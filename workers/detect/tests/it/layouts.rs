//! Every recognised layout on real footage with known people.

use camcount_detect::{Detect, OnnxDetector};
use camcount_domain::{BoxF, DetectedFrame, FrameSize, Rate};

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

/// A model of the test data with one session; `None`, with a word on stderr, where something is missing.
fn open(model: &str) -> Option<OnnxDetector> {
    let path = footage::data(&format!("models/{model}.onnx"))?;
    has_runtime().then(|| OnnxDetector::open(&options(&path)).unwrap())
}

/// What a detector must find: the model, its layout, how sure it must be (ten-thousandths), and the least recall
/// and precision.
type Wanted = (&'static str, &'static str, u16, f64, f64);

/// Finds people in every 40th frame, and compares with the truth.
fn finds_people((model, layout, sure, recall, precision): Wanted) {
    let (Some(detector), Some(people)) = (open(model), people()) else { return };
    let described = detector.describe(Rate::DEFAULT);
    assert_eq!((described.layout.as_str(), described.classes.len()), (layout, 80));
    assert_eq!(described.classes[0], "person");
    let frames = footage::frames(VIDEO, SOURCE, detector.picture(SOURCE), 40, INTERVAL_US).unwrap();
    assert_eq!(frames.len(), 20);

    let mut score = Score::default();
    for (seen, number) in look(&detector, SOURCE, &frames).iter().zip((0..).step_by(40)) {
        assert_eq!(seen.time.0, number as i64 * INTERVAL_US);
        let sure = seen.detections.iter().filter(|d| d.class == 0 && d.confidence.0 >= sure);
        score.add(&people[number], &sure.map(|d| BoxF::from(d.bbox)).collect::<Vec<_>>());
    }
    assert_score(model, "people", score, recall, precision);
}

fn assert_score(model: &str, what: &str, score: Score, recall: f64, precision: f64) {
    println!("{model}, {what}: recall {:.3}, precision {:.3}, {score:?}", score.recall(), score.precision());
    assert!(score.recall() >= recall && score.precision() >= precision, "{model}: {score:?}");
}

/// The cars, buses and trucks of every 30th frame of the motorway that are sure enough.
fn vehicles(detector: &OnnxDetector, sure: u16) -> Vec<Vec<BoxF>> {
    let source = FrameSize { width: 1024, height: 576 };
    let video = "motorway_cars_trucks_1024x576.mp4";
    let frames = footage::frames(video, source, detector.picture(source), 30, 41_667).unwrap();
    assert_eq!(frames.len(), 11);
    let classes = &detector.explain().classes;
    let vehicle = |class: u16| ["car", "bus", "truck"].contains(&classes[usize::from(class)].as_str());
    let sure = |seen: &DetectedFrame| {
        let sure = seen.detections.iter().filter(|d| vehicle(d.class) && d.confidence.0 >= sure);
        sure.map(|d| BoxF::from(d.bbox)).collect()
    };
    look(detector, source, &frames).iter().map(sure).collect()
}

/// Finds the vehicles on which YOLOv8 (the full one, half sure at least) has its word.
fn agrees_on_vehicles(wanted: &[Wanted]) {
    let Some(reference) = open("yolov8n_640_fp32_dequant") else { return };
    let truth = vehicles(&reference, 5000);
    for (model, layout, sure, recall, precision) in wanted {
        let Some(detector) = open(model) else { return };
        assert_eq!(detector.explain().layout, *layout);
        let mut score = Score::default();
        for (truth, seen) in truth.iter().zip(vehicles(&detector, *sure)) {
            score.add(truth, &seen);
        }
        assert_score(model, "vehicles", score, *recall, *precision);
    }
}

#[test]
fn yolox_finds_people() {
    finds_people(("yolox_nano_416", "yolox raw grid", 5000, 0.88, 0.82));
}

#[test]
fn yolov5_finds_people() {
    finds_people(("yolov5n_640_fp16io", "yolov5", 5000, 0.89, 0.92));
}

#[test]
fn yolov8_finds_people() {
    finds_people(("yolov8n_640_fp32_dequant", "yolov8", 5000, 0.9, 0.92));
    finds_people(("yolov8n_640_int8", "yolov8", 5000, 0.9, 0.92));
}

#[test]
fn end_to_end_models_find_people() {
    finds_people(("yolo26n_640_fp32_dequant_e2e", "end-to-end", 4000, 0.87, 0.91));
    finds_people(("yolo26n_640_int8_e2e", "end-to-end", 4000, 0.84, 0.91));
}

#[test]
fn nanodet_and_picodet_find_people() {
    finds_people(("nanodet_m_416", "nanodet", 4000, 0.9, 0.77));
    finds_people(("picodet_s_320_coco", "picodet", 4000, 0.89, 0.82));
}

/// They all but lose sight of people as small as these, so what counts is [`weak_models_find_vehicles`].
#[test]
fn rt_detr_finds_people() {
    finds_people(("deimv2_atto_fp32_dequant", "rt-detr", 3000, 0.1, 0.4));
    finds_people(("deimv2_atto_coco_int8", "rt-detr", 3000, 0.1, 0.4));
}

/// It answers with ten boxes at most.
#[test]
fn ssd_finds_people() {
    finds_people(("ssd_mobilenet_v1_300_uint8", "ssd", 5000, 0.64, 0.56));
}

#[test]
fn weak_models_find_vehicles() {
    agrees_on_vehicles(&[
        ("deimv2_atto_fp32_dequant", "rt-detr", 3000, 0.4, 0.45),
        ("deimv2_atto_coco_int8", "rt-detr", 3000, 0.36, 0.45),
        ("ssd_mobilenet_v1_300_uint8", "ssd", 4000, 0.6, 0.48),
    ]);
}
