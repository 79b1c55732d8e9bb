//! `model`: what is recognised and what is seen, and models by name.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    harness::{Camcount, STREET, comparable, ffmpeg, stderr, street, test_data},
    tiny::{self, Twist},
};

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
    let error = camcount.fails(2, ["model", "inspect", &model, "--layout", "YOLOv3"]);
    assert!(error.contains("no layout is called") && error.contains("NanoDet"), "{error}");
}

/// A tiny model in a file of its own; another `twist` makes other bytes.
fn tiny(camcount: &Camcount, file: &str, twist: Twist, names: &str) -> String {
    let path = camcount.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, tiny::model(twist, None, names)).unwrap();
    path.to_str().unwrap().to_owned()
}

const NAMES: &str = "{0: 'person', 1: 'car'}";

/// Counts the first seconds of the street.
fn counting(model: &str) -> Vec<&str> {
    [&[street(), "--model", model, "--to", "2"], &STREET[..]].concat()
}

/// The registered models, as a program is told.
fn listed(camcount: &Camcount) -> Vec<Value> {
    serde_json::from_str(&camcount.ok(["model", "list", "--format", "json"])).unwrap()
}

/// Where the copy of the file is.
fn copy_of(camcount: &Camcount, model: &Value) -> std::path::PathBuf {
    camcount.path("data/blobs/models").join(format!("{}.onnx", model["sha256"].as_str().unwrap()))
}

#[test]
fn models_are_registered_listed_and_shown() {
    let camcount = Camcount::new();
    assert_eq!(listed(&camcount), [Value::Null; 0]);
    let one = tiny(&camcount, "gate.onnx", Twist::Plain, NAMES);
    let other = tiny(&camcount, "best.onnx", Twist::Mixing, NAMES);
    let said = camcount.ok(["model", "add", &one]);
    assert!(said.contains("added gate@1: YOLOv8, 64x64, 2 classes"), "{said}");
    for again in [&["model", "add", &one][..], &["model", "add", &one, "--version", "1"]] {
        let said = camcount.ok(again);
        assert!(said.contains("gate@1 is registered already"), "{said}");
    }
    let error = camcount.fails(1, ["model", "add", &other, "--name", "gate", "--version", "1"]);
    assert!(
        error.contains("gate@1") && error.contains("another file") && error.contains("version"),
        "{error}"
    );
    camcount.ok(["model", "add", &other, "--name", "gate"]);
    camcount.ok(["model", "add", &one, "--name", "far", "--version", "2026-05"]);

    let models = listed(&camcount);
    let names: Vec<_> = models
        .iter()
        .map(|m| format!("{}@{}", m["name"].as_str().unwrap(), m["version"].as_str().unwrap()))
        .collect();
    assert_eq!(names, ["far@2026-05", "gate@2", "gate@1"]);
    assert_eq!(models[0]["sha256"], models[2]["sha256"]);
    assert_eq!(fs::read(copy_of(&camcount, &models[2])).unwrap(), fs::read(&one).unwrap());
    assert_eq!(models[2]["bytes"], fs::read(&one).unwrap().len());
    assert_eq!(fs::read_dir(camcount.path("data/blobs/models")).unwrap().count(), 2, "one copy a content");
    let table = camcount.ok(["model", "list"]);
    assert!(table.contains("2026-05") && table.contains("64x64") && table.contains("YOLOv8"), "{table}");
    let csv = camcount.ok(["model", "list", "--format", "csv"]);
    assert!(csv.starts_with("name,version,layout,") && csv.lines().count() == 4, "{csv}");

    let said = camcount.ok(["model", "show", "gate"]);
    assert!(said.contains("gate@2") && said.contains("2: person, car"), "{said}");
    let said: Value = serde_json::from_str(&camcount.ok(["model", "show", "gate@1", "--json"])).unwrap();
    assert_eq!(said, models[2]);
    let error = camcount.fails(1, ["model", "show", "gate@3"]);
    assert!(error.contains("gate@3 is not registered") && error.contains("gate@2, gate@1"), "{error}");
}

#[test]
fn a_registered_model_counts_like_its_file() {
    let (by_file, by_name) = (Camcount::new(), Camcount::new());
    let file = tiny(&by_file, "gate.onnx", Twist::Plain, NAMES);
    by_name.ok(["model", "add", &file]);
    let counted = by_file.count(counting(&file));
    assert!(counted["model"].as_str().unwrap().starts_with("gate@"));
    assert_eq!(comparable(by_name.count(counting("gate"))), comparable(counted.clone()));
    // The name goes on meaning a file where there is one.
    fs::write(by_name.path("gate"), tiny::model(Twist::Mixing, None, NAMES)).unwrap();
    assert_ne!(by_name.count(counting("gate"))["model"], counted["model"]);
    fs::remove_file(by_name.path("gate")).unwrap();

    let other = tiny(&by_name, "other.onnx", Twist::Mixing, NAMES);
    by_name.ok(["model", "add", &other, "--name", "gate"]);
    assert_ne!(by_name.count(counting("gate"))["model"], counted["model"], "the newest is meant");
    let output = by_name.run([vec!["count", "--log", "camcount=debug"], counting("gate@1")].concat());
    assert!(output.status.success() && !stderr(&output).contains("segment detected"), "{}", stderr(&output));
}

