//! Roll-ups: the buckets of counting added up over minutes, hours, days, weeks and months.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CoverageBucket, MediaTime, ZoneBucket};

/// How wide the periods of a roll-up are. Days and what is wider follow the camera's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// 60 s.
    Minute,
    /// 60 min, from the day's first instant on.
    Hour,
    /// From midnight to midnight; some have 23 or 25 hours.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

impl Granularity {
    /// Every one, the narrowest first.
    pub const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The word used on command lines and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is no granularity.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no granularity; write minute, hour, day, week or month")]
pub struct BadGranularity(String);

impl FromStr for Granularity {
    type Err = BadGranularity;

    fn from_str(text: &str) -> Result<Self, BadGranularity> {
        let found = Self::ALL.into_iter().find(|granularity| granularity.as_str() == text);
        found.ok_or_else(|| BadGranularity(text.to_owned()))
    }
}

/// Crossings of one line by one class in one bucket or period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSum {
    /// The line's name.
    pub line: String,
    /// The class.
    pub class: String,
    /// Where the bucket or period starts.
    pub start: MediaTime,
    /// Crossings inwards.
    pub count_in: i64,
    /// Crossings outwards.
    pub count_out: i64,
    /// The crossings' confidences added up, in ten-thousandths.
    pub confidence_sum: i64,
}

/// What a pass counted, all at one width: in buckets of counting, or in the periods of one [`Granularity`].
/// In order of start, then of names; one row a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Lines by class. None for a line and class that nobody crossed.
    pub lines: Vec<LineSum>,
    /// Zones.
    pub zones: Vec<ZoneBucket>,
    /// How much was really observed: one for every period that has anything.
    pub coverage: Vec<CoverageBucket>,
}
