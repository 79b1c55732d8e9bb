//! All counts of a pass in one comparable value, however many segments they came in.

use std::collections::BTreeMap;

use camcount_domain::{
    CoverageBucket, Crossing, FrameRow, LineBucket, MediaTime, PassId, SegmentCounts, Visit, ZoneBucket,
};
use camcount_store::Store;
use futures::TryStreamExt;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) crossings: Vec<Crossing>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) lines: BTreeMap<(MediaTime, String, String), (i64, i64)>,
    pub(crate) zones: BTreeMap<(MediaTime, String), [i64; 6]>,
    pub(crate) coverage: BTreeMap<MediaTime, (i64, i64)>,
    pub(crate) frames: Vec<FrameRow>,
}

impl Tally {
    /// Of increments, in any order.
    pub(crate) fn of(counts: impl IntoIterator<Item = SegmentCounts>) -> Self {
        let mut tally = Self::default();
        for counts in counts {
            tally.crossings.extend(counts.crossings);
            tally.visits.extend(counts.visits);
            counts.lines.into_iter().for_each(|row| tally.add_line(row));
            counts.zones.into_iter().for_each(|row| tally.add_zone(row));
            counts.coverage.into_iter().for_each(|row| tally.add_coverage(row));
            tally.frames.extend(counts.frames);
        }
        tally.crossings.sort_by_key(|c| (c.time, c.line.clone(), c.track, c.direction, c.ordinal));
        tally.visits.sort_by_key(|v| (v.entered, v.zone.clone(), v.track, v.ordinal));
        tally.frames.sort_by_key(|f| f.time);
        tally
    }

    /// Of what is stored.
    pub(crate) async fn stored(store: &dyn Store, pass: &PassId) -> Self {
        Self::of([SegmentCounts {
            crossings: store.crossings(pass).try_collect().await.unwrap(),
            visits: store.visits(pass).try_collect().await.unwrap(),
            lines: store.line_buckets(pass).try_collect().await.unwrap(),
            zones: store.zone_buckets(pass).try_collect().await.unwrap(),
            coverage: store.coverage(pass).try_collect().await.unwrap(),
            frames: store.frames(pass).try_collect().await.unwrap(),
        }])
    }

    /// Observed and gap time of the whole pass, in microseconds.
    pub(crate) fn covered_us(&self) -> (i64, i64) {
        self.coverage.values().fold((0, 0), |(observed, gap), row| (observed + row.0, gap + row.1))
    }

    fn add_line(&mut self, row: LineBucket) {
        let sums = self.lines.entry((row.start, row.line, row.class)).or_default();
        *sums = (sums.0 + row.count_in, sums.1 + row.count_out);
    }

    fn add_zone(&mut self, row: ZoneBucket) {
        let new = [row.entered, row.left, row.occupied_us, row.stationary_us];
        let both = (row.occupancy_min, row.occupancy_max);
        let [a, b, c, d, min, max] =
            *self.zones.entry((row.start, row.zone.clone())).or_insert([0, 0, 0, 0, both.0, both.1]);
        let sums = [a + new[0], b + new[1], c + new[2], d + new[3], min.min(both.0), max.max(both.1)];
        self.zones.insert((row.start, row.zone), sums);
    }

    fn add_coverage(&mut self, row: CoverageBucket) {
        let sums = self.coverage.entry(row.start).or_default();
        *sums = (sums.0 + row.observed_us, sums.1 + row.gap_us);
    }
}
