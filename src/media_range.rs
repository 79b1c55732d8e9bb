//! `--from` and `--to`: dates and times, or offsets from the start of the footage; and offsets as people read them.

use std::str::FromStr;

use camcount_domain::{MediaSpan, MediaTime};

/// One end of a range as given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RangeEnd {
    /// At this media time.
    At(MediaTime),
    /// This long after the start of the footage, in microseconds.
    After(i64),
}

/// Why a text is no end of a range.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is neither a date and time like 2026-05-01T08:00:00Z nor an offset from the start like 90, 1:30 or \
     0:01:30.5"
)]
pub(crate) struct BadRangeEnd(String);

impl FromStr for RangeEnd {
    type Err = BadRangeEnd;

    fn from_str(text: &str) -> Result<Self, BadRangeEnd> {
        if let Some(us) = offset_us(text) {
            return Ok(Self::After(us));
        }
        text.parse().map(Self::At).map_err(|_| BadRangeEnd(text.to_owned()))
    }
}

/// `[[H:]M:]S[.fraction]` in microseconds.
fn offset_us(text: &str) -> Option<i64> {
    let mut parts = text.rsplit(':');
    let seconds: f64 = parts.next()?.parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0)?;
    let mut us = (seconds * 1e6).round() as i64;
    for scale_s in [60, 3600] {
        match parts.next() {
            Some(part) => us = us.checked_add(part.parse::<u32>().ok()? as i64 * scale_s * 1_000_000)?,
            None => return Some(us),
        }
    }
    parts.next().is_none().then_some(us)
}

impl RangeEnd {
    fn resolve(self, start: MediaTime) -> MediaTime {
        match self {
            Self::At(time) => time,
            Self::After(us) => start.plus_us(us),
        }
    }
}

/// `m:ss.t`, or `h:mm:ss` from an hour on.
pub(crate) fn offset(us: i64) -> String {
    let tenths = us.max(0) / 100_000;
    let (seconds, minutes, hours) = (tenths / 10 % 60, tenths / 600 % 60, tenths / 36_000);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}.{}", tenths % 10)
    }
}

/// The range between two ends over footage that begins at `start`; open where an end is missing.
pub(crate) fn range(from: Option<RangeEnd>, to: Option<RangeEnd>, start: MediaTime) -> MediaSpan {
    MediaSpan {
        start: from.map_or(MediaTime::MIN, |end| end.resolve(start)),
        end: to.map_or(MediaTime::MAX, |end| end.resolve(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_and_times() {
        assert_eq!("90".parse::<RangeEnd>().unwrap(), RangeEnd::After(90_000_000));
        assert_eq!("1:30.5".parse::<RangeEnd>().unwrap(), RangeEnd::After(90_500_000));
        assert_eq!("1:00:00".parse::<RangeEnd>().unwrap(), RangeEnd::After(3_600_000_000));
        let at = "2026-05-01T08:00:00Z".parse::<RangeEnd>().unwrap();
        assert!(matches!(at, RangeEnd::At(_)));
        for bad in ["", "x", "1:2:3:4", "-5", "1:-2", "nan"] {
            assert!(bad.parse::<RangeEnd>().is_err(), "{bad}");
        }
    }

    #[test]
    fn offsets_are_told_like_clocks() {
        assert_eq!(offset(59_970_000), "0:59.9");
        assert_eq!(offset(3_723_000_000), "1:02:03");
    }

    #[test]
    fn offsets_count_from_the_start_of_the_footage() {
        let span = range(Some(RangeEnd::After(5)), None, MediaTime(100));
        assert_eq!(span, MediaSpan { start: MediaTime(105), end: MediaTime::MAX });
    }
}
