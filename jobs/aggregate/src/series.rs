//! Reading roll-ups: each period with what was counted in it, and how that differs from the period before.

use std::collections::BTreeMap;

use camcount_domain::{
    CONFIDENCE_ONE, CoverageBucket, Granularity, LineSum, MediaSpan, MediaTime, PassId, Ruleset, Sums,
    ZoneBucket,
};
use camcount_store::{Rollups, StoreError};
use serde::Serialize;

use crate::Calendar;

/// How a number differs from that of the period before. Nothing is known where that was not observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Trend {
    /// The number of the period before.
    pub previous: Option<i64>,
    /// By how much this one is more.
    pub change: Option<i64>,
    /// The same in per cent; of nothing there are none.
    pub change_percent: Option<f64>,
}

impl Trend {
    /// `None` stands for what was not observed.
    #[must_use]
    pub fn of(previous: Option<i64>, now: Option<i64>) -> Self {
        let change = previous.zip(now).map(|(previous, now)| now - previous);
        let percent = |(change, previous): (i64, i64)| rounded(change as f64 * 100.0 / previous as f64, 10.0);
        let change_percent = change.zip(previous.filter(|previous| *previous != 0)).map(percent);
        Self { previous, change, change_percent }
    }
}

/// What one line had in one period. Counts are `None` where nothing was observed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineCount {
    /// The line's name.
    pub line: String,
    /// The class; `None` for all of them together.
    pub class: Option<String>,
    /// Crossings inwards.
    #[serde(rename = "in")]
    pub count_in: Option<i64>,
    /// Crossings outwards.
    #[serde(rename = "out")]
    pub count_out: Option<i64>,
    /// Both.
    pub total: Option<i64>,
    /// Mean confidence of the crossings, 0 to 1; `None` without any.
    pub confidence: Option<f64>,
    /// Of the total.
    #[serde(flatten)]
    pub trend: Trend,
}

/// What one zone had in one period. Numbers are `None` where nothing was observed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneCount {
    /// The zone's name.
    pub zone: String,
    /// Objects seen to come in.
    pub entered: Option<i64>,
    /// Objects seen to leave.
    pub left: Option<i64>,
    /// Fewest objects inside at a time.
    pub occupancy_min: Option<i64>,
    /// Mean over the observed time.
    pub occupancy_mean: Option<f64>,
    /// Most objects inside at a time.
    pub occupancy_max: Option<i64>,
    /// Of those that entered.
    #[serde(flatten)]
    pub trend: Trend,
}

/// What was counted in one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeriodCounts {
    /// The period.
    #[serde(skip)]
    pub period: MediaSpan,
    /// What a clock beside the camera shows at its start.
    pub start: String,
    /// And at its end.
    pub end: String,
    /// Time with frames, in seconds.
    pub observed_s: f64,
    /// Time without, in seconds.
    pub gap_s: f64,
    /// Every line: all classes together, then each class that was counted.
    pub lines: Vec<LineCount>,
    /// Every zone.
    pub zones: Vec<ZoneCount>,
}

/// The periods of a pass that `span` touches, as far as anything is known of them.
///
/// # Errors
/// When the store fails.
pub async fn read(
    store: &(impl Rollups + ?Sized),
    pass: &PassId,
    ruleset: &Ruleset,
    calendar: &Calendar,
    granularity: Granularity,
    span: MediaSpan,
) -> Result<Vec<PeriodCounts>, StoreError> {
    let start = calendar.period(granularity, span.start).map_or(span.start, |first| first.start);
    let before = calendar.previous(granularity, start).map_or(start, |before| before.start);
    let sums = store.rollups(pass, granularity, MediaSpan { start: before, end: span.end }).await?;
    Ok(series(&sums, ruleset, calendar, granularity, MediaSpan { start, end: span.end }))
}

/// Roll-ups of one granularity as a series, from `span.start` on; those before it are what the first is compared with.
#[must_use]
pub fn series(
    sums: &Sums,
    ruleset: &Ruleset,
    calendar: &Calendar,
    granularity: Granularity,
    span: MediaSpan,
) -> Vec<PeriodCounts> {
    let known = Known::of(sums);
    let periods = sums.coverage.iter().filter(|row| span.contains(row.start));
    periods
        .filter_map(|row| {
            let period = calendar.period(granularity, row.start)?;
            let before = calendar.previous(granularity, row.start).map(|before| before.start);
            Some(PeriodCounts {
                period,
                start: calendar.clock(period.start),
                end: calendar.clock(period.end),
                observed_s: row.observed_us as f64 / 1e6,
                gap_s: row.gap_us as f64 / 1e6,
                lines: ruleset
                    .lines
                    .iter()
                    .flat_map(|line| known.classes(row.start, before, &line.name))
                    .collect(),
                zones: ruleset.zones.iter().map(|zone| known.zone(row, before, &zone.name)).collect(),
            })
        })
        .collect()
}

