//! The port's part for roll-ups: what is to be rolled up anew, from what, and storing it.
//!
//! A commit marks the hours (of UTC) in which its buckets start as dirty, each with its segment. Whoever rolls up
//! takes dirty hours, adds up, and stores the sums with what was taken. An hour that was marked again since then stays
//! dirty; a pass that someone else has rolled up since then is refused, for wide periods are made of narrow ones.

use std::collections::BTreeSet;

use async_trait::async_trait;
use camcount_domain::{
    CoverageBucket, DetectorVersion, Granularity, LineSum, MediaSpan, MediaTime, PassId, RulesetVersion,
    SegmentCounts, Seq, Sums, ZoneBucket,
};
use sqlx::FromRow;

use crate::{Scope, StoreError};

/// The width of the hours that are marked as dirty, which begin at full hours of UTC.
pub const DIRTY_US: i64 = 3_600_000_000;

/// Hours of a pass whose counts have changed since they were rolled up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// The pass.
    pub pass: PassId,
    /// The IANA time zone of its camera.
    pub time_zone: String,
    /// How often it was rolled up before.
    pub version: i64,
    /// The hours' starts, in order, each with the last segment that changed it.
    pub hours: Vec<(MediaTime, Seq)>,
}

/// What became of storing roll-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledUp {
    /// They are stored.
    Now,
    /// Someone else rolled this pass up meanwhile; nothing changed.
    Stale,
}

/// What was counted: a pass, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The pass.
    pub pass: PassId,
    /// What people call its camera.
    pub camera: String,
    /// The IANA time zone of its camera.
    pub time_zone: String,
    /// The rules that counted.
    pub ruleset: RulesetVersion,
    /// The detector whose detections were counted.
    pub detector: DetectorVersion,
}

/// Roll-ups of counts.
#[async_trait]
pub trait Rollups: Send + Sync + 'static {
    /// The passes that `of` is the id of, or the id or name of their camera; all of them without `of`. In order of
    /// cameras' names and of passes' first segments.
    async fn counted(&self, of: Option<&str>) -> Result<Vec<Counted>, StoreError>;

    /// What was counted since it was rolled up, of passes in `scope`: of each at most `hours`, the earliest first.
    async fn dirty(&self, scope: Scope<'_>, hours: u32) -> Result<Vec<Dirty>, StoreError>;

    /// The buckets of a pass that start in `span`, as they are.
    async fn bucket_sums(&self, pass: &PassId, span: MediaSpan) -> Result<Sums, StoreError>;

    /// The roll-ups of a pass whose periods start in `span`.
    async fn rollups(
        &self,
        pass: &PassId,
        granularity: Granularity,
        span: MediaSpan,
    ) -> Result<Sums, StoreError>;

    /// Stores roll-ups in place of those of the same periods, and clears the hours that they were made of, in one
    /// transaction. Hours that were marked since stay dirty.
    async fn store_rollups(
        &self,
        taken: &Dirty,
        rollups: &[(Granularity, Sums)],
    ) -> Result<RolledUp, StoreError>;
}

/// A pass and its camera.
#[derive(FromRow)]
pub(crate) struct StoredCounted {
    id: String,
    name: String,
    time_zone: String,
    ruleset: String,
    detector: String,
}

impl From<StoredCounted> for Counted {
    fn from(row: StoredCounted) -> Self {
        let StoredCounted { id, name: camera, time_zone, ruleset, detector } = row;
        let (pass, ruleset, detector) = (PassId(id), RulesetVersion(ruleset), DetectorVersion(detector));
        Self { pass, camera, time_zone, ruleset, detector }
    }
}

/// A dirty hour.
#[derive(FromRow)]
pub(crate) struct StoredDirty {
    pass: String,
    time_zone: String,
    rollup_version: i64,
    hour_us: i64,
    seq: i64,
}

/// Rows in order of pass and hour, by pass.
pub(crate) fn by_pass(rows: Vec<StoredDirty>) -> Vec<Dirty> {
    let mut passes: Vec<Dirty> = Vec::new();
    for StoredDirty { pass, time_zone, rollup_version: version, hour_us, seq } in rows {
        let hour = (MediaTime(hour_us), Seq(seq));
        match passes.last_mut().filter(|dirty| dirty.pass.0 == pass) {
            Some(dirty) => dirty.hours.push(hour),
            None => passes.push(Dirty { pass: PassId(pass), time_zone, version, hours: vec![hour] }),
        }
    }
    passes
}

/// The hours that buckets start in.
pub(crate) fn hours_of(counts: &SegmentCounts) -> Vec<i64> {
    let starts = (counts.lines.iter().map(|row| row.start))
        .chain(counts.zones.iter().map(|row| row.start))
        .chain(counts.coverage.iter().map(|row| row.start));
    let hours: BTreeSet<i64> = starts.map(|start| start.floor_to_us(DIRTY_US).0).collect();
    hours.into_iter().collect()
}

/// Sums of one line.
#[derive(FromRow)]
pub(crate) struct StoredLineSum {
    line: String,
    class: String,
    start_us: i64,
    count_in: i64,
    count_out: i64,
    confidence_sum: i64,
}

impl From<StoredLineSum> for LineSum {
    fn from(row: StoredLineSum) -> Self {
        let StoredLineSum { line, class, start_us, count_in, count_out, confidence_sum } = row;
        Self { line, class, start: MediaTime(start_us), count_in, count_out, confidence_sum }
    }
}

/// Rows of the three tables, in the domain's words.
pub(crate) fn sums(
    lines: Vec<StoredLineSum>,
    zones: Vec<impl Into<ZoneBucket>>,
    coverage: Vec<impl Into<CoverageBucket>>,
) -> Sums {
    Sums {
        lines: lines.into_iter().map(Into::into).collect(),
        zones: zones.into_iter().map(Into::into).collect(),
        coverage: coverage.into_iter().map(Into::into).collect(),
    }
}
