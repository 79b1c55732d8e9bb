//! `model inspect`: what is recognised, and what is seen.

use serde_json::Value;

use crate::harness::{Camcount, ffmpeg, test_data};

/// The first frame of the street with people, as a picture.
fn picture(camcount: &Camcount) -> Option<String> {
    let video = test_data("videos/vtest_pets09s2l1_480x360.mp4")?;
    let picture = camcount.path("street.png").to_str().unwrap().to_owned();
    ffmpeg(["-i", &video, "-frames:v", "1", &picture]);
    Some(picture)
}

#[test]
fn a_model_says_what_it_is_and_what_it_sees() {
    let camcount = Camcount::new();
    let (Some(model), Some(picture)) = (test_data("models/yolox_nano_416.onnx"), picture(&camcount)) else {
        return;
    };
    let said = camcount.ok(["model", "inspect", &model]);
    for part in [
        "layout   yolox raw grid",
        "3549 cells",
        "images f32 (1,3,416,416)",
        "416x416 BGR, aspect kept, at the top left, 114 around",
        "80, from COCO: person, bicycle",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(!said.contains("confidence"), "{said}");
    let said = camcount.ok(["model", "inspect", &model, &picture]);
    assert!(said.contains("in the picture of 480x360") && said.contains("person"), "{said}");
}

#[test]
fn what_is_seen_comes_as_json_with_boxes_in_pixels() {
    let camcount = Camcount::new();
    let (Some(model), Some(picture)) = (test_data("models/picodet_s_320_coco.onnx"), picture(&camcount))
    else {
        return;
    };
    let said = camcount.ok(["model", "inspect", &model, &picture, "--json", "--score", "0.4"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["layout"], "picodet");
    assert_eq!(document["picture"]["fit"]["centre"]["pad"], 0);
    assert_eq!(document["classes"].as_array().unwrap().len(), 80);
    assert!(!document["reasons"].as_array().unwrap().is_empty());
    assert_eq!(document["seen"]["size"]["width"], 480);
    let detections = document["seen"]["detections"].as_array().unwrap();
    for seen in detections {
        let [left, top, width, height] = [0, 1, 2, 3].map(|at| seen["box_px"][at].as_f64().unwrap());
        assert!(left >= 0.0 && top >= 0.0 && left + width <= 480.5 && top + height <= 360.5, "{seen}");
        assert!(seen["confidence"].as_f64().unwrap() >= 0.4, "{seen}");
    }
    // The truth's three people who are wholly in the picture: the middles of their boxes.
    for (x, y) in [(321.7, 122.1), (171.6, 164.4), (409.0, 176.5)] {
        let there = |seen: &Value| {
            let [left, top, width, height] = [0, 1, 2, 3].map(|at| seen["box_px"][at].as_f64().unwrap());
            let near = (left + width / 2.0 - x).abs() < 8.0 && (top + height / 2.0 - y).abs() < 12.0;
            seen["class"] == "person" && near
        };
        assert!(detections.iter().any(there), "nobody at {x}, {y} in {said}");
    }
}

#[test]
fn what_is_not_recognised_is_told() {
    let camcount = Camcount::new();
    let Some(model) = test_data("models/yolo_fastestv2_352.onnx") else { return };
    let error = camcount.fails(1, ["model", "inspect", &model]);
    assert!(error.contains("unknown layout") && error.contains("(1,12,22,22)"), "{error}");
    let error = camcount.fails(1, ["model", "inspect", &model, "--layout", "YOLOv3"]);
    assert!(error.contains("no layout is called") && error.contains("NanoDet"), "{error}");
}
