//! Calendar months of media time, in UTC: the unit of partitioning.

use std::fmt;

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
