//! What may be hostile around a run, row by row: each ends in an error that names the thing, the place and the
//! remedy, loses nothing, and never in a panic. Each row is shown at the cheapest level that proves it.
//!
//! | what | where it is shown |
//! |---|---|
//! | a model that is missing, none, of an unknown opset, or fails when run | here; more in `workers/detect`: `misbehaving.rs` |
//! | a model without the wanted class | here |
//! | a model whose answers are no numbers | here; a frame alone in `workers/detect`: `repeatable.rs` |
//! | a line with equal ends or outside the picture, a zone that crosses itself, a name given twice | here |
//! | rules as any text | `jobs/domain`: `rules/properties.rs` |
//! | a data folder that cannot be made or written, or holds something else | here |
//! | a full disk, files that may not grow | here; blobs alone in `workers/runtime`: `detecting.rs` |
//! | a second camcount on the same data folder | here |
//! | FFmpeg or ONNX Runtime missing | here; while it runs in `workers/runtime`: `detecting.rs` |
//! | FFmpeg killed or stopped half way, or always | `workers/runtime`: `blame.rs` |
//! | a disk or share that goes away, a detector that fails | `workers/runtime`: `blame.rs` |
//! | detections that are damaged or lost | here; with their footage in `workers/runtime`: `counting.rs` |
//! | camcount killed at any moment | `exactly_once.rs` |
//! | footage | `hostile_footage.rs`; more in `workers/decode`: `broken.rs`, `clocks.rs` |

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    harness::{Camcount, STREET, stderr, street, test_data},
    tiny::{Twist, model},
};

const LINE: [&str; 2] = ["--line", "l: 0.5,0 -> 0.5,1"];

/// Whether ONNX Runtime is there; says so where it is not.
fn has_runtime() -> bool {
    let output = Camcount::new().run(["doctor"]);
    let there = String::from_utf8_lossy(&output.stdout).contains("ok       ONNX Runtime");
    if !there {
        eprintln!("SKIPPED: ONNX Runtime is not installed; run infra/setup");
    }
    there
}

/// Counts in vain: nothing is printed but an error with these parts.
fn refused(camcount: &Camcount, code: i32, args: &[&str], parts: &[&str]) {
    let output = camcount.run(args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in the error of {args:?}: {error}");
    }
    assert!(error.contains("error: ") && !error.contains("panicked"), "{error}");
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
    let twice = [LINE[0], LINE[1], LINE[0], "l: 0,0.5 -> 1,0.5"];
    let cases: [(i32, &[&str], &[&str]); 16] = [
        (2, &[street()], &["nothing to count", "--line"]),
        (2, &[street(), "--line", "l: 0.5,0"], &["line l", "->"]),
        (2, &[street(), "--line", "l: 0.5,0 -> 1.5,1"], &["line l", "1.5", "0..1"]),
        (2, &[street(), "--line", "l: 0.5,0 -> NaN,1"], &["line l", "NaN", "is no number"]),
        (2, &[street(), "--line", "l: 0.5,0 -> 0.5,0"], &["line l", "starts where it ends"]),
        (2, &[street(), "--line", "l: 0,0 -> 5000px,9px"], &["line l", "960x540"]),
        (2, &[street(), "--zone", "z: 0,0 1,1 1,0 0,1"], &["zone z", "touch", "in order"]),
        (2, &[street(), "--zone", "z: 0,0 1,1"], &["zone z", "fewer than three"]),
        (2, &[street(), twice[0], twice[1], twice[2], twice[3]], &["line l", "defined twice"]),
        (2, &[street(), LINE[0], LINE[1], "--classes", "unicorn"], &["unicorn", "person"]),
        (2, &[street(), LINE[0], LINE[1], "--fps", "0"], &["frames a second"]),
        (2, &[street(), LINE[0], LINE[1], "--device", "abacus"], &["device", "abacus", "cuda"]),
        (1, &[street(), LINE[0], LINE[1], "--rules", "no.toml"], &["no.toml", "cannot be read"]),
        (1, &["nowhere.mp4", LINE[0], LINE[1]], &["nowhere.mp4", "check the name"]),
        (1, &[text, LINE[0], LINE[1]], &["text.mp4"]),
        (1, &[empty, LINE[0], LINE[1]], &["empty.mp4", "empty"]),
    ];
    for (code, args, parts) in cases {
        refused(&camcount, code, &[&["count"], args].concat(), parts);
    }
}

