//! The detectors on real footage, on models that misbehave, and on scenes with known boxes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is tests")]

mod cut;
mod footage;
mod layouts;
mod misbehaving;
mod motion;
mod repeatable;
mod tiny;

use std::path::Path;

use camcount_detect::{Detect, DetectError, OnnxDetector, OnnxOptions, installation};
use camcount_domain::{BoxF, DetectedFrame, Frame, FrameSize};

/// Whether ONNX Runtime is there; says so where it is not.
fn has_runtime() -> bool {
    match installation(None) {
        Ok(_) => true,
        Err(DetectError::LibraryMissing { .. }) => {
            eprintln!("SKIPPED: ONNX Runtime is not installed; run infra/setup");
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Options for a model, with one session.
fn options(model: &Path) -> OnnxOptions {
    OnnxOptions { sessions: std::num::NonZeroUsize::new(1), ..OnnxOptions::new(model) }
}

/// What is in the frames, all submitted before the first is waited for.
fn look(detector: &OnnxDetector, source: FrameSize, frames: &[Frame]) -> Vec<DetectedFrame> {
    let tickets: Vec<_> = frames.iter().map(|frame| detector.submit(frame.clone(), source, None)).collect();
    tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect()
}

/// Shared area in shares of the joint one.
fn overlap(a: BoxF, b: BoxF) -> f64 {
    let across = (a.right.min(b.right) - a.left.max(b.left)).max(0.0);
    let down = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
    let shared = across * down;
    shared / (a.width() * a.height() + b.width() * b.height() - shared)
}

/// True boxes found, true boxes, boxes claimed; those at the edge of the picture count for nothing, since
/// the truth leaves out people who are cut off.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    found: usize,
    there: usize,
    claimed: usize,
}

impl Score {
    /// Pairs every true box with the box that overlaps it most, by half at least.
    fn add(&mut self, truth: &[BoxF], claimed: &[BoxF]) {
        let inside = |b: &BoxF| b.left > 0.01 && b.top > 0.01 && b.right < 0.99 && b.bottom < 0.99;
        let mut left: Vec<BoxF> = claimed.to_vec();
        for wanted in truth {
            let best = left
                .iter()
                .enumerate()
                .max_by(|a, b| overlap(*a.1, *wanted).total_cmp(&overlap(*b.1, *wanted)));
            let hit = best.filter(|(_, b)| overlap(**b, *wanted) >= 0.5).map(|(at, _)| at);
            if let Some(at) = hit {
                left.swap_remove(at);
            }
            if inside(wanted) {
                self.there += 1;
                self.found += usize::from(hit.is_some());
                self.claimed += usize::from(hit.is_some());
            }
        }
        self.claimed += left.iter().filter(|b| inside(b)).count();
    }

    fn recall(self) -> f64 {
        self.found as f64 / self.there as f64
    }

    fn precision(self) -> f64 {
        self.found as f64 / self.claimed as f64
    }
}
