//! What a pass counted, as people and programs are told: the same whether it was read from the store or folded
//! in memory, and independent of how the work was run.

mod json;
mod text;

use std::collections::BTreeMap;

use camcount_domain::{
    CoverageBucket, InOut, LineBucket, MediaTime, Ruleset, SegmentCounts, Visit, ZoneBucket,
};
use camcount_store::{PassProgress, Store};
use clap::ValueEnum;
use futures::TryStreamExt;
use serde::Serialize;

pub(crate) use json::Json;
pub(crate) use text::{columns, csv, table};

/// How counts are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One document a camera, with every crossing
    Json,
    /// One row a line and class, and one a zone
    Csv,
}

/// The counts of one camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// The camera's name.
    pub camera: String,
    /// The version of the rules.
    pub ruleset: String,
    /// The version of the detector.
    pub model: String,
    /// The lines, in the ruleset's order.
    pub lines: Vec<LineReport>,
    /// The zones, in the ruleset's order.
    pub zones: Vec<ZoneReport>,
    /// How much was really observed.
    pub coverage: Coverage,
    /// What became of the segments.
    pub segments: Segments,
}

/// The counts of one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct LineReport {
    /// Its name.
    pub name: String,
    /// Crossings inwards.
    #[serde(rename = "in")]
    pub count_in: i64,
    /// Crossings outwards.
    #[serde(rename = "out")]
    pub count_out: i64,
    /// The same by class.
    pub by_class: BTreeMap<String, InOut>,
}

impl LineReport {
    /// The line called `name`, of crossings by line and class.
    pub(crate) fn of(name: &str, crossings: &BTreeMap<(String, String), InOut>) -> Self {
        let mut report = Self { name: name.to_owned(), ..Self::default() };
        for ((_, class), counts) in crossings.iter().filter(|((line, _), _)| line == name) {
            report.count_in += counts.count_in;
            report.count_out += counts.count_out;
            report.by_class.insert(class.clone(), *counts);
        }
        report
    }
}

/// The counts of one zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ZoneReport {
    /// Its name.
    pub name: String,
    /// Objects seen to come in.
    pub entered: i64,
    /// Objects seen to leave.
    pub left: i64,
    /// Objects inside at a time; null where nothing was observed.
    pub occupancy: Option<Occupancy>,
    /// Lengths of stays.
    pub dwell_s: Dwell,
}

/// Objects inside a zone at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Occupancy {
    /// Fewest.
    pub min: i64,
    /// Mean over the observed time.
    pub mean: f64,
    /// Most.
    pub max: i64,
}

/// Lengths of stays in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Dwell {
    /// How many stays.
    pub visits: i64,
    /// Mean; null without stays.
    pub mean: Option<f64>,
    /// Longest; null without stays.
    pub max: Option<f64>,
    /// Mean of the time in which the object stood still; null without stays.
    pub stationary_mean: Option<f64>,
}

/// Observed and unobserved time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Coverage {
    /// Time with frames.
    pub observed_s: f64,
    /// Time without.
    pub gap_s: f64,
}

/// What became of the segments. The only part that depends on how footage was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Segments {
    /// Looked at and counted.
    pub counted: u64,
    /// Without a single frame.
    pub gap: u64,
    /// Given up after repeated failures; gaps as well.
    pub quarantined: u64,
    /// Looked-at frames in those with detections.
    pub frames: u64,
    /// Of these, the ones that the gate spared inference.
    pub spared: u64,
}

/// Names of what is reported.
pub(crate) struct Heading {
    /// The camera's name.
    pub camera: String,
    /// The version of the detector.
    pub model: String,
    /// Where the footage begins, for offsets.
    pub start: MediaTime,
    /// Whether media times are true.
    pub start_known: bool,
}

/// Adds up buckets and visits, in whole numbers until the end.
pub(crate) struct Tally {
    rules: Ruleset,
    lines: BTreeMap<(String, String), InOut>,
    zones: BTreeMap<String, ZoneTally>,
    observed_us: i64,
    gap_us: i64,
}

#[derive(Default)]
struct ZoneTally {
    entered: i64,
    left: i64,
    occupancy: Option<(i64, i64)>,
    occupied_us: i64,
    visits: i64,
    dwell_us: i64,
    longest_us: i64,
    stationary_us: i64,
}

