//! What a pass has counted so far, for those who watch it grow.

use async_trait::async_trait;
use camcount_domain::{InOut, LiveCounts, MediaSpan, MediaTime, PassId, Seq};
use sqlx::FromRow;

use crate::StoreError;

/// What a pass has counted, as one transaction sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// Counts in the span that was asked for. Zones are not in them: those are in the state.
    pub counts: LiveCounts,
    /// The fold's state after the last segment; `None` before the first.
    pub state: Option<Vec<u8>>,
}

/// The store's part in watching.
#[async_trait]
pub trait Live {
    /// What a pass has counted in buckets that start `within`, and where its cursor stood then: counts and cursor are
    /// of one moment, so that segments from the cursor on can be added.
    ///
    /// # Errors
    /// [`StoreError::NoPass`].
    async fn so_far(&self, pass: &PassId, within: MediaSpan) -> Result<SoFar, StoreError>;
}

/// Where a pass's cursor stands.
#[derive(FromRow)]
pub(crate) struct StoredCursor {
    next_seq: i64,
    counted_us: Option<i64>,
    fold_state: Option<Vec<u8>>,
}

/// Crossings of a line by a class.
#[derive(FromRow)]
pub(crate) struct StoredInOut {
    line: String,
    class: String,
    count_in: i64,
    count_out: i64,
}

/// Observed time and gaps.
#[derive(FromRow)]
pub(crate) struct StoredCovered {
    observed_us: i64,
    gap_us: i64,
}

impl StoredCursor {
    pub(crate) fn with(self, lines: Vec<StoredInOut>, covered: StoredCovered) -> SoFar {
        let line = |row: StoredInOut| {
            let StoredInOut { line, class, count_in, count_out } = row;
            ((line, class), InOut { count_in, count_out })
        };
        let counts = LiveCounts {
            next: Seq(self.next_seq),
            counted_to: self.counted_us.map(MediaTime),
            lines: lines.into_iter().map(line).collect(),
            zones: Vec::new(),
            observed_us: covered.observed_us,
            gap_us: covered.gap_us,
        };
        SoFar { counts, state: self.fold_state }
    }
}
