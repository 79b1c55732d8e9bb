//! What has been done since the process started, for people who watch.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of work done by this process. Never the truth about anything: that is the store.
#[derive(Debug, Default)]
pub struct Meter {
    frames: AtomicU64,
}

impl Meter {
    /// Frames that were looked at.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(crate) fn looked_at_one(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
    }
}