/// To one of `parts`: no more exact than what was measured.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Sums by period.
struct Known<'a> {
    observed: BTreeMap<MediaTime, i64>,
    lines: BTreeMap<(MediaTime, &'a str), BTreeMap<&'a str, &'a LineSum>>,
    zones: BTreeMap<(MediaTime, &'a str), &'a ZoneBucket>,
}

impl<'a> Known<'a> {
    fn of(sums: &'a Sums) -> Self {
        let mut lines: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for row in &sums.lines {
            lines.entry((row.start, row.line.as_str())).or_default().insert(row.class.as_str(), row);
        }
        Self {
            observed: sums.coverage.iter().map(|row| (row.start, row.observed_us)).collect(),
            lines,
            zones: sums.zones.iter().map(|row| ((row.start, row.zone.as_str()), row)).collect(),
        }
    }

    /// `count`, or what stands for it where there are no rows: zero if the period was observed, else nothing.
    fn or_zero(&self, start: MediaTime, count: Option<i64>) -> Option<i64> {
        count.or_else(|| self.observed.get(&start).is_some_and(|us| *us > 0).then_some(0))
    }

    /// A line: all classes together, then each that has rows now or had before.
    fn classes(&self, start: MediaTime, before: Option<MediaTime>, line: &str) -> Vec<LineCount> {
        let nothing = BTreeMap::new();
        let now = self.lines.get(&(start, line)).unwrap_or(&nothing);
        let earlier = before.and_then(|before| self.lines.get(&(before, line))).unwrap_or(&nothing);
        let total = |rows: &BTreeMap<&str, &LineSum>, of: fn(&LineSum) -> i64| {
            (!rows.is_empty()).then(|| rows.values().map(|row| of(row)).sum::<i64>())
        };
        let one = |rows: &BTreeMap<&str, &LineSum>, class: &str, of: fn(&LineSum) -> i64| {
            rows.get(class).map(|row| of(row))
        };
        let both: fn(&LineSum) -> i64 = |row| row.count_in + row.count_out;
        let count = |class: Option<&str>| {
            let sum = |rows, of| class.map_or_else(|| total(rows, of), |class| one(rows, class, of));
            let all = self.or_zero(start, sum(now, both));
            let previous = before.and_then(|before| self.or_zero(before, sum(earlier, both)));
            let confidence = sum(now, |row| row.confidence_sum).zip(all.filter(|all| *all > 0));
            LineCount {
                line: line.to_owned(),
                class: class.map(str::to_owned),
                count_in: self.or_zero(start, sum(now, |row| row.count_in)),
                count_out: self.or_zero(start, sum(now, |row| row.count_out)),
                total: all,
                confidence: confidence
                    .map(|(sum, all)| rounded(sum as f64 / all as f64 / f64::from(CONFIDENCE_ONE), 1e4)),
                trend: Trend::of(previous, all),
            }
        };
        let mut classes: Vec<&str> = now.keys().chain(earlier.keys()).copied().collect();
        classes.sort_unstable();
        classes.dedup();
        std::iter::once(None).chain(classes.into_iter().map(Some)).map(count).collect()
    }

    fn zone(&self, period: &CoverageBucket, before: Option<MediaTime>, zone: &str) -> ZoneCount {
        let start = period.start;
        let row = self.zones.get(&(start, zone));
        let earlier = before.and_then(|before| self.zones.get(&(before, zone)));
        let entered = self.or_zero(start, row.map(|row| row.entered));
        let previous = before.and_then(|before| self.or_zero(before, earlier.map(|row| row.entered)));
        let mean = |row: &&ZoneBucket| rounded(row.occupied_us as f64 / period.observed_us as f64, 1e3);
        ZoneCount {
            zone: zone.to_owned(),
            entered,
            left: self.or_zero(start, row.map(|row| row.left)),
            occupancy_min: self.or_zero(start, row.map(|row| row.occupancy_min)),
            occupancy_mean: row.filter(|_| period.observed_us > 0).map(mean),
            occupancy_max: self.or_zero(start, row.map(|row| row.occupancy_max)),
            trend: Trend::of(previous, entered),
        }
    }
}
