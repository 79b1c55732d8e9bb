//! Whatever can be wrong with a model, a library or an option is said when the detector is opened, with what
//! to do about it.

use std::num::NonZeroUsize;

use camcount_detect::{Detect, DetectError, OnnxDetector, OnnxOptions, installation};
use camcount_domain::{Frame, FrameSize, MediaTime};

use super::{
    footage, has_runtime, options,
    tiny::{Twist, model},
};

/// The message of an error and of all behind it.
fn said(options: &OnnxOptions) -> String {
    let error = OnnxDetector::open(options).err().expect("it cannot be opened");
    assert!(error.is_environment(), "no segment is at fault: {error}");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn what_cannot_be_opened_says_why() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        options(&path)
    };
    let plain = model(Twist::Plain, Some(1), "['person', 'car']");
    let good = write("good.onnx", &plain);
    OnnxDetector::open(&good).unwrap();

    let table: [(OnnxOptions, &[&str]); 16] = [
        (options(&folder.path().join("none.onnx")), &["none.onnx cannot be read", "No such file"]),
        (write("text.onnx", b"no model"), &["text.onnx cannot be loaded as an ONNX model"]),
        (write("empty.onnx", b""), &["empty.onnx cannot be loaded"]),
        (write("cut.onnx", &plain[..plain.len() / 2]), &["cut.onnx cannot be loaded"]),
        (
            write("never.onnx", &model(Twist::Never, Some(1), "['person', 'car']")),
            &["never.onnx loads, but fails when run", "Gather"],
        ),
        (
            write("three.onnx", &model(Twist::Plain, Some(1), "['a', 'b', 'c']")),
            &["it names 3 classes", "(1,6,84)"],
        ),
        (write("unnamed.onnx", &model(Twist::Plain, Some(1), "")), &["2 classes and does not name them"]),
        (
            OnnxOptions { batch: NonZeroUsize::new(4), ..good.clone() },
            &["batches of 4", "exported for batches of 1"],
        ),
        (
            OnnxOptions { device: "cuda".parse().unwrap(), ..good.clone() },
            &["device cuda is not in", "has cpu"],
        ),
        (OnnxOptions { device: "coreml".parse().unwrap(), ..good.clone() }, &["device coreml is not in"]),
        (
            OnnxOptions { layout: Some("yolov3".to_owned()), ..good.clone() },
            &["no layout is called \"yolov3\"", "YOLOX, YOLOv5"],
        ),
        (
            OnnxOptions { layout: Some("ssd".to_owned()), ..good.clone() },
            &["(1,6,84)", "not SSD: it has 1 outputs"],
        ),
        (
            OnnxOptions { classes: Some(vec!["person".to_owned()]), ..good.clone() },
            &["it names 1 classes", "not YOLOv8"],
        ),
        (OnnxOptions { score_floor: f32::NAN, ..good.clone() }, &["score floor is NaN"]),
        (OnnxOptions { overlap: 1.5, ..good.clone() }, &["overlap is 1.5"]),
        (
            OnnxOptions { library: Some("/nowhere/lib.so".into()), ..good.clone() },
            &["/nowhere/lib.so", "already loaded"],
        ),
    ];
    for (options, wanted) in table {
        if options.device.to_string() == "cuda" && installation(None).unwrap().devices.len() > 1 {
            continue;
        }
        let said = said(&options);
        for part in wanted {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
    }
}

#[test]
fn names_can_be_given() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unnamed.onnx");
    std::fs::write(&path, model(Twist::Plain, Some(1), "")).unwrap();
    let classes = Some(vec!["person".to_owned(), "tram".to_owned()]);
    OnnxDetector::open(&OnnxOptions { classes, ..options(&path) }).unwrap();
}

#[test]
fn real_models_that_cannot_be_used_say_why() {
    if !has_runtime() {
        return;
    }
    let table: [(&str, &[&str]); 2] = [
        ("BROKEN_yolov10n_int8_320", &["loads, but fails when run", "Reshape"]),
        ("yolo_fastestv2_352", &["unknown layout", "(1,12,22,22)", "not YOLOX", "not NanoDet", "not SSD"]),
    ];
    for (name, wanted) in table {
        let Some(path) = footage::data(&format!("models/{name}.onnx")) else { return };
        let said = said(&options(&path));
        for part in wanted {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
    }
}

#[test]
fn frames_of_another_size_are_refused() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.onnx");
    std::fs::write(&path, model(Twist::Plain, Some(1), "['person', 'car']")).unwrap();
    let detector = OnnxDetector::open(&options(&path)).unwrap();
    let frame = Frame { time: MediaTime(5), data: vec![0; 7].into() };
    let refused = detector.submit(frame, FrameSize { width: 64, height: 64 }, None).wait().unwrap_err();
    assert!(matches!(refused, DetectError::WrongPicture { wanted: 12288, got: 7, .. }), "{refused}");
    assert!(!refused.is_environment());
}

#[test]
fn the_installation_is_described() {
    if !has_runtime() {
        return;
    }
    let found = installation(None).unwrap();
    println!("{found:?}");
    assert!(found.path.is_absolute() && !found.version.is_empty());
    assert_eq!(found.devices[0].as_str(), "cpu");
}
