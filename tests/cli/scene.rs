//! The demo, and real footage with known counts.

use jsonschema::validator_for;
use serde_json::Value;

use crate::harness::{Camcount, STREET, comparable, demo, in_out, street, test_data};

const PEOPLE: [&str; 6] =
    ["--line", "a: 240px,0 -> 240px,360px", "--line", "b: 350px,0 -> 350px,360px", "--classes", "person"];

#[test]
fn the_demo_counts_what_is_true() {
    let (_, said) = demo();
    assert!(said.contains("every count is true"), "{said}");
    assert!(said.lines().filter(|line| line.starts_with("door")).count() == 4, "{said}");
}

/// Both encodings hold the same frames. The truth (from the published tracks): 18 people to the left over
/// x = 240 and 13 to the right, 19 and 15 over x = 350.
#[test]
fn people_are_counted_in_both_encodings() {
    let (Some(mp4), Some(avi), Some(model)) = (
        test_data("videos/vtest_pets09s2l1_480x360.mp4"),
        test_data("videos/vtest_pets09s2l1_480x360.avi"),
        test_data("models/yolox_nano_416.onnx"),
    ) else {
        return;
    };
    let [mp4, avi] = [mp4, avi].map(|video| {
        let document = Camcount::new().count([&[&*video, "--model", &*model], &PEOPLE[..]].concat());
        assert_eq!(document["coverage"], serde_json::json!({ "observed_s": 79.5, "gap_s": 0.0 }));
        [in_out(&document, "a"), in_out(&document, "b")]
    });
    for (counted, truth) in mp4.into_iter().zip([(18, 13), (19, 15)]) {
        assert!(
            (counted.0 - truth.0).abs() <= 3 && (counted.1 - truth.1).abs() <= 3,
            "{counted:?} {truth:?}"
        );
    }
    for (one, other) in mp4.into_iter().zip(avi) {
        assert!((one.0 - other.0).abs() <= 1 && (one.1 - other.1).abs() <= 1, "{one:?} {other:?}");
    }
}

#[test]
fn the_document_is_what_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../src/report/count.schema.json")).unwrap();
    let validator = validator_for(&schema).unwrap();
    let document = Camcount::new().count([&[street()], &STREET[..]].concat());
    let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(document["crossings"].as_array().unwrap().len() >= 20);
    let mut wrong = document.clone();
    wrong["crossings"][0]["direction"] = "up".into();
    assert!(!validator.is_valid(&wrong), "the schema accepts anything");
}

#[test]
fn a_moved_line_recounts_without_looking_again() {
    let camcount = Camcount::new();
    let args = |line: &'static str| [street(), "--line", line, "--log", "camcount=debug"];
    let first = camcount.run([&["count"], &args("l: 0.5,0 -> 0.5,1")[..]].concat());
    assert!(String::from_utf8_lossy(&first.stderr).contains("segment detected"));
    let second = camcount.run([&["count"], &args("l: 0.6,0 -> 0.6,1")[..]].concat());
    let log = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.success() && log.contains("segment counted"), "{log}");
    assert!(!log.contains("segment detected"), "it looked again: {log}");
    // And as if it had been counted so from the start.
    let moved = camcount.count([street(), "--line", "l: 0.6,0 -> 0.6,1"]);
    let fresh = Camcount::new().count([street(), "--line", "l: 0.6,0 -> 0.6,1"]);
    assert_eq!(comparable(moved), comparable(fresh));
}

#[test]
fn mirrored_lines_swap_in_and_out() {
    let camcount = Camcount::new();
    let there = in_out(&camcount.count([street(), "--line", "l: 0.5,0 -> 0.5,1"]), "l");
    let back = in_out(&camcount.count([street(), "--line", "l: 0.5,1 -> 0.5,0"]), "l");
    assert_eq!(there, (back.1, back.0));
    assert!(there.0 + there.1 > 10);
}
