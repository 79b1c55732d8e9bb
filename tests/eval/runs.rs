//! Running the program, and reading what it counted and what its detector saw.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use camcount_domain::{DetectedFrame, FrameSize, MediaTime, SegmentDetections, TrackedFrame};
use camcount_track::Tracker;
use serde_json::Value;
use tempfile::TempDir;

use crate::clips::Clip;

/// A counted crossing.
#[derive(Clone, Copy)]
pub(crate) struct Crossing {
    /// Seconds after the first frame.
    pub(crate) at_s: f64,
    pub(crate) inwards: bool,
    pub(crate) track: u64,
}

/// By name of the line.
pub(crate) type Crossings = BTreeMap<String, Vec<Crossing>>;

/// Footage that was counted.
pub(crate) struct Run {
    pub(crate) crossings: Crossings,
    pub(crate) size: FrameSize,
    /// Detections of the wanted classes.
    pub(crate) seen: Vec<DetectedFrame>,
    /// What the tracker makes of them.
    pub(crate) tracked: Vec<TrackedFrame>,
    /// Looked-at frames, and how many of them were spared inference.
    pub(crate) frames: u64,
    pub(crate) spared: u64,
    /// How long the program ran.
    pub(crate) took: Duration,
}

impl Run {
    /// Seconds after the first frame.
    pub(crate) fn second(&self, time: MediaTime) -> f64 {
        time.since_us(self.seen[0].time) as f64 / 1e6
    }
}

/// A file of the test data; `None`, with a word on stderr, where they are not.
pub(crate) fn test_data(path: &str) -> Option<String> {
    let root = std::env::var_os("CAMCOUNT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file.to_str().unwrap().to_owned());
    }
    eprintln!("SKIPPED: {} is not there; set CAMCOUNT_TEST_DATA", file.display());
    None
}

/// Runs the program in `folder` and reads the document that it prints.
fn run(folder: &TempDir, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camcount"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CAMCOUNT_")) {
        command.env_remove(name);
    }
    command.current_dir(folder.path()).args(args).args(["--format", "json", "--data-dir", "data"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn crossings<'l>(document: &Value, lines: impl Iterator<Item = &'l str>) -> Crossings {
    let mut by_line: Crossings = lines.map(|name| (name.to_owned(), Vec::new())).collect();
    for crossing in document["crossings"].as_array().unwrap() {
        by_line.get_mut(crossing["line"].as_str().unwrap()).unwrap().push(Crossing {
            at_s: crossing["offset_s"].as_f64().unwrap(),
            inwards: crossing["direction"] == "in",
            track: crossing["track"].as_u64().unwrap(),
        });
    }
    by_line
}

/// Counts from detections in a text.
pub(crate) fn replay<'l>(
    text: &str,
    how: &[&str],
    lines: impl Iterator<Item = (&'l str, &'l str)> + Clone,
) -> Crossings {
    let drawn: Vec<String> = lines.clone().map(|(name, drawn)| format!("{name}: {drawn}")).collect();
    let drawn: Vec<&str> = drawn.iter().flat_map(|line| ["--line", line]).collect();
    let folder = TempDir::new().unwrap();
    crossings(&run(&folder, &[&["replay", text], how, &drawn[..]].concat()), lines.map(|(name, _)| name))
}

/// Counts footage with default settings but for the gate; `None` where model or footage are not.
pub(crate) fn count(clip: &Clip, model: &str, gate: &str) -> Option<Run> {
    let footage = test_data(&clip.file)?;
    // Motion alone tells upright from lying shapes at best.
    let (model, classes) = if model == "motion" {
        (model.to_owned(), "person,car")
    } else {
        (test_data(&format!("models/{model}.onnx"))?, clip.classes)
    };
    let drawn: Vec<String> = clip.lines.iter().map(|line| format!("{}: {}", line.name, line.drawn)).collect();
    let drawn: Vec<&str> = drawn.iter().flat_map(|line| ["--line", line]).collect();
    let folder = TempDir::new().unwrap();
    let looking = ["--model", &model, "--gate", gate, "--segment", "3600"];
    let started = Instant::now();
    let document = run(&folder, &[&["count", &footage, "--classes", classes], &looking[..], &drawn].concat());
    let took = started.elapsed();
    let number = |name: &str| document["segments"][name].as_u64().unwrap();

    let SegmentDetections { frame_size: size, classes: names, mut frames } = artifact(folder.path());
    let wanted: Vec<bool> = names.iter().map(|name| classes.split(',').any(|class| class == name)).collect();
    for frame in &mut frames {
        frame.detections.retain(|found| wanted[usize::from(found.class)]);
    }
    let mut tracker = Tracker::default();
    let tracked = frames.iter().map(|frame| tracker.step(frame, size)).collect();
    let crossings = crossings(&document, clip.lines.iter().map(|line| line.name.as_str()));
    let (looked_at, spared) = (number("frames"), number("spared"));
    Some(Run { crossings, size, seen: frames, tracked, frames: looked_at, spared, took })
}

/// What the detector saw: the only artifact that was kept.
fn artifact(folder: &Path) -> SegmentDetections {
    let mut folders = vec![folder.join("data/blobs/detections")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                return camcount_blob::detections::decode(std::fs::read(path).unwrap().into()).unwrap();
            }
        }
    }
    panic!("no detections were kept");
}
