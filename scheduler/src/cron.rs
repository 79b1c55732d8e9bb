//! Cron expressions: when something is due. Pure: the present is an argument, and the clock is UTC's.

use std::{fmt, str::FromStr};

use camcount_domain::WallTime;
use croner::Cron;
use jiff::{Timestamp, Zoned, tz::TimeZone};

/// When something is due, in UTC.
#[derive(Clone, Debug)]
pub struct CronExpression {
    // It is large.
    cron: Box<Cron>,
    text: String,
}

/// Why a text is no cron expression.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no cron expression: {problem}; write minute, hour, day, month and weekday, like \"*/5 * * * *\" for \
     every five minutes or \"0 3 * * *\" for three at night (UTC)"
)]
pub struct BadCron {
    text: String,
    problem: String,
}

impl FromStr for CronExpression {
    type Err = BadCron;

    fn from_str(text: &str) -> Result<Self, BadCron> {
        let bad = |problem: String| BadCron { text: text.to_owned(), problem };
        let cron: Cron = text.parse().map_err(|error: croner::errors::CronError| bad(error.to_string()))?;
        let expression = Self { cron: Box::new(cron), text: text.to_owned() };
        // Any day does: what comes at all comes within the cycle of leap years.
        if expression.cron.find_next_occurrence(&utc(WallTime(0)), true).is_err() {
            return Err(bad("such a time never comes".to_owned()));
        }
        Ok(expression)
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CronExpression {
    /// The time at which something is due at `now` that was due at `last` before; `None` if it has nothing to make up
    /// for. Times that were missed are made up for once, by the latest of them.
    #[must_use]
    pub fn due(&self, last: Option<WallTime>, now: WallTime) -> Option<WallTime> {
        /// Clocks of machines differ by less; what is later was noted by one that was wrong, and would keep the rest
        /// from ever being due again.
        const AHEAD_US: i64 = 3_600_000_000;
        let last = last.filter(|last| last.0.saturating_sub(now.0) < AHEAD_US);
        let latest = self.cron.find_previous_occurrence(&utc(now), true).ok()?;
        let latest = WallTime(latest.timestamp().as_microsecond());
        (last.is_none_or(|last| last < latest)).then_some(latest)
    }
}

/// The start of the second that `time` lies in.
fn utc(time: WallTime) -> Zoned {
    Timestamp::from_second(time.0.div_euclid(1_000_000)).unwrap_or_default().to_zoned(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use camcount_domain::MediaTime;

    use super::*;

    fn at(text: &str) -> WallTime {
        WallTime(text.parse::<MediaTime>().unwrap().0)
    }

    fn due(expression: &str, last: Option<&str>, now: &str) -> Option<String> {
        let expression: CronExpression = expression.parse().unwrap();
        expression.due(last.map(at), at(now)).map(|due| due.to_string())
    }

    #[test]
    fn it_is_due_once_a_time() {
        let daily = "0 3 * * *";
        assert_eq!(due(daily, None, "2026-05-02T02:59:59Z").unwrap(), "2026-05-01T03:00:00Z");
        assert_eq!(due(daily, Some("2026-05-01T03:00:00Z"), "2026-05-02T02:59:59Z"), None);
        let next = due(daily, Some("2026-05-01T03:00:00Z"), "2026-05-02T03:00:00.1Z");
        assert_eq!(next.unwrap(), "2026-05-02T03:00:00Z");
        assert_eq!(due(daily, Some("2026-05-02T03:00:00Z"), "2026-05-02T03:00:00Z"), None);
        let missed = due("* * * * *", Some("2026-05-01T03:00:00Z"), "2026-05-02T03:04:05Z");
        assert_eq!(missed.unwrap(), "2026-05-02T03:04:00Z", "many that were missed are made up for by one");
    }

    #[test]
    fn a_clock_that_is_a_little_wrong_does_nothing_and_one_that_was_very_wrong_is_forgotten() {
        assert_eq!(due("* * * * *", Some("2026-05-01T03:01:00Z"), "2026-05-01T03:00:59Z"), None);
        assert!(due("* * * * *", Some("2099-05-01T03:01:00Z"), "2026-05-01T03:00:59Z").is_some());
    }

    #[test]
    fn what_is_no_expression_is_refused_with_an_example() {
        for text in ["", "* * * *", "daily", "61 * * * *", "0 3 30 2 *"] {
            let refused = text.parse::<CronExpression>().unwrap_err().to_string();
            assert!(refused.contains(&format!("{text:?}")) && refused.contains("0 3 * * *"), "{refused}");
        }
        assert_eq!("*/5 * * * *".parse::<CronExpression>().unwrap().to_string(), "*/5 * * * *");
    }
}
