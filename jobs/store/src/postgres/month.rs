//! Calendar months of media time, in UTC: the unit of partitioning.

use std::{fmt, str::FromStr};

use camcount_domain::{MediaSpan, MediaTime};
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// A month of the years 1 to 9999, in UTC. Media times outside of these have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first_day: civil::Date,
}

impl Month {
    /// The month that `time` lies in.
    #[must_use]
    pub fn of(time: MediaTime) -> Option<Self> {
        let timestamp = Timestamp::from_microsecond(time.0).ok()?;
        let first_day = timestamp.to_zoned(TimeZone::UTC).date().first_of_month();
        // The month must have an end that is a time, and a name that tables can bear.
        (first_day.year() >= 1 && first_day.checked_add(1.month()).is_ok()).then_some(Self { first_day })
    }

    /// The month after this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::of(self.span().end)
    }

    /// The month that is `months` before this one, or the first there is.
    pub(super) fn before(self, months: u32) -> Self {
        let first = civil::date(1, 1, 1);
        // More months than a calendar has lead to the first one as well.
        let span = jiff::Span::new().try_months(i64::from(months));
        Self { first_day: span.map_or(first, |span| self.first_day.saturating_sub(span)).max(first) }
    }

    /// The months that `span` touches, in order. An empty span touches the month of its start.
    pub fn touched(span: MediaSpan) -> impl Iterator<Item = Self> {
        let first = Self::of(span.start);
        std::iter::successors(first, |month| month.next())
            .take_while(move |month| Some(*month) == first || month.span().start < span.end)
    }

    /// From its first instant to the next month's.
    #[must_use]
    pub fn span(self) -> MediaSpan {
        let start_of = |day: civil::Date| {
            let start = day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_microsecond());
            MediaTime(start.unwrap_or(i64::MAX))
        };
        MediaSpan { start: start_of(self.first_day), end: start_of(self.first_day.saturating_add(1.month())) }
    }

    /// What the names of its tables end in.
    pub(super) fn suffix(self) -> String {
        format!("{:04}_{:02}", self.first_day.year(), self.first_day.month())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first_day.year(), self.first_day.month())
    }
}

/// Why a text is no month.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no month; write it like 2026-05")]
pub struct BadMonth(String);

impl FromStr for Month {
    type Err = BadMonth;

    fn from_str(text: &str) -> Result<Self, BadMonth> {
        let first_day = format!("{text}-01").parse::<civil::Date>().ok().filter(|_| text.len() == 7);
        let time = first_day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
        time.and_then(|zoned| Self::of(MediaTime(zoned.timestamp().as_microsecond())))
            .ok_or_else(|| BadMonth(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> MediaTime {
        text.parse().unwrap()
    }

    #[test]
    fn months_tile_time() {
        let month = Month::of(time("2028-02-29T23:59:59.999999Z")).unwrap();
        assert_eq!(month.to_string(), "2028-02");
        assert_eq!(month.span().start, time("2028-02-01"));
        assert_eq!(month.span().end, time("2028-03-01"));
        assert_eq!(month.next().unwrap().span().start, month.span().end);
        assert_eq!(Month::of(MediaTime(-1)).unwrap().to_string(), "1969-12");
        assert_eq!(Month::of(MediaTime::MAX), None);
        assert_eq!(Month::of(MediaTime::MIN), None);
    }

    #[test]
    fn months_are_read_as_they_are_written() {
        let month: Month = "2026-05".parse().unwrap();
        assert_eq!((month.to_string(), month.before(5).to_string()), ("2026-05".into(), "2025-12".into()));
        assert_eq!(month.before(u32::MAX).to_string(), "0001-01");
        for text in ["2026-13", "2026-5", "2026-05-01", "May", "0000-01"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_touches_its_months() {
        let touched = |start, end| {
            let span = MediaSpan { start: time(start), end: time(end) };
            Month::touched(span).map(|month| month.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(touched("2027-12-31", "2028-02-01"), ["2027-12", "2028-01"]);
        assert_eq!(touched("2027-12-01", "2027-12-01"), ["2027-12"]);
        assert_eq!(touched("9999-11-30", "9999-12-30"), ["9999-11"], "the last month has no end");
    }
}
