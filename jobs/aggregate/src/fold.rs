//! Adding up: from buckets or narrow periods to wider ones. Pure, and in whole numbers, so in any order and in any
//! number of steps it comes to the same.

use std::collections::BTreeMap;

use camcount_domain::{CoverageBucket, Granularity, LineSum, MediaTime, Sums, ZoneBucket};

use crate::Calendar;

/// Adds rows up by the periods in which they start. What starts outside the calendar is in none.
#[must_use]
pub fn fold(rows: &Sums, granularity: Granularity, calendar: &Calendar) -> Sums {
    let mut periods = Periods { granularity, calendar, last: None };
    let mut coverage: BTreeMap<MediaTime, (i64, i64)> = BTreeMap::new();
    let mut lines: BTreeMap<(MediaTime, &str, &str), (i64, i64, i64)> = BTreeMap::new();
    let mut zones: BTreeMap<(MediaTime, &str), ZoneBucket> = BTreeMap::new();
    for row in &rows.coverage {
        let Some(start) = periods.start(row.start) else { continue };
        let sum = coverage.entry(start).or_default();
        *sum = (sum.0 + row.observed_us, sum.1 + row.gap_us);
    }
    for row in &rows.lines {
        let Some(start) = periods.start(row.start) else { continue };
        coverage.entry(start).or_default();
        let sum = lines.entry((start, &row.line, &row.class)).or_default();
        *sum = (sum.0 + row.count_in, sum.1 + row.count_out, sum.2 + row.confidence_sum);
    }
    for row in &rows.zones {
        let Some(start) = periods.start(row.start) else { continue };
        coverage.entry(start).or_default();
        zones
            .entry((start, &row.zone))
            .and_modify(|sum| add(sum, row))
            .or_insert_with(|| ZoneBucket { start, ..row.clone() });
    }
    Sums {
        lines: lines
            .into_iter()
            .map(|((start, line, class), (count_in, count_out, confidence_sum))| {
                let (line, class) = (line.to_owned(), class.to_owned());
                LineSum { line, class, start, count_in, count_out, confidence_sum }
            })
            .collect(),
        zones: zones.into_values().collect(),
        coverage: coverage
            .into_iter()
            .map(|(start, (observed_us, gap_us))| CoverageBucket { start, observed_us, gap_us })
            .collect(),
    }
}

fn add(sum: &mut ZoneBucket, row: &ZoneBucket) {
    sum.entered += row.entered;
    sum.left += row.left;
    sum.occupancy_min = sum.occupancy_min.min(row.occupancy_min);
    sum.occupancy_max = sum.occupancy_max.max(row.occupancy_max);
    sum.occupied_us += row.occupied_us;
    sum.stationary_us += row.stationary_us;
}

/// Starts of periods. Rows come in order of time, so most lie in the period of the one before.
struct Periods<'a> {
    granularity: Granularity,
    calendar: &'a Calendar,
    last: Option<camcount_domain::MediaSpan>,
}

impl Periods<'_> {
    fn start(&mut self, time: MediaTime) -> Option<MediaTime> {
        if !self.last.is_some_and(|period| period.contains(time)) {
            self.last = self.calendar.period(self.granularity, time);
        }
        self.last.map(|period| period.start)
    }
}