/// The tiny model, with another version of the operators than it was written for.
fn of_opset(version: u8) -> Vec<u8> {
    /// Field 8 of a model, in which field 2 is the version: 17.
    const OPSET: [u8; 4] = [0x42, 2, 0x10, 17];
    let mut model = model(Twist::Plain, Some(1), "['person', 'car']");
    let at = model.windows(4).position(|window| window == OPSET).unwrap();
    model[at + 3] = version;
    model
}

#[test]
fn models_that_cannot_count_are_refused_before_anything_is_looked_at() {
    let camcount = Camcount::new();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(camcount.path(name), bytes).unwrap();
    };
    let plain = of_opset(17);
    put("plain.onnx", &plain);
    put("words.onnx", b"these are the weights of no model");
    put("opset.onnx", &of_opset(99));
    put("never.onnx", &model(Twist::Never, Some(1), "['person', 'car']"));
    let count = |model: &'static str| vec!["count", street(), LINE[0], LINE[1], "--model", model];
    refused(
        &camcount,
        1,
        &count("no.onnx"),
        &["no.onnx is neither a file nor a registered model", "model add"],
    );
    let missing = [&count("plain.onnx")[..], &["--onnxruntime", "/nowhere/libonnxruntime.so"]].concat();
    refused(&camcount, 1, &missing, &["ONNX Runtime is not installed", "infra/setup", "/nowhere/"]);
    if !has_runtime() {
        return;
    }
    refused(&camcount, 1, &count("words.onnx"), &["words.onnx cannot be loaded as an ONNX model"]);
    refused(&camcount, 1, &count("opset.onnx"), &["opset.onnx cannot be loaded", "99"]);
    refused(&camcount, 1, &count("never.onnx"), &["never.onnx loads, but fails when run"]);
    let unicorn = [&count("plain.onnx")[..], &["--classes", "unicorn"]].concat();
    refused(&camcount, 2, &unicorn, &["does not know the class \"unicorn\"", "person, car"]);
    if let Some(broken) = test_data("models/BROKEN_yolov10n_int8_320.onnx") {
        let args = ["count", street(), LINE[0], LINE[1], "--model", &broken];
        refused(&camcount, 1, &args, &["loads, but fails when run"]);
    }
    camcount.count([street(), LINE[0], LINE[1], "--model", "plain.onnx"]);
}

