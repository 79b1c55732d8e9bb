//! Media time: when the camera saw it. Wall time: when we handled it. Never the one for the other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An instant of media time: microseconds since 1970-01-01T00:00:00Z.
///
/// Footage whose start nobody knows begins at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// Before all footage.
    pub const MIN: Self = Self(i64::MIN);
    /// After all footage.
    pub const MAX: Self = Self(i64::MAX);

    /// This instant moved by `us` microseconds; stops at the ends of time.
    #[must_use]
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// Microseconds from `earlier` to this instant; negative when it is later.
    #[must_use]
    pub fn since_us(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of the span of `width_us` microseconds that this instant lies in, counted from 1970.
    #[must_use]
    pub fn floor_to_us(self, width_us: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(width_us)))
    }
}

impl fmt::Display for MediaTime {
    /// RFC 3339 in UTC with microseconds; instants that no calendar holds are printed as bare microseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// Why a text is no media time.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no date and time; write it like 2026-05-01T08:00:00Z or 2026-05-01 08:00:00+02:00")]
pub struct BadTime {
    text: String,
}

impl FromStr for MediaTime {
    type Err = BadTime;

    /// Reads RFC 3339. A time without an offset is UTC.
    fn from_str(text: &str) -> Result<Self, BadTime> {
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(t.as_microsecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| BadTime { text: text.to_owned() })?;
        match civil.to_zoned(jiff::tz::TimeZone::UTC) {
            Ok(zoned) => Ok(Self(zoned.timestamp().as_microsecond())),
            Err(_) => Err(BadTime { text: text.to_owned() }),
        }
    }
}

/// When something was handled: microseconds since 1970-01-01T00:00:00Z. No count depends on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub i64);

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.0}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A half-open span `[start, end)` of media time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediaSpan {
    /// The first instant inside.
    pub start: MediaTime,
    /// The first instant after it.
    pub end: MediaTime,
}

impl MediaSpan {
    /// All of time.
    pub const ALL: Self = Self { start: MediaTime::MIN, end: MediaTime::MAX };

    /// Whether `t` lies in the span.
    #[must_use]
    pub fn contains(&self, t: MediaTime) -> bool {
        self.start <= t && t < self.end
    }

    /// Whether the two spans share an instant.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The length in microseconds.
    #[must_use]
    pub fn len_us(&self) -> i64 {
        self.end.since_us(self.start)
    }
}

/// How many frames a second are looked at, at most, in thousandths of a hertz (15 000 is 15 frames/s).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate {
    /// Frames in 1 000 seconds; at least 1.
    pub millihertz: u32,
}

impl Rate {
    /// The default: every frame of a camera of up to 15 frames/s. Tracking gains little above it.
    pub const DEFAULT: Self = Self { millihertz: 15_000 };

    /// A rate from frames a second. `None` unless it lies in 0.001 ..= 1000.
    #[must_use]
    pub fn from_fps(fps: f64) -> Option<Self> {
        let millihertz = (fps * 1000.0).round();
        (1.0..=1_000_000.0).contains(&millihertz).then_some(Self { millihertz: millihertz as u32 })
    }

    /// The time between two looked-at frames in microseconds.
    #[must_use]
    pub fn interval_us(self) -> i64 {
        1_000_000_000 / i64::from(self.millihertz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc_3339() {
        let t: MediaTime = "2026-05-01T08:00:00.25Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-05-01T08:00:00.250000Z");
        assert_eq!("2026-05-01 10:00:00.25+02:00".parse::<MediaTime>().unwrap(), t);
        assert_eq!("2026-05-01T08:00:00.25".parse::<MediaTime>().unwrap(), t);
        assert!("yesterday".parse::<MediaTime>().is_err());
    }

    #[test]
    fn wall_time_is_told_to_the_second() {
        assert_eq!(WallTime(1_777_622_400_999_999).to_string(), "2026-05-01T08:00:00Z");
    }

    #[test]
    fn instants_before_1970_floor_downwards() {
        assert_eq!(MediaTime(-1).floor_to_us(10), MediaTime(-10));
        assert_eq!(MediaTime(-10).floor_to_us(10), MediaTime(-10));
        assert_eq!(MediaTime(19).floor_to_us(10), MediaTime(10));
    }
}
