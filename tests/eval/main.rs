//! Counting against footage whose crossings are known. The fast part runs with every `cargo test`; the slow part, real
//! models over real footage, by `just eval-counting`. Without the test data both say that they were skipped.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod blame;
mod clips;
mod runs;

use std::fmt::Write as _;

use clips::{Event, Line, clips};
use runs::{Crossing, Run, replay, test_data};

/// What the models of the table are called; the first one has to meet [`MOST_WRONG`], the others inform.
const MODELS: [&str; 4] = ["yolox_nano_416", "yolov8n_640_int8", "yolov8n_640_fp32_dequant", "motion"];
/// How far counts may be off over all lines together, of 112 crossings, in and out taken apart.
const MOST_WRONG: u64 = 8;
/// Crossings of the first model that may be missed or false by their times, of 95: as many as were measured.
const MOST_MISTAKES: usize = 9;
/// A counted crossing is that of the truth when no more time lies between them.
const SAME_S: f64 = 1.5;
/// Crossings that may be wrong on the public detections of PETS09-S2L1, of 65: as many as were measured.
const MOST_WRONG_PETS: u64 = 4;

/// Crossings matched to the truth.
struct Matched {
    /// Indices of events that were not counted.
    missed: Vec<usize>,
    /// Indices of crossings that are nobody's.
    surplus: Vec<usize>,
}

