//! Which time was observed, and the grid of buckets that it falls on.

use camcount_domain::{BUCKET_US, Continuity, MediaSpan, MediaTime};

/// No camera is down for longer than a year, in microseconds: a longer gap is a clock that was set. Only so much
/// of it is recorded, so that one wrong timestamp cannot ask for millions of buckets.
const LONGEST_GAP_US: i64 = 366 * 86_400 * 1_000_000;

/// Observed time, and the gap after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Time that a frame stands for.
    pub observed: MediaSpan,
    /// Time that none stands for; often empty.
    pub gap: MediaSpan,
}

impl Covered {
    fn new(start: MediaTime, observed_until: MediaTime, end: MediaTime) -> Self {
        let gap_end = end.min(observed_until.plus_us(LONGEST_GAP_US)).max(observed_until);
        Self {
            observed: MediaSpan { start, end: observed_until },
            gap: MediaSpan { start: observed_until, end: gap_end },
        }
    }
}

/// The time between two frames, the second of which came.
///
/// A frame stands for all the time until the next, unless that is too long to know what happened; then it
/// stands for the usual interval.
#[must_use]
pub fn between(frame: MediaTime, next: MediaTime, continuity: Continuity) -> Covered {
    let together = next.since_us(frame) <= continuity.gap_after_us;
    let interval_end = frame.plus_us(continuity.interval_us).min(next);
    Covered::new(frame, if together { next } else { interval_end }, next)
}

/// The time from the start of the range to its first frame, by the same measure: observed unless it is too long
/// to be the distance to a frame just before. Then all of it is a gap, for no frame stands for it.
#[must_use]
pub fn before(start: MediaTime, first: MediaTime, continuity: Continuity) -> Covered {
    let together = first.since_us(start) <= continuity.gap_after_us;
    Covered::new(start, if together { first } else { start }, first)
}

/// The time from the last frame to the end of the footage.
///
/// The frame stands for the usual interval. Containers declare a few milliseconds more or less than their
/// frames last, so up to one more interval is nothing; a longer rest is a gap.
#[must_use]
pub fn after(last: MediaTime, end: MediaTime, continuity: Continuity) -> Covered {
    // A range without an end ends with its last frame.
    let end = if end == MediaTime::MAX { last.plus_us(continuity.interval_us) } else { end.max(last) };
    let observed_until = last.plus_us(continuity.interval_us).min(end);
    let rest_us = end.since_us(observed_until);
    Covered::new(last, observed_until, if rest_us > continuity.interval_us { end } else { observed_until })
}

/// The buckets that `span` touches, and how many microseconds of it fall into each.
pub(crate) fn split(span: MediaSpan) -> impl Iterator<Item = (MediaTime, i64)> {
    let mut at = span.start;
    std::iter::from_fn(move || {
        (at < span.end).then(|| {
            let bucket = at.floor_to_us(BUCKET_US);
            let until = bucket.plus_us(BUCKET_US).min(span.end);
            let us = until.since_us(at);
            at = until;
            (bucket, us)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTINUITY: Continuity = Continuity { interval_us: 100, gap_after_us: 2_000 };

    fn us(covered: Covered) -> (i64, i64) {
        (covered.observed.len_us(), covered.gap.len_us())
    }

    #[test]
    fn a_frame_stands_for_the_time_to_the_next_or_for_its_interval() {
        let time = MediaTime;
        assert_eq!(us(between(time(0), time(100), CONTINUITY)), (100, 0));
        assert_eq!(us(between(time(0), time(2_000), CONTINUITY)), (2_000, 0));
        assert_eq!(us(between(time(0), time(2_001), CONTINUITY)), (100, 1_901));
        assert_eq!(us(before(time(0), time(2_000), CONTINUITY)), (2_000, 0));
        assert_eq!(us(before(time(0), time(2_001), CONTINUITY)), (0, 2_001));
        assert_eq!(us(after(time(0), time(40), CONTINUITY)), (40, 0));
        assert_eq!(us(after(time(0), time(200), CONTINUITY)), (100, 0), "a container's rounding");
        assert_eq!(us(after(time(0), time(201), CONTINUITY)), (100, 101));
        assert_eq!(us(after(time(0), MediaTime::MAX, CONTINUITY)), (100, 0));
        assert_eq!(us(after(time(0), time(-5), CONTINUITY)), (0, 0));
    }

    #[test]
    fn a_wrong_clock_fills_no_more_than_a_year() {
        assert_eq!(us(between(MediaTime(0), MediaTime::MAX, CONTINUITY)), (100, LONGEST_GAP_US));
    }

    #[test]
    fn splits_exactly_over_buckets() {
        let span = MediaSpan { start: MediaTime(BUCKET_US - 3), end: MediaTime(2 * BUCKET_US + 1) };
        let parts: Vec<_> = split(span).collect();
        assert_eq!(
            parts,
            [(MediaTime(0), 3), (MediaTime(BUCKET_US), BUCKET_US), (MediaTime(2 * BUCKET_US), 1)]
        );
    }
}
