//! A camera's calendar: which minute, hour, day, week and month an instant of media time lies in. Pure.
//!
//! A day is cut into hours and minutes from its first instant on, so all of them lie within one day, and days within
//! one week and one month, whatever clocks do. A day on which clocks are changed by half an hour ends with half one.

use camcount_domain::{Granularity, MediaSpan, MediaTime};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// A time zone that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no time zone; write one like Europe/Berlin or UTC")]
pub struct UnknownTimeZone(String);

/// The calendar of one time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// That of an IANA time zone.
    ///
    /// # Errors
    /// When no such zone is known.
    pub fn of(zone: &str) -> Result<Self, UnknownTimeZone> {
        let zone = TimeZone::get(zone).map_err(|_| UnknownTimeZone(zone.to_owned()))?;
        Ok(Self { zone })
    }

    /// The period that `time` lies in; `None` outside of the years that a calendar has.
    #[must_use]
    pub fn period(&self, granularity: Granularity, time: MediaTime) -> Option<MediaSpan> {
        let date = self.date(time)?;
        let days =
            |first: Date, after: Date| Some(MediaSpan { start: self.start(first)?, end: self.start(after)? });
        match granularity {
            Granularity::Minute => self.part_of_day(date, time, MINUTE_US),
            Granularity::Hour => self.part_of_day(date, time, HOUR_US),
            Granularity::Day => days(date, date.tomorrow().ok()?),
            Granularity::Week => {
                let since_monday = i64::from(date.weekday().to_monday_zero_offset());
                let monday = date.checked_sub(since_monday.days()).ok()?;
                days(monday, monday.checked_add(1.week()).ok()?)
            }
            Granularity::Month => days(date.first_of_month(), date.last_of_month().tomorrow().ok()?),
        }
    }

    /// The period before the one that starts at `start`.
    #[must_use]
    pub fn previous(&self, granularity: Granularity, start: MediaTime) -> Option<MediaSpan> {
        self.period(granularity, start.plus_us(-1))
    }

    /// The periods that `span` touches, in order, as far as the calendar goes.
    pub fn periods(&self, granularity: Granularity, span: MediaSpan) -> impl Iterator<Item = MediaSpan> {
        let first = self.period(granularity, span.start).filter(|_| span.start < span.end);
        std::iter::successors(first, move |period| self.period(granularity, period.end))
            .take_while(move |period| period.start < span.end)
    }

    /// What a clock beside the camera shows, like `2026-05-01 08:00:00+02:00`.
    #[must_use]
    pub fn clock(&self, time: MediaTime) -> String {
        match Timestamp::from_microsecond(time.0) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string(),
            Err(_) => time.to_string(),
        }
    }

    /// What a text stands for: with an offset, an instant anywhere; without, what a clock beside the camera shows; a
    /// date alone is when that day begins.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<MediaTime> {
        let here = |time: DateTime| time.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp());
        if let Some(date) = text.parse::<Date>().ok().filter(|_| !text.contains(':')) {
            return self.start(date);
        }
        let instant = text.parse::<Timestamp>().ok().or_else(|| here(text.parse().ok()?))?;
        Some(MediaTime(instant.as_microsecond()))
    }

    fn start(&self, date: Date) -> Option<MediaTime> {
        let midnight = date.to_zoned(self.zone.clone()).ok()?.start_of_day().ok()?;
        Some(MediaTime(midnight.timestamp().as_microsecond()))
    }

    fn date(&self, time: MediaTime) -> Option<Date> {
        Some(Timestamp::from_microsecond(time.0).ok()?.to_zoned(self.zone.clone()).date())
    }

    fn part_of_day(&self, date: Date, time: MediaTime, width_us: i64) -> Option<MediaSpan> {
        let (day, after) = (self.start(date)?, self.start(date.tomorrow().ok()?)?);
        let start = day.plus_us(MediaTime(time.since_us(day)).floor_to_us(width_us).0);
        Some(MediaSpan { start, end: start.plus_us(width_us).min(after) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> MediaTime {
        text.parse().unwrap()
    }

    fn hours(zone: &str, day: &str) -> i64 {
        let calendar = Calendar::of(zone).unwrap();
        let day = calendar.period(Granularity::Day, time(day)).unwrap();
        let hours: Vec<_> = calendar.periods(Granularity::Hour, day).collect();
        assert_eq!((hours[0].start, hours[hours.len() - 1].end), (day.start, day.end));
        assert!(hours.windows(2).all(|two| two[0].end == two[1].start), "they tile the day");
        hours.len() as i64
    }

    #[test]
    fn days_have_the_hours_that_clocks_show() {
        assert_eq!(hours("UTC", "2026-03-29T12:00:00Z"), 24);
        assert_eq!(hours("Europe/Berlin", "2026-03-29T12:00:00Z"), 23);
        assert_eq!(hours("Europe/Berlin", "2026-10-25T12:00:00Z"), 25);
        assert_eq!(hours("Asia/Kolkata", "2026-03-29T12:00:00Z"), 24);
        assert_eq!(hours("America/Sao_Paulo", "2018-11-04T12:00:00Z"), 23, "it begins at one");
        assert_eq!(hours("Australia/Lord_Howe", "2026-04-05T12:00:00Z"), 25, "the last one is half");
        assert_eq!(hours("Australia/Lord_Howe", "2026-10-04T00:00:00Z"), 24, "the last one is half");
    }

    #[test]
    fn periods_are_the_calendars() {
        let calendar = Calendar::of("Europe/Berlin").unwrap();
        let period = |granularity, at| {
            let MediaSpan { start, end } = calendar.period(granularity, time(at)).unwrap();
            (calendar.clock(start), calendar.clock(end))
        };
        let span = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            period(Granularity::Minute, "2026-03-29T12:34:56Z"),
            span("2026-03-29 14:34:00+02:00", "2026-03-29 14:35:00+02:00")
        );
        assert_eq!(
            period(Granularity::Hour, "2026-10-25T00:30:00Z"),
            span("2026-10-25 02:00:00+02:00", "2026-10-25 02:00:00+01:00")
        );
        assert_eq!(
            period(Granularity::Week, "2026-03-29T21:59:59Z"),
            span("2026-03-23 00:00:00+01:00", "2026-03-30 00:00:00+02:00")
        );
        assert_eq!(
            period(Granularity::Month, "2026-03-31T22:00:00Z"),
            span("2026-04-01 00:00:00+02:00", "2026-05-01 00:00:00+02:00")
        );
        let week = calendar.period(Granularity::Week, time("2026-01-01")).unwrap();
        assert_eq!(calendar.clock(week.start), "2025-12-29 00:00:00+01:00", "weeks run over the year's end");
        let before = calendar.previous(Granularity::Month, time("2026-03-31T22:00:00Z")).unwrap();
        assert_eq!(calendar.clock(before.start), "2026-03-01 00:00:00+01:00");
    }

    #[test]
    fn times_are_read_as_they_are_here() {
        let calendar = Calendar::of("Europe/Berlin").unwrap();
        let read = |text| calendar.read(text).map(|time| time.to_string());
        assert_eq!(read("2026-05-01").unwrap(), "2026-04-30T22:00:00.000000Z");
        assert_eq!(read("2026-05-01 08:30").unwrap(), "2026-05-01T06:30:00.000000Z");
        assert_eq!(read("2026-05-01T08:30:00Z").unwrap(), "2026-05-01T08:30:00.000000Z");
        assert_eq!(read("2026-05-01 08:30:00-04:00").unwrap(), "2026-05-01T12:30:00.000000Z");
        assert_eq!((read("today"), read("")), (None, None));
    }

    #[test]
    fn instants_that_no_calendar_holds_have_no_period() {
        let calendar = Calendar::of("UTC").unwrap();
        assert_eq!(calendar.period(Granularity::Hour, MediaTime::MAX), None);
        assert_eq!(calendar.period(Granularity::Month, MediaTime::MIN), None);
        assert_eq!(calendar.periods(Granularity::Day, MediaSpan::ALL).next(), None);
        assert!(Calendar::of("Europe/Atlantis").unwrap_err().to_string().contains("Europe/Atlantis"));
    }
}
