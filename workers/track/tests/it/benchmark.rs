//! Public detections against ground truth: how much is found, and how often a person's number changes.

use std::{collections::BTreeMap, path::PathBuf};

use camcount_domain::{
    Confidence, DetectedFrame, Detection, Fit, FrameSize, MediaTime, Picture, PixelFormat, TrackId,
};
use camcount_track::Tracker;

fn data(path: &str) -> Option<String> {
    let root = std::env::var_os("CAMCOUNT_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(path);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: no test data at {}; point CAMCOUNT_TEST_DATA to it", path.display());
    }
    text
}

/// Rows of MOTChallenge text by frame.
fn rows(text: &str) -> BTreeMap<i64, Vec<Vec<f64>>> {
    let mut frames: BTreeMap<i64, Vec<Vec<f64>>> = BTreeMap::new();
    for row in text.lines() {
        let row: Vec<f64> = row.split(',').map(|v| v.trim().parse().unwrap()).collect();
        frames.entry(row[0] as i64).or_default().push(row);
    }
    frames
}

/// Intersection over union of two boxes given as left, top, width, height.
fn iou(a: &[f64], b: &[f64]) -> f64 {
    let w = ((a[0] + a[2]).min(b[0] + b[2]) - a[0].max(b[0])).max(0.0);
    let h = ((a[1] + a[3]).min(b[1] + b[3]) - a[1].max(b[1])).max(0.0);
    w * h / (a[2] * a[3] + b[2] * b[3] - w * h)
}

/// Share of the ground truth that is found, share of tracked boxes that are nobody, and changes of number.
fn score(sequence: &str, size: FrameSize, fps: f64) -> Option<(f64, f64, usize)> {
    let detections = rows(&data(&format!("mot/MOT17/{sequence}/det/det.txt"))?);
    let truth = rows(&data(&format!("mot/MOT17/{sequence}/gt/gt.txt"))?);
    let picture = Picture { size, fit: Fit::Stretch, pixels: PixelFormat::Rgb };
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let (mut people, mut found, mut tracked, mut switches) = (0, 0, 0, 0);
    let mut number: BTreeMap<i64, TrackId> = BTreeMap::new();
    let mut tracker = Tracker::default();
    for frame in 1..=*truth.keys().last().unwrap_or(&0) {
        let detection = |r: &Vec<f64>| {
            let edges = [r[2], r[3], r[2] + r[4], r[3] + r[5]].map(|v| v as f32);
            let confidence = Confidence::from_unit(r[6] as f32);
            Some(Detection { bbox: picture.to_source(edges, size)?, class: 0, confidence })
        };
        let detections = detections.get(&frame).into_iter().flatten().filter_map(detection).collect();
        let time = MediaTime(((frame - 1) as f64 * 1e6 / fps) as i64);
        let mut seen = tracker.step(&DetectedFrame { time, detections }, size).objects;
        tracked += seen.len();
        // Each person takes the tracked box that fits best of those left.
        for row in truth.get(&frame).into_iter().flatten().filter(|r| r[6] > 0.0 && r[7] == 1.0) {
            people += 1;
            let fit = |o: &camcount_domain::TrackedObject| {
                let b = &o.bbox;
                iou(&row[2..6], &[b.left * w, b.top * h, b.width() * w, b.height() * h])
            };
            let best = (0..seen.len()).max_by(|&a, &b| fit(&seen[a]).total_cmp(&fit(&seen[b])));
            let Some(best) = best.filter(|&i| fit(&seen[i]) >= 0.5) else { continue };
            found += 1;
            let track = seen.remove(best).track;
            let before = number.insert(row[1] as i64, track);
            switches += usize::from(before.is_some_and(|b| b != track));
        }
    }
    let result = (
        f64::from(found) / f64::from(people),
        (tracked as f64 - f64::from(found)) / tracked as f64,
        switches,
    );
    eprintln!("{sequence}: found {:.3}, nobody {:.3}, changes of number {}", result.0, result.1, result.2);
    Some(result)
}

#[test]
fn mot17_people_are_found_and_keep_their_numbers() {
    let hd = FrameSize { width: 1920, height: 1080 };
    // Measured, and a little room: what the public detections hold is nearly all that can be found.
    for (sequence, size, fps, found, nobody, changes) in [
        ("MOT17-04-FRCNN", hd, 30.0, 0.545, 0.07, 60),
        ("MOT17-05-FRCNN", FrameSize { width: 640, height: 480 }, 14.0, 0.505, 0.04, 65),
        ("MOT17-11-FRCNN", hd, 30.0, 0.585, 0.04, 75),
    ] {
        let Some(score) = score(sequence, size, fps) else { return };
        assert!(score.0 >= found && score.1 <= nobody && score.2 <= changes, "{sequence}: {score:?}");
    }
}