#[test]
fn a_real_model_counts_the_same_by_name() {
    let Some(model) = test_data("models/yolox_nano_416.onnx") else { return };
    let Some(video) = test_data("videos/vtest_pets09s2l1_480x360.mp4") else { return };
    let line = "middle: 0.5,0 -> 0.5,1";
    let count = |model: &str| {
        [&video, "--model", model, "--to", "6", "--fps", "7", "--line", line].map(str::to_owned)
    };
    let (by_file, by_name) = (Camcount::new(), Camcount::new());
    by_name.ok(["model", "add", &model]);
    let counted = by_file.count(count(&model));
    assert!(!counted["crossings"].as_array().unwrap().is_empty(), "{counted}");
    assert_eq!(comparable(by_name.count(count("yolox_nano_416@1"))), comparable(counted));
}

#[test]
fn what_is_no_model_is_told_with_what_there_is() {
    let camcount = Camcount::new();
    let error = camcount.fails(1, [vec!["count"], counting("gate")].concat());
    assert!(
        error.contains("gate is neither a file nor") && error.contains("no model is registered"),
        "{error}"
    );
    let one = tiny(&camcount, "gate.onnx", Twist::Plain, NAMES);
    camcount.ok(["model", "add", &one]);
    for wrong in ["gale", "gate@7", "models/gate.onnx", "data"] {
        let error = camcount.fails(1, [vec!["count"], counting(wrong)].concat());
        assert!(error.contains(wrong) && error.contains("gate@1") && error.contains("model add"), "{error}");
    }
    let text = camcount.path("notes.onnx");
    fs::write(&text, "no model at all").unwrap();
    let error = camcount.fails(1, ["model", "add", text.to_str().unwrap()]);
    assert!(error.contains("notes.onnx") && error.contains("ONNX model"), "{error}");
    let spaced = tiny(&camcount, "my gate.onnx", Twist::Plain, NAMES);
    let error = camcount.fails(1, ["model", "add", &spaced]);
    assert!(error.contains("my gate") && error.contains("--name"), "{error}");
    let error = camcount.fails(2, ["model", "add", &one, "--name", "motion"]);
    assert!(error.contains("detector without a model"), "{error}");
    assert_eq!(listed(&camcount).len(), 1);
}

#[test]
fn classes_that_a_model_does_not_name_are_registered_with_it() {
    let camcount = Camcount::new();
    let model = tiny(&camcount, "unnamed.onnx", Twist::Plain, "");
    let error = camcount.fails(1, ["model", "add", &model]);
    assert!(error.contains("2 classes") && error.contains("--classes"), "{error}");
    camcount.ok(["model", "add", &model, "--classes", "person,räder"]);
    assert_eq!(listed(&camcount)[0]["classes"], serde_json::json!(["person", "räder"]));
    let error = camcount.fails(2, [vec!["count"], counting("unnamed"), vec!["--classes", "car"]].concat());
    assert!(error.contains("räder"), "{error}");
    let error = camcount.fails(1, ["model", "add", &model, "--classes", "person,car", "--version", "1"]);
    assert!(error.contains("other classes"), "{error}");
}

#[test]
fn a_lost_or_damaged_copy_is_told_and_replaced() {
    let camcount = Camcount::new();
    let file = tiny(&camcount, "gate.onnx", Twist::Plain, NAMES);
    camcount.ok(["model", "add", &file]);
    let copy = copy_of(&camcount, &listed(&camcount)[0]);
    let damage: [fn(&Path); 2] = [
        |copy| fs::write(copy, tiny::model(Twist::Mixing, None, NAMES)).unwrap(),
        |copy| fs::remove_file(copy).unwrap(),
    ];
    for damage in damage {
        damage(&copy);
        let error = camcount.fails(1, [vec!["count"], counting("gate")].concat());
        assert!(error.contains("gate@1 is lost or damaged") && error.contains("add"), "{error}");
        camcount.ok(["model", "add", &file]);
        camcount.count(counting("gate"));
    }
}

#[test]
fn what_is_removed_is_forgotten_and_its_counts_stay() {
    let camcount = Camcount::new();
    let one = tiny(&camcount, "gate.onnx", Twist::Plain, NAMES);
    let other = tiny(&camcount, "best.onnx", Twist::Mixing, NAMES);
    camcount.ok(["model", "add", &one]);
    camcount.ok(["model", "add", &one, "--name", "twin"]);
    camcount.ok(["model", "add", &other, "--name", "gate"]);
    let counted = camcount.count(counting("gate@1"));
    let error = camcount.fails(1, ["model", "remove", "gate"]);
    assert!(error.contains("several versions") && error.contains("gate@2, gate@1"), "{error}");

    let copy = copy_of(&camcount, &listed(&camcount)[2]);
    let said = camcount.ok(["model", "remove", "twin"]);
    assert!(said.contains("its file stays") && copy.exists(), "{said}");
    let said = camcount.ok(["model", "remove", "gate@1"]);
    assert!(
        said.contains("removed gate@1 and its copy") && said.contains("stays: 1 pass\n") && !copy.exists(),
        "{said}"
    );
    assert_eq!(listed(&camcount).len(), 1);
    camcount.fails(1, ["model", "remove", "gate@1"]);
    camcount.ok(["model", "add", &one, "--version", "old"]);
    let output = camcount.run([vec!["count", "--log", "camcount=debug"], counting("gate@old")].concat());
    assert!(output.status.success() && !stderr(&output).contains("segment detected"), "{}", stderr(&output));
    assert_eq!(comparable(camcount.count(counting("gate@old"))), comparable(counted));

    // The second input is not there, so the first one's counting never ends.
    camcount.fails(1, [vec!["count", "--fps", "3"], counting("gate@2"), vec!["nowhere.mp4"]].concat());
    let error = camcount.fails(1, ["model", "remove", "gate@2"]);
    assert!(error.contains("is not finished (1 of 1 pass)") && error.contains("--force"), "{error}");
    camcount.ok(["model", "remove", "gate@2", "--force"]);
    assert_eq!(listed(&camcount).len(), 1);
}
