//! The footage whose crossings are known, and what is known.
//!
//! Upright lines are drawn downwards, so that *in* is to the left; level ones to the right, so that *in* is down.

use std::fmt;

use serde_json::Value;

use crate::runs::test_data;

const PEOPLE: &str = "person";
const VEHICLES: &str = "car,truck,bus,motorcycle";

/// A piece of footage.
pub(crate) struct Clip {
    pub(crate) file: String,
    /// The wanted classes, separated by commas.
    pub(crate) classes: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A line and who crossed it.
pub(crate) struct Line {
    pub(crate) name: String,
    /// As the command line takes it, in shares of the picture.
    pub(crate) drawn: String,
    pub(crate) truth: (u64, u64),
    /// When, where that is known.
    pub(crate) events: Vec<Event>,
    /// Whether that is when their middle met the line, instead of their foot.
    pub(crate) by_middle: bool,
}

/// Somebody crossed.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// Seconds after the first frame.
    pub(crate) at_s: f64,
    pub(crate) inwards: bool,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.1} s", if self.inwards { "in" } else { "out" }, self.at_s)
    }
}

/// All of them, people first; `None`, with a word on stderr, where the test data are not.
pub(crate) fn clips() -> Option<Vec<Clip>> {
    let read = |path: &str| -> Option<Value> {
        let text = std::fs::read_to_string(test_data(path)?).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    };
    let by_track = read("mot/gt_line_counts.json")?;
    let by_hand = read("videos/hand_counts.json")?;
    let pets = &by_track["vtest_480x360 (PETS09-S2L1)"]["lines"];
    let hand = |file: &str, classes, size, fps| Clip {
        file: format!("videos/{file}"),
        classes,
        lines: vec![by_eye(file, &by_hand[file][0], size, fps)],
    };
    Some(vec![
        Clip {
            file: "videos/vtest_pets09s2l1_480x360.mp4".into(),
            classes: PEOPLE,
            lines: vec![of_tracks("V240", &pets["V240"]), of_tracks("V350", &pets["V350"])],
        },
        hand("one-by-one-person-detection.mp4", PEOPLE, (768.0, 432.0), 10.0),
        hand("traffic_topdown_640x360.mp4", VEHICLES, (640.0, 360.0), 24.0),
        hand("motorway_cars_trucks_1024x576.mp4", VEHICLES, (1024.0, 576.0), 24.0),
        hand("road_cars_1280x720.mp4", VEHICLES, (1280.0, 720.0), 30.0),
        hand("car-detection.mp4", VEHICLES, (768.0, 432.0), 12.5),
    ])
}

fn drawn(a: &Value, b: &Value, (width, height): (f64, f64)) -> String {
    let end = |p: &Value| format!("{},{}", p[0].as_f64().unwrap() / width, p[1].as_f64().unwrap() / height);
    format!("{} -> {}", end(a), end(b))
}

/// A line over the ground-truth tracks of PETS09-S2L1 at 480x360 and 10 frames a second, numbered from 1.
fn of_tracks(name: &str, line: &Value) -> Line {
    let known = &line["bottom_center"];
    let events = known["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| Event { at_s: (event[0].as_f64().unwrap() - 1.0) / 10.0, inwards: event[2] == "pos" });
    Line {
        name: format!("pedestrians {name}"),
        drawn: drawn(&line["a"], &line["b"], (480.0, 360.0)),
        truth: (known["pos"].as_u64().unwrap(), known["neg"].as_u64().unwrap()),
        events: events.collect(),
        by_middle: false,
    }
}

/// A line counted by eye, in frames numbered from 0.
fn by_eye(file: &str, line: &Value, size: (f64, f64), fps: f64) -> Line {
    let upright = line["right"].is_u64();
    let (inwards, outwards) = if upright { ("left", "right") } else { ("down", "up") };
    let truth = (line[inwards].as_u64().unwrap(), line[outwards].as_u64().unwrap());
    let frames = &line["approx_frames"];
    let of = |way: &str, goes_in: bool| -> Vec<Event> {
        // A plain list is of the only direction that there is.
        let only = if goes_in { truth.1 == 0 } else { truth.0 == 0 };
        let list = frames[way].as_array().or(frames.as_array().filter(|_| only));
        let event = |frame: &Value| Event { at_s: frame.as_f64().unwrap() / fps, inwards: goes_in };
        list.into_iter().flatten().map(event).collect()
    };
    Line {
        name: file.split(['.', '_']).next().unwrap_or(file).to_owned(),
        drawn: drawn(&line["line"][0], &line["line"][1], size),
        truth,
        events: [of(inwards, true), of(outwards, false)].concat(),
        by_middle: true,
    }
}