/// All of the footage would be given up, were it to blame.
#[test]
fn a_model_whose_answers_are_no_numbers_ends_the_run_and_gives_nothing_up() {
    if !has_runtime() {
        return;
    }
    let camcount = Camcount::new();
    fs::write(camcount.path("root.onnx"), model(Twist::Root, Some(1), "['person', 'car']")).unwrap();
    let args = ["count", street(), LINE[0], LINE[1], "--model", "root.onnx"];
    refused(
        &camcount,
        1,
        &args,
        &["the detector fails on a made-up picture too", "not finite", "check the model", "run again"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    /// What is in the way, and what is said of it.
    type Case = (fn(&Path), &'static [&'static str]);
    let cases: [Case; 6] = [
        (|data| fs::write(data, "").unwrap(), &["data folder", "cannot be made", "--data-dir"]),
        // Not even root may make a file there.
        (|data| symlink("/proc", data).unwrap(), &["data folder", "cannot be written", "--data-dir"]),
        (
            |data| symlink("/nowhere/to/be/found", data).unwrap(),
            &["data folder", "cannot be made", "--data-dir"],
        ),
        (|data| fs::create_dir_all(data.join("camcount.db")).unwrap(), &["camcount.db failed to open"]),
        (
            |data| {
                fs::create_dir(data).unwrap();
                fs::write(data.join("camcount.db"), "a diary, and long enough to be one".repeat(9)).unwrap();
            },
            &["camcount.db failed to open", "another data folder", "not a database"],
        ),
        (
            |data| {
                fs::create_dir(data).unwrap();
                fs::write(data.join("blobs"), "").unwrap();
            },
            &["could not make the folder for blobs", "in each other's way"],
        ),
    ];
    for (obstruct, parts) in cases {
        let camcount = Camcount::new();
        obstruct(&camcount.path("data"));
        refused(&camcount, 1, &["count", street(), LINE[0], LINE[1]], parts);
    }
}

#[test]
fn one_data_folder_has_one_owner() {
    let camcount = Camcount::new();
    let data = camcount.path("data");
    fs::create_dir(&data).unwrap();
    let owner = fs::File::create(data.join("lock")).unwrap();
    owner.lock().unwrap();
    let args = [&["count", street()], &STREET[..]].concat();
    refused(&camcount, 1, &args, &["another camcount", "--data-dir"]);
}

#[test]
fn missing_programs_are_explained_and_lose_nothing() {
    let camcount = Camcount::new();
    camcount.count([&[street()], &STREET[..]].concat());
    let args = [&["count", street(), "--ffmpeg", "/nowhere/ffmpeg"], &STREET[..]].concat();
    refused(&camcount, 1, &args, &["/nowhere/ffmpeg", "install"]);
    let output = camcount.run([&["count", street(), "--log", "camcount=debug"], &STREET[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("segment detected"), "it looked again: {}", stderr(&output));
}

/// Runs `count` by a shell script in which `$@` is its command line.
fn counted_by(camcount: &Camcount, script: &str) -> Output {
    let args = ["count", street(), "--format", "json", "--segment", "2", "--workers", "1"];
    let count = camcount.command([&args[..], &STREET[..]].concat());
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(count.get_program()).args(count.get_args());
    for (name, value) in count.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(camcount.path("")).output().unwrap()
}

/// Whatever depends on neither cuts nor names.
fn counts(output: &Output) -> [Value; 3] {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    ["lines", "zones", "crossings"].map(|part| document[part].clone())
}

/// The counts of a run that nothing disturbs.
fn undisturbed() -> &'static [Value; 3] {
    static COUNTS: OnceLock<[Value; 3]> = OnceLock::new();
    COUNTS.get_or_init(|| counts(&counted_by(&Camcount::new(), "exec \"$@\"")))
}

/// A quota has the same effect.
#[test]
fn files_that_may_not_grow_end_the_run_which_goes_on_when_they_may() {
    let camcount = Camcount::new();
    // In blocks of 512 bytes; the signal that comes with it would end the process.
    let output = counted_by(&camcount, "trap '' XFSZ; ulimit -f 600; exec \"$@\"");
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    for part in ["camcount.db failed to", "whether files there may grow", "run again to go on"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(output.stdout.is_empty() && !error.contains("panicked"), "{error}");
    let resumed = counted_by(&camcount, "exec \"$@\"");
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert_eq!(counts(&resumed), *undisturbed());
    let writing: Vec<PathBuf> = files_below(&camcount.path("data/blobs/.incoming"));
    assert!(writing.iter().all(|file| file.ends_with("lock")), "{writing:?}");
}

#[test]
fn a_full_disk_ends_the_run_which_goes_on_when_there_is_space() {
    let own_disk = ["--user", "--map-root-user", "--mount", "true"];
    if !Command::new("unshare").args(own_disk).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no file systems can be mounted here, so that no disk can be filled");
        return;
    }
    let camcount = Camcount::new();
    let data = camcount.path("data");
    fs::create_dir(&data).unwrap();
    // The folder's file system is gone with the shell, so both runs are in one.
    let script = format!(
        "exec unshare --user --map-root-user --mount sh -c '
             mount -t tmpfs -o size=400k tmpfs {data} || exit 99
             \"$@\"; echo \"exit code $?\" >&2
             mount -o remount,size=64m {data} || exit 99
             exec \"$@\"' sh \"$@\"",
        data = data.display()
    );
    let output = counted_by(&camcount, &script);
    let error = stderr(&output);
    assert!(output.status.success(), "{error}");
    assert!(error.contains("exit code 1\n") && error.contains("run again to go on"), "{error}");
    assert!(error.contains("free some space") && !error.contains("panicked"), "{error}");
    assert_eq!(counts(&output), *undisturbed());
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn lost_detections_are_found_again_and_no_others() {
    let camcount = Camcount::new();
    let args = [&["count", street(), "--format", "json", "--log", "camcount=debug"], &STREET[..]].concat();
    let before = camcount.run(&args);
    let artifacts = files_below(&camcount.path("data/blobs/detections"));
    let [damaged, .., lost] = &artifacts[..] else { panic!("{artifacts:?}") };
    let mut bytes = fs::read(damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(damaged, bytes).unwrap();
    fs::remove_file(lost).unwrap();

    // The same counts by another pass: its range begins where the footage does.
    let again = camcount.run([&args[..], &["--from", "0"]].concat());
    let said = stderr(&again);
    assert!(again.status.success(), "{said}");
    assert_eq!(counts(&again), counts(&before));
    assert_eq!(said.matches("segment detected").count(), 2, "{said}");
    assert!(said.contains("is damaged") && said.contains("there is no object"), "{said}");
    assert!(!said.contains("given up"), "{said}");
    assert_eq!(files_below(&camcount.path("data/blobs/detections")), artifacts);
    let first = camcount.run(&args);
    assert_eq!(counts(&first), counts(&before));
    assert!(!stderr(&first).contains("segment detected"), "{}", stderr(&first));
}