/// Pairs crossings and events of the same direction, the nearest first.
fn matched(events: &[Event], crossings: &[Crossing]) -> Matched {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (e, event) in events.iter().enumerate() {
        for (c, crossing) in crossings.iter().enumerate() {
            let apart_s = (event.at_s - crossing.at_s).abs();
            if event.inwards == crossing.inwards && apart_s <= SAME_S {
                pairs.push((apart_s, e, c));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut missed, mut surplus): (Vec<_>, Vec<_>) =
        ((0..events.len()).collect(), (0..crossings.len()).collect());
    for (_, e, c) in pairs {
        if missed.contains(&e) && surplus.contains(&c) {
            missed.retain(|&other| other != e);
            surplus.retain(|&other| other != c);
        }
    }
    Matched { missed, surplus }
}

fn in_out(crossings: &[Crossing]) -> (u64, u64) {
    let inwards = crossings.iter().filter(|c| c.inwards).count() as u64;
    (inwards, crossings.len() as u64 - inwards)
}

/// How many crossings are wrong, in and out taken apart.
fn wrong(counted: (u64, u64), truth: (u64, u64)) -> u64 {
    counted.0.abs_diff(truth.0) + counted.1.abs_diff(truth.1)
}

/// Public detections of a pedestrian scene, without pixels: what tracker and counter alone lose.
#[test]
fn public_detections_of_pedestrians_give_nearly_the_true_counts() {
    let (Some(found), Some(clips)) =
        (test_data("mot/MOT15/PETS09-S2L1/det/det_sort_frcnn_768x576.txt"), clips())
    else {
        return;
    };
    let pets = &clips[0];
    let lines = pets.lines.iter().map(|l| (l.name.as_str(), l.drawn.as_str()));
    let counted = replay(&found, &["--size", "768x576", "--fps", "10"], lines);
    let total: u64 = pets.lines.iter().map(|l| wrong(in_out(&counted[&l.name]), l.truth)).sum();
    for line in &pets.lines {
        eprintln!("{}: {:?}, truth {:?}", line.name, in_out(&counted[&line.name]), line.truth);
    }
    assert!(total <= MOST_WRONG_PETS, "{total} wrong of 65");
}

/// What a model made of all clips.
#[derive(Default)]
struct Sums {
    /// By counts, where a miss and a false crossing cancel; of so many crossings.
    wrong: u64,
    of: u64,
    /// By times, where they are known; of so many crossings.
    missed: usize,
    made_up: usize,
    of_timed: usize,
}

/// What is printed in the end.
#[derive(Default)]
struct Print {
    table: String,
    details: String,
}

/// Holds the crossings of one line against the truth.
fn judge(model: &str, line: &Line, run: &Run, sums: &mut Sums, print: &mut Print) {
    let crossings = &run.crossings[&line.name];
    let (counted, truth) = (in_out(crossings), line.truth);
    let wrong = wrong(counted, truth);
    sums.wrong += wrong;
    sums.of += truth.0 + truth.1;
    let (mut missed, mut made_up) = (String::new(), String::new());
    if !line.events.is_empty() {
        let crossings = if line.by_middle { &blame::by_middle(run, line, crossings) } else { crossings };
        let found = matched(&line.events, crossings);
        sums.missed += found.missed.len();
        sums.made_up += found.surplus.len();
        sums.of_timed += line.events.len();
        (missed, made_up) = (found.missed.len().to_string(), found.surplus.len().to_string());
        for &e in &found.missed {
            let event = &line.events[e];
            let cause = blame::missed(run, line, crossings, event, &found);
            writeln!(print.details, "{model}, {}: missed {event}: {cause}", line.name).unwrap();
        }
        for &c in &found.surplus {
            let cause = blame::surplus(crossings, c, &found);
            let Crossing { at_s, track, inwards } = &crossings[c];
            let way = if *inwards { "in" } else { "out" };
            let what = format!("{way} at {at_s:.1} s by track {track}");
            writeln!(print.details, "{model}, {}: false {what}: {cause}", line.name).unwrap();
        }
    }
    let (ins, outs) = (format!("{}/{}", counted.0, truth.0), format!("{}/{}", counted.1, truth.1));
    let numbers = format!("{ins:>7} {outs:>7} {wrong:>6} {missed:>7} {made_up:>6}");
    writeln!(print.table, "{:34} {model:26} {numbers}", line.name).unwrap();
}

#[test]
#[ignore = "runs models over minutes of footage; `just eval-counting` does"]
fn real_footage() {
    let Some(clips) = clips() else { return };
    let asked = std::env::var("CAMCOUNT_EVAL_MODELS").unwrap_or_else(|_| MODELS.join(","));
    let models: Vec<&str> = asked.split([',', ' ']).filter(|m| !m.is_empty()).collect();
    let (mut print, mut totals) = (Print::default(), String::new());
    let heads = format!("{:>7} {:>7} {:>6} {:>7} {:>6}", "in", "out", "wrong", "missed", "false");
    writeln!(print.table, "{:34} {:26} {heads}", "line", "model").unwrap();
    let mut first = None;
    for model in models {
        let mut sums = Sums::default();
        for clip in &clips {
            eprintln!("counting {} with {model}", clip.file);
            let Some(run) = runs::count(clip, model, "off") else { return };
            clip.lines.iter().for_each(|line| judge(model, line, &run, &mut sums, &mut print));
        }
        let Sums { wrong, of, missed, made_up, of_timed } = &sums;
        writeln!(
            totals,
            "{model}: counts wrong by {wrong} of {of}; {missed} missed and {made_up} false of {of_timed} with times"
        )
        .unwrap();
        if model == MODELS[0] {
            first = Some(sums);
        }
    }
    println!("\n{}\n{}\n{totals}", print.table, print.details);
    if let Some(Sums { wrong, missed, made_up, .. }) = first {
        assert!(wrong <= MOST_WRONG, "{} has {wrong} wrong, more than {MOST_WRONG}", MODELS[0]);
        let mistakes = missed + made_up;
        assert!(mistakes <= MOST_MISTAKES, "{} makes {mistakes}, more than {MOST_MISTAKES}", MODELS[0]);
    }
}

/// What the gate spares, and that it changes no count.
#[test]
#[ignore = "runs a model over minutes of footage twice; `just eval-counting` does"]
fn real_footage_behind_a_gate() {
    let Some(clips) = clips() else { return };
    let mut table = String::new();
    for clip in &clips {
        eprintln!("counting {} twice with {}", clip.file, MODELS[0]);
        let (Some(plain), Some(gated)) =
            (runs::count(clip, MODELS[0], "off"), runs::count(clip, MODELS[0], "motion"))
        else {
            return;
        };
        assert_eq!((plain.spared, gated.frames), (0, plain.frames));
        for line in &clip.lines {
            let counts = [&plain, &gated].map(|run| in_out(&run.crossings[&line.name]));
            assert_eq!(counts[1], counts[0], "{} behind a gate", line.name);
        }
        let share = 100.0 * gated.spared as f64 / gated.frames as f64;
        let (inferred, spared) = (gated.frames - gated.spared, gated.spared);
        let [before_s, after_s] = [&plain, &gated].map(|run| run.took.as_secs_f64());
        writeln!(
            table,
            "{:46} {inferred:>8} {spared:>6} {share:>5.1} % {before_s:>8.1} {after_s:>8.1}",
            clip.file
        )
        .unwrap();
    }
    println!(
        "\n{:46} {:>8} {:>6} {:>7} {:>8} {:>8}",
        "footage", "inferred", "spared", "", "off, s", "gate, s"
    );
    println!("{table}");
}
