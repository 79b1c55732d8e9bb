//! The counts do not depend on how the work was run: cut anyhow, by any number of workers, killed and resumed.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::Child,
};

use crate::harness::{Camcount, STREET, comparable, street, test_data};

fn args<'a>(video: &'a str, model: &'a str, segment: &'a str, workers: &'a str) -> Vec<&'a str> {
    let how = [video, "--model", model, "--segment", segment, "--workers", workers];
    [&how, &STREET[..]].concat()
}

/// The counts of a fresh run, but for what depends on the cutting.
fn fresh(video: &str, model: &str, segment: &str, workers: &str) -> String {
    comparable(Camcount::new().count(args(video, model, segment, workers)))
}

#[test]
fn any_cut_and_any_number_of_workers_count_the_same() {
    let whole = fresh(street(), "motion", "3600", "1");
    for (segment, workers) in [("1", "8"), ("2", "1"), ("7", "3")] {
        assert_eq!(fresh(street(), "motion", segment, workers), whole, "{segment} s, {workers} workers");
    }
}

/// The last cut begins segments within the gate's slots.
#[test]
fn a_gate_spares_the_same_frames_however_footage_is_cut() {
    let gated = |segment, workers| {
        let mut args = args(street(), "motion", segment, workers);
        args.extend(["--gate", "motion"]);
        let document = Camcount::new().count(args);
        (document["segments"]["spared"].as_u64().unwrap(), comparable(document))
    };
    let whole = gated("3600", "1");
    assert!(whole.0 > 0, "nothing is spared");
    for (segment, workers) in [("7", "3"), ("1.3", "8")] {
        assert_eq!(gated(segment, workers), whole, "{segment} s, {workers} workers");
    }
}

#[test]
fn a_model_counts_the_same_however_footage_is_cut() {
    let (Some(video), Some(model)) =
        (test_data("videos/vtest_pets09s2l1_480x360.mp4"), test_data("models/yolox_nano_416.onnx"))
    else {
        return;
    };
    let whole = fresh(&video, &model, "3600", "1");
    for (segment, workers) in [("1", "4"), ("2", "8"), ("7", "2")] {
        assert_eq!(fresh(&video, &model, segment, workers), whole, "{segment} s, {workers} workers");
    }
}

/// Kills the child when it has logged `lines` lines, unless it ends before; whether it was killed.
fn killed_after(mut child: Child, lines: usize) -> bool {
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    if log.by_ref().take(lines).count() == lines {
        child.kill().unwrap();
    }
    child.wait().unwrap().signal() == Some(9)
}

/// The moments are random, from a fixed seed, counted in lines of the log of what is detected and committed, so that
/// they are spread over the work on any machine.
#[test]
fn ten_kills_at_random_moments_change_nothing() {
    let expected = fresh(street(), "motion", "3600", "1");
    let mut random = 0x2545_f491_u64;
    let mut kills = 0;
    while kills < 10 {
        let camcount = Camcount::new();
        let mut command: Vec<&str> = vec!["count", "--log", "camcount=debug"];
        command.extend(args(street(), "motion", "1", "2"));
        while kills < 10 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if !killed_after(camcount.start(&command), (random >> 33) as usize % 60) {
                // It was done; the other kills are for another run.
                break;
            }
            kills += 1;
        }
        let resumed = comparable(camcount.count(args(street(), "motion", "1", "2")));
        assert_eq!(resumed, expected, "after {kills} kills");
    }
}

#[test]
fn interrupted_politely_it_keeps_what_is_done() {
    let camcount = Camcount::new();
    let mut command: Vec<&str> = vec!["count", "--log", "camcount=debug"];
    command.extend(args(street(), "motion", "1", "2"));
    // In a group of its own, to be interrupted as a terminal does it: with all its children.
    let mut child = camcount.command(&command).process_group(0).spawn().unwrap();
    // The first committed segment is the condition to interrupt on.
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("segment counted") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it counted");
    }
    std::process::Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]).status().unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(!rest.contains("failed"), "footage was blamed: {rest}");
    let resumed = comparable(camcount.count(args(street(), "motion", "1", "2")));
    assert_eq!(resumed, fresh(street(), "motion", "3600", "1"));
}
