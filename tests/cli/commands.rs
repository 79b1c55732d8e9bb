//! Help, settings, completions, the doctor, and what is refused for the user's sake.

use std::fs;

use crate::harness::{Camcount, STREET, stderr, street};

#[test]
fn settings_come_in_layers_and_say_where_from() {
    let camcount = Camcount::new();
    fs::write(camcount.path("camcount.toml"), "workers = 3\nlog = \"info\"\nhwaccel = \"auto\"\n").unwrap();
    let output = camcount
        .command(["config", "show", "--log", "debug"])
        .env("CAMCOUNT_HWACCEL", "none")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for line in [
        "workers = 3  # camcount.toml",
        "log = \"debug\"  # command line",
        "hwaccel = \"none\"  # environment",
        "ffmpeg = \"ffmpeg\"  # default",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let back: toml::Table = said.parse().unwrap();
    assert_eq!(back["workers"].as_integer(), Some(3));

    fs::write(camcount.path("camcount.toml"), "wokers = 3\n").unwrap();
    let error = camcount.fails(2, ["config", "show"]);
    assert!(error.contains("camcount.toml") && error.contains("wokers"), "{error}");
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Camcount::new().ok(["completions", shell]);
        assert!(script.contains("camcount") && script.contains("replay"), "{shell}");
    }
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_mend_it() {
    let camcount = Camcount::new();
    let output = camcount.run(["doctor", "--ffmpeg", "/nowhere/ffmpeg"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("missing  FFmpeg") && said.contains("apt-get install ffmpeg"), "{said}");
    let output = camcount.run(["doctor", "--onnxruntime", "/nowhere/libonnxruntime.so"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("missing  ONNX Runtime") && said.contains("infra/setup"), "{said}");
}

#[test]
fn what_is_read_is_never_written_over() {
    let camcount = Camcount::new();
    let video = camcount.path("a.mp4");
    fs::copy(street(), &video).unwrap();
    let video = video.to_str().unwrap();
    let error = camcount.fails(2, [&["count", video, "--annotate", video], &STREET[..]].concat());
    assert!(error.contains("among the inputs"), "{error}");
    let error = camcount.fails(2, ["demo", "--video", video]);
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(fs::read(video).unwrap(), fs::read(street()).unwrap());
}

#[test]
fn cameras_of_one_name_are_not_mixed() {
    let camcount = Camcount::new();
    let other = camcount.path("other");
    fs::create_dir(&other).unwrap();
    let other = other.join("street.mp4");
    fs::copy(street(), &other).unwrap();
    let error = camcount.fails(2, [&["count", street(), other.to_str().unwrap()], &STREET[..]].concat());
    assert!(error.contains("street") && error.contains("--name"), "{error}");
}

#[test]
fn there_is_nothing_to_watch_in_a_data_folder() {
    let error = Camcount::new().fails(2, ["watch", "gate"]);
    assert!(error.contains("camcount counts") && error.contains("NATS_URL"), "{error}");
}

/// Like `camcount completions bash | head -0`.
#[test]
fn a_reader_who_leaves_is_no_failure() {
    for args in [&["completions", "bash"][..], &["config", "show"], &["doctor"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Camcount::new().command(args).stdout(writer).output().unwrap();
        let error = stderr(&output);
        assert!(output.status.success() && error.is_empty(), "{args:?}: {error}");
    }
}
