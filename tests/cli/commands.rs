//! Help, settings, and what is said when something is wrong.

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
fn what_is_wrong_is_named_with_its_remedy() {
    let camcount = Camcount::new();
    let text = camcount.path("text.mp4");
    fs::write(&text, "this is no video").unwrap();
    let text = text.to_str().unwrap();
    let empty = camcount.path("empty.mp4");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let line = ["--line", "l: 0.5,0 -> 0.5,1"];
    let cases: [(i32, &[&str], &[&str]); 12] = [
        (2, &["count", street()], &["nothing to count", "--line"]),
        (2, &["count", street(), "--line", "l: 0.5,0"], &["line l", "->"]),
        (2, &["count", street(), "--line", "l: 0.5,0 -> 1.5,1"], &["1.5", "0..1"]),
        (2, &["count", street(), "--line", "l: 0.5,0 -> 0.5,0"], &["line l", "starts where it ends"]),
        (2, &["count", street(), "--line", "l: 0,0 -> 5000px,9px"], &["line l", "960x540"]),
        (2, &["count", street(), "--zone", "z: 0,0 1,1 1,0 0,1"], &["zone z", "touch"]),
        (1, &["count", "nowhere.mp4", line[0], line[1]], &["nowhere.mp4", "check the name"]),
        (1, &["count", text, line[0], line[1]], &["text.mp4"]),
        (1, &["count", empty, line[0], line[1]], &["empty.mp4", "empty"]),
        (2, &["count", street(), line[0], line[1], "--classes", "unicorn"], &["unicorn", "person"]),
        (1, &["count", street(), line[0], line[1], "--model", "no.onnx"], &["no.onnx"]),
        (2, &["count", street(), line[0], line[1], "--fps", "0"], &["frames a second"]),
    ];
    for (code, args, parts) in cases {
        let error = camcount.fails(code, args);
        assert!(parts.iter().all(|part| error.contains(part)), "{args:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
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

#[test]
fn one_data_folder_has_one_owner() {
    let camcount = Camcount::new();
    let data = camcount.path("data");
    fs::create_dir(&data).unwrap();
    let owner = fs::File::create(data.join("lock")).unwrap();
    owner.lock().unwrap();
    let error = camcount.fails(1, [&["count", street()], &STREET[..]].concat());
    assert!(error.contains("another camcount") && error.contains("--data-dir"), "{error}");
}

#[test]
fn missing_programs_are_explained_and_lose_nothing() {
    let camcount = Camcount::new();
    camcount.count([&[street()], &STREET[..]].concat());
    let args = [&["count", street(), "--ffmpeg", "/nowhere/ffmpeg"], &STREET[..]].concat();
    let error = camcount.fails(1, args);
    assert!(error.contains("/nowhere/ffmpeg") && error.contains("install"), "{error}");
    let output = camcount.run([&["count", street(), "--log", "camcount=debug"], &STREET[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("segment detected"), "it looked again: {}", stderr(&output));
}
