//! A pass's counts over time, added up to so few bins that they can be drawn: a year takes no more memory than a
//! minute.

use anyhow::Result;
use camcount_domain::{BUCKET_US, MediaSpan, MediaTime};
use camcount_store::Store;
use futures::TryStreamExt;

use super::{Subject, axis::time_step};

/// At most so many bins.
const BINS: i64 = 72;
/// Parts of the time axis of which it is known how much was observed.
pub(super) const PARTS: i64 = 900;

/// Crossings of a line in one bin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crossings {
    pub count_in: i64,
    pub count_out: i64,
}

/// How full a zone was in one bin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fullness {
    pub occupied_us: i64,
    /// Fewest and most; `None` where nobody looked.
    pub range: Option<(i64, i64)>,
}

/// Observed and unobserved time, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub observed_us: i64,
    pub gap_us: i64,
}

/// All of it.
pub(super) struct Series {
    /// What the axis spans.
    pub span: MediaSpan,
    /// Width of a bin, and the start of the first.
    pub bin_us: i64,
    pub first: MediaTime,
    /// By line and bin.
    pub lines: Vec<Vec<Crossings>>,
    /// By zone and bin.
    pub zones: Vec<Vec<Fullness>>,
    /// By bin.
    pub watch: Vec<Watch>,
    /// By part of the axis.
    pub parts: Vec<Watch>,
    /// Of all.
    pub total: Watch,
}

impl Series {
    /// Reads it.
    pub(super) async fn read(store: &dyn Store, subject: &Subject<'_>) -> Result<Self> {
        let (pass, rules) = (subject.pass, subject.rules);
        let (first, _) = store.segment(pass.camera, pass.first).await?;
        let (last, _) = store.segment(pass.camera, pass.last.unwrap_or(pass.first)).await?;
        let (start, end) = (first.span.start.max(pass.range.start), last.span.end.min(pass.range.end));
        let span = MediaSpan { start, end: end.max(start.plus_us(1_000_000)) };
        let bin_us = time_step(span.len_us(), BINS, BUCKET_US);
        let first = span.start.floor_to_us(bin_us);
        let bins = (span.end.since_us(first) as u64).div_ceil(bin_us as u64).max(1) as usize;
        let mut series = Self {
            span,
            bin_us,
            first,
            lines: vec![vec![Crossings::default(); bins]; rules.lines.len()],
            zones: vec![vec![Fullness::default(); bins]; rules.zones.len()],
            watch: vec![Watch::default(); bins],
            parts: vec![Watch::default(); PARTS as usize],
            total: Watch::default(),
        };
        let id = pass.id();
        let mut rows = store.line_buckets(&id);
        while let Some(row) = rows.try_next().await? {
            let bin = series.bin(row.start);
            if let Some(line) = rules.lines.iter().position(|line| line.name == row.line) {
                let sum = &mut series.lines[line][bin];
                sum.count_in += row.count_in;
                sum.count_out += row.count_out;
            }
        }
        let mut rows = store.zone_buckets(&id);
        while let Some(row) = rows.try_next().await? {
            let bin = series.bin(row.start);
            if let Some(zone) = rules.zones.iter().position(|zone| zone.name == row.zone) {
                let sum = &mut series.zones[zone][bin];
                sum.occupied_us += row.occupied_us;
                let (least, most) = sum.range.unwrap_or((row.occupancy_min, row.occupancy_max));
                sum.range = Some((least.min(row.occupancy_min), most.max(row.occupancy_max)));
            }
        }
        let mut rows = store.coverage(&id);
        while let Some(row) = rows.try_next().await? {
            let bin = series.bin(row.start);
            let Self { watch, parts, total, .. } = &mut series;
            for sum in [&mut watch[bin], total] {
                sum.observed_us += row.observed_us;
                sum.gap_us += row.gap_us;
            }
            let part = |time: MediaTime| {
                let since = i128::from(time.since_us(span.start)) * i128::from(PARTS);
                (since.div_euclid(i128::from(span.len_us()))).clamp(0, i128::from(PARTS)) as usize
            };
            let (from, to) = (part(row.start), part(row.start.plus_us(BUCKET_US)));
            for sum in &mut parts[from.min(PARTS as usize - 1)..to.max(from + 1).min(PARTS as usize)] {
                sum.observed_us += row.observed_us;
                sum.gap_us += row.gap_us;
            }
        }
        Ok(series)
    }

    /// The bin that a time lies in; what lies outside, by frames outside their container's span, is in the nearest.
    fn bin(&self, time: MediaTime) -> usize {
        let bin = time.since_us(self.first).div_euclid(self.bin_us);
        usize::try_from(bin).unwrap_or(0).min(self.watch.len() - 1)
    }

    /// Start and end of a bin, as far as the axis shows it.
    pub(super) fn bin_span(&self, bin: usize) -> MediaSpan {
        let start = self.first.plus_us(bin as i64 * self.bin_us);
        MediaSpan { start: start.max(self.span.start), end: start.plus_us(self.bin_us).min(self.span.end) }
    }
}
