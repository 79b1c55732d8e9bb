//! Adding to the buckets of one segment: one row per key, in order.

use camcount_domain::{
    BUCKET_US, CoverageBucket, Crossing, Direction, LineBucket, MediaTime, SegmentCounts, ZoneBucket,
};
use serde::{Deserialize, Serialize};

use crate::coverage::{Covered, split};

/// Adds a crossing and counts it in its bucket.
pub(crate) fn add_crossing(out: &mut SegmentCounts, crossing: Crossing) {
    let start = crossing.time.floor_to_us(BUCKET_US);
    let key = (start, &crossing.line, &crossing.class);
    let found = out.lines.binary_search_by(|b| (b.start, &b.line, &b.class).cmp(&key));
    let at = found.unwrap_or_else(|at| {
        let (line, class) = (crossing.line.clone(), crossing.class.clone());
        out.lines.insert(at, LineBucket { line, class, start, count_in: 0, count_out: 0 });
        at
    });
    match crossing.direction {
        Direction::In => out.lines[at].count_in += 1,
        Direction::Out => out.lines[at].count_out += 1,
    }
    out.crossings.push(crossing);
}

/// Adds observed time and gaps.
pub(crate) fn add_coverage(out: &mut SegmentCounts, covered: Covered) {
    for (span, observed) in [(covered.observed, true), (covered.gap, false)] {
        for (start, us) in split(span) {
            let at = out.coverage.binary_search_by_key(&start, |b| b.start).unwrap_or_else(|at| {
                out.coverage.insert(at, CoverageBucket { start, observed_us: 0, gap_us: 0 });
                at
            });
            let row = &mut out.coverage[at];
            *if observed { &mut row.observed_us } else { &mut row.gap_us } += us;
        }
    }
}

/// Fewest and most objects that one zone held in the last few buckets.
///
/// An entry is known only once it is confirmed; its bucket may have been reported by then, and the row that reports
/// the entry needs an occupancy that combines with that one without changing it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Occupancy {
    /// Start of the bucket, fewest, most; in order.
    recent: Vec<(MediaTime, i64, i64)>,
    /// Objects inside at the last frame.
    now: i64,
}

impl Occupancy {
    /// Objects inside at the last frame.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// The row of the bucket that starts at `start`.
    pub(crate) fn row<'a>(
        &self,
        out: &'a mut SegmentCounts,
        zone: &str,
        start: MediaTime,
    ) -> &'a mut ZoneBucket {
        let known = self.recent.iter().find(|r| r.0 == start);
        let (least, most) = known.map_or((self.now, self.now), |r| (r.1, r.2));
        let found = out.zones.binary_search_by(|b| (b.start, b.zone.as_str()).cmp(&(start, zone)));
        let at = found.unwrap_or_else(|at| {
            let empty = ZoneBucket {
                zone: zone.to_owned(),
                start,
                entered: 0,
                left: 0,
                occupancy_min: least,
                occupancy_max: most,
                occupied_us: 0,
                stationary_us: 0,
            };
            out.zones.insert(at, empty);
            at
        });
        let row = &mut out.zones[at];
        row.occupancy_min = row.occupancy_min.min(least);
        row.occupancy_max = row.occupancy_max.max(most);
        row
    }

    /// Notes how many objects a frame shows in the bucket that starts at `start`, and forgets what ended before
    /// `keep_from`.
    pub(crate) fn note(&mut self, start: MediaTime, inside: i64, keep_from: MediaTime) {
        self.now = inside;
        self.recent.retain(|r| r.0.plus_us(BUCKET_US) > keep_from);
        match self.recent.iter_mut().find(|r| r.0 == start) {
            Some(row) => *row = (start, row.1.min(inside), row.2.max(inside)),
            None => self.recent.push((start, inside, inside)),
        }
    }
}