impl Tally {
    /// Nothing yet, by these rules.
    pub(crate) fn new(rules: Ruleset) -> Self {
        Self { rules, lines: BTreeMap::new(), zones: BTreeMap::new(), observed_us: 0, gap_us: 0 }
    }

    /// Everything that a pass counted, read from the store.
    pub(crate) async fn of_pass(
        store: &dyn Store,
        pass: &camcount_domain::PassId,
        rules: Ruleset,
    ) -> anyhow::Result<Self> {
        let mut tally = Self::new(rules);
        let mut rows = store.line_buckets(pass);
        while let Some(row) = rows.try_next().await? {
            tally.line(&row);
        }
        let mut rows = store.zone_buckets(pass);
        while let Some(row) = rows.try_next().await? {
            tally.zone(&row);
        }
        let mut rows = store.coverage(pass);
        while let Some(row) = rows.try_next().await? {
            tally.coverage(&row);
        }
        let mut rows = store.visits(pass);
        while let Some(row) = rows.try_next().await? {
            tally.visit(&row);
        }
        Ok(tally)
    }

    /// Adds what was folded in memory.
    pub(crate) fn add(&mut self, counts: &SegmentCounts) {
        counts.lines.iter().for_each(|row| self.line(row));
        counts.zones.iter().for_each(|row| self.zone(row));
        counts.coverage.iter().for_each(|row| self.coverage(row));
        counts.visits.iter().for_each(|row| self.visit(row));
    }

    fn line(&mut self, row: &LineBucket) {
        let sum = self.lines.entry((row.line.clone(), row.class.clone())).or_default();
        sum.count_in += row.count_in;
        sum.count_out += row.count_out;
    }

    fn zone(&mut self, row: &ZoneBucket) {
        let sum = self.zones.entry(row.zone.clone()).or_default();
        sum.entered += row.entered;
        sum.left += row.left;
        sum.occupied_us += row.occupied_us;
        let (min, max) = sum.occupancy.unwrap_or((row.occupancy_min, row.occupancy_max));
        sum.occupancy = Some((min.min(row.occupancy_min), max.max(row.occupancy_max)));
    }

    fn coverage(&mut self, row: &CoverageBucket) {
        self.observed_us += row.observed_us;
        self.gap_us += row.gap_us;
    }

    fn visit(&mut self, row: &Visit) {
        let sum = self.zones.entry(row.zone.clone()).or_default();
        let dwell_us = row.left.since_us(row.entered);
        sum.visits += 1;
        sum.dwell_us += dwell_us;
        sum.longest_us = sum.longest_us.max(dwell_us);
        sum.stationary_us += row.stationary_us;
    }

    /// The sums as a report.
    pub(crate) fn report(&self, heading: &Heading, segments: Segments) -> Report {
        Report {
            camera: heading.camera.clone(),
            ruleset: self.rules.version().0,
            model: heading.model.clone(),
            lines: self.rules.lines.iter().map(|line| LineReport::of(&line.name, &self.lines)).collect(),
            zones: self.rules.zones.iter().map(|zone| self.zone_report(&zone.name)).collect(),
            coverage: Coverage { observed_s: seconds(self.observed_us), gap_s: seconds(self.gap_us) },
            segments,
        }
    }

    fn zone_report(&self, name: &str) -> ZoneReport {
        let nothing = ZoneTally::default();
        let sum = self.zones.get(name).unwrap_or(&nothing);
        let mean =
            |total_us: i64| (sum.visits > 0).then(|| thousandths(total_us as f64 / 1e6 / sum.visits as f64));
        ZoneReport {
            name: name.to_owned(),
            entered: sum.entered,
            left: sum.left,
            occupancy: sum.occupancy.map(|(min, max)| Occupancy {
                min,
                mean: thousandths(sum.occupied_us as f64 / self.observed_us.max(1) as f64),
                max,
            }),
            dwell_s: Dwell {
                visits: sum.visits,
                mean: mean(sum.dwell_us),
                max: (sum.visits > 0).then(|| thousandths(sum.longest_us as f64 / 1e6)),
                stationary_mean: mean(sum.stationary_us),
            },
        }
    }
}

impl From<PassProgress> for Segments {
    fn from(progress: PassProgress) -> Self {
        Self {
            counted: progress.detected - progress.empty,
            gap: progress.empty,
            quarantined: progress.quarantined,
            frames: progress.frames,
            spared: progress.spared,
        }
    }
}

/// Microseconds as seconds.
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// Rounded to three places: what is shown is no more exact than what was measured.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
