//! Counting against footage whose crossings are known. The fast part runs with every `cargo test`; the slow part, real
//! models over real footage, by `just eval-counting`. Without the test data both say that they were skipped.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod blame;
mod clips;
mod runs;

use std::fmt::Write as _;

use clips::{Event, clips};
use runs::{Crossing, replay, test_data};

/// What the models of the table are called; the first one has to meet [`MOST_WRONG`], the others inform.
const MODELS: [&str; 4] = ["yolox_nano_416", "yolov8n_640_int8", "yolov8n_640_fp32_dequant", "motion"];
/// How far counts may be off over all lines together, of 112 crossings, in and out taken apart.
const MOST_WRONG: u64 = 8;
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

#[test]
#[ignore = "runs models over minutes of footage; `just eval-counting` does"]
fn real_footage() {
    let Some(clips) = clips() else { return };
    let asked = std::env::var("CAMCOUNT_EVAL_MODELS").unwrap_or_else(|_| MODELS.join(","));
    let models: Vec<&str> = asked.split([',', ' ']).filter(|m| !m.is_empty()).collect();
    let (mut table, mut details, mut totals) = (String::new(), String::new(), String::new());
    let mut first_total = None;
    writeln!(table, "{:34} {:26} {:>7} {:>7} {:>5}", "line", "model", "in", "out", "wrong").unwrap();
    for model in models {
        let (mut sum, mut of) = (0, 0);
        for clip in &clips {
            eprintln!("counting {} with {model}", clip.file);
            let Some(run) = runs::count(clip, model) else { return };
            for line in &clip.lines {
                let crossings = &run.crossings[&line.name];
                let (counted, truth) = (in_out(crossings), line.truth);
                let wrong = wrong(counted, truth);
                sum += wrong;
                of += truth.0 + truth.1;
                let (ins, outs) =
                    (format!("{}/{}", counted.0, truth.0), format!("{}/{}", counted.1, truth.1));
                writeln!(table, "{:34} {model:26} {ins:>7} {outs:>7} {wrong:>5}", line.name).unwrap();
                if line.events.is_empty() {
                    continue;
                }
                let crossings =
                    if line.by_middle { &blame::by_middle(&run, line, crossings) } else { crossings };
                let found = matched(&line.events, crossings);
                for &e in &found.missed {
                    let event = &line.events[e];
                    let cause = blame::missed(&run, line, crossings, event, &found);
                    writeln!(details, "{model}, {}: missed {event}: {cause}", line.name).unwrap();
                }
                for &c in &found.surplus {
                    let cause = blame::surplus(crossings, c, &found);
                    let Crossing { at_s, track, inwards } = &crossings[c];
                    let way = if *inwards { "in" } else { "out" };
                    let what = format!("{way} at {at_s:.1} s by track {track}");
                    writeln!(details, "{model}, {}: false {what}: {cause}", line.name).unwrap();
                }
            }
        }
        writeln!(totals, "{model}: {sum} wrong of {of}").unwrap();
        if model == MODELS[0] {
            first_total = Some(sum);
        }
    }
    println!("\n{table}\n{details}\n{totals}");
    if let Some(total) = first_total {
        assert!(total <= MOST_WRONG, "{} has {total} wrong, more than {MOST_WRONG}", MODELS[0]);
    }
}
