//! What has been done since the process started and where the time went, for people who watch.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// What jobs spend their time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the decoder's next frame.
    Decoding,
    /// Waiting for the detector, until it takes a frame and until it answers.
    Detecting,
    /// Writing detections as an artifact.
    Encoding,
    /// Storing the artifact.
    Keeping,
    /// Tracking and counting, reading the artifact included.
    Folding,
    /// Committing counts and state.
    Committing,
}

impl Stage {
    /// How many there are.
    const COUNT: usize = Self::Committing as usize + 1;
}

/// Counts of work done by this process. Never the truth about anything: that is the store.
#[derive(Debug, Default)]
pub struct Meter {
    frames: AtomicU64,
    spent_us: [AtomicU64; Stage::COUNT],
}

impl Meter {
    /// Frames that were looked at.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// How long jobs were at `stage`, of all jobs together.
    #[must_use]
    pub fn spent(&self, stage: Stage) -> Duration {
        Duration::from_micros(self.spent_us[stage as usize].load(Ordering::Relaxed))
    }

    pub(crate) fn looked_at_one(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// Whatever happens until the answer is dropped is spent on `stage`.
    pub(crate) fn at(&self, stage: Stage) -> Spending<'_> {
        Spending { meter: self, stage, since: Instant::now() }
    }
}

/// Time that is being spent.
pub(crate) struct Spending<'m> {
    meter: &'m Meter,
    stage: Stage,
    since: Instant,
}

impl Drop for Spending<'_> {
    fn drop(&mut self) {
        let us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.meter.spent_us[self.stage as usize].fetch_add(us, Ordering::Relaxed);
    }
}
