//! The gate: a model is spared the frames in which nothing moves, and counts the same.

use serde_json::Value;

use crate::harness::{Camcount, ffmpeg, test_data};

/// Counts and occupancy without and behind a gate.
fn both(args: &[&str]) -> [Value; 2] {
    ["off", "motion"].map(|gate| Camcount::new().count([args, &["--gate", gate]].concat()))
}

fn number(document: &Value, name: &str) -> u64 {
    document["segments"][name].as_u64().unwrap()
}

#[test]
fn counts_of_real_footage_are_the_same() {
    let (Some(video), Some(model)) =
        (test_data("videos/car-detection.mp4"), test_data("models/yolox_nano_416.onnx"))
    else {
        return;
    };
    let [plain, gated] = both(&[&video, "--model", &model, "--line", "l: 0,0.5 -> 1,0.5"]);
    assert_eq!(gated["lines"], plain["lines"]);
    let [frames, spared] = ["frames", "spared"].map(|name| number(&gated, name));
    assert_eq!((frames, number(&plain, "spared")), (number(&plain, "frames"), 0));
    // The sky changes and cars come and go: a quarter of the frames is still.
    assert!(4 * spared > frames && 2 * spared < frames, "{spared} of {frames}");
    // Neither takes the other's detections.
    assert_ne!(gated["model"], plain["model"]);
}

/// Pedestrians walk for six seconds, stand as they are for ten, and walk on.
#[test]
fn who_stops_stays_the_same_person_and_stays_inside() {
    let (Some(video), Some(model)) =
        (test_data("videos/vtest_pets09s2l1_480x360.mp4"), test_data("models/yolox_nano_416.onnx"))
    else {
        return;
    };
    let made = Camcount::new();
    let halting = made.path("halting.mp4");
    let halting = halting.to_str().unwrap();
    let stop = "loop=loop=100:size=1:start=60,setpts=N/10/TB";
    ffmpeg(["-i", &video, "-vf", stop, "-frames:v", "220", "-preset", "ultrafast", halting]);
    let rules =
        ["--classes", "person", "--line", "l: 0.5,0 -> 0.5,1", "--zone", "z: 0.2,0 0.8,0 0.8,1 0.2,1"];
    let [plain, gated] = both(&[&[halting, "--model", &model], &rules[..]].concat());
    assert!(number(&gated, "spared") >= 80, "{}", gated["segments"]);
    assert_eq!(gated["lines"], plain["lines"]);
    let zone = |document: &Value| document["zones"][0].clone();
    let (before, after) = (zone(&plain), zone(&gated));
    for name in ["entered", "left"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    let of = |zone: &Value, what: &str, name: &str| zone[what][name].as_f64().unwrap();
    assert_eq!(of(&after, "occupancy", "max"), of(&before, "occupancy", "max"));
    assert_eq!(of(&after, "dwell_s", "visits"), of(&before, "dwell_s", "visits"));
    let off = (of(&after, "occupancy", "mean") / of(&before, "occupancy", "mean") - 1.0).abs();
    assert!(off < 0.05, "occupancy is off by {off}");
    // Whoever stood there stood there for all of the time.
    assert!(of(&after, "dwell_s", "max") > 10.0, "{after}");
}
