//! Scales: round steps of time and of counts.

use camcount_domain::{MediaSpan, MediaTime};

const SECOND_US: i64 = 1_000_000;
/// Steps of time that people count in, in seconds.
const STEPS_S: [i64; 19] = [
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800,
];

/// The shortest round step, of `least_us` or a multiple of it, that divides `span_us` into at most `most` parts.
pub(super) fn time_step(span_us: i64, most: i64, least_us: i64) -> i64 {
    let fits = |step: &i64| *step % least_us == 0 && span_us / step < most;
    let longest = STEPS_S[STEPS_S.len() - 1] * SECOND_US;
    let multiple = || span_us.div_euclid(most * longest) * longest + longest;
    STEPS_S.iter().map(|s| s * SECOND_US).find(fits).unwrap_or_else(multiple)
}

/// Round instants in `span`, both ends included, and what is written there.
pub(super) fn ticks(span: MediaSpan, start: MediaTime, start_known: bool) -> Vec<(MediaTime, String)> {
    let step = time_step(span.len_us(), 10, SECOND_US);
    let origin = if start_known { MediaTime(0) } else { start };
    let since = span.start.since_us(origin);
    let first =
        origin.plus_us(since.div_euclid(step) * step + if since.rem_euclid(step) > 0 { step } else { 0 });
    let times = (0..).map(|n| first.plus_us(n * step)).take_while(|t| *t <= span.end);
    times.map(|time| (time, label(time, origin, start_known, step))).collect()
}

fn label(time: MediaTime, origin: MediaTime, start_known: bool, step: i64) -> String {
    let text = time.to_string();
    if start_known {
        let part = if step < 60 * SECOND_US {
            11..19
        } else if step < 86_400 * SECOND_US {
            11..16
        } else {
            0..10
        };
        return text.get(part).unwrap_or(&text).to_owned();
    }
    let s = time.since_us(origin) / SECOND_US;
    if s.abs() < 3600 && step < 3_600 * SECOND_US {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// A length of time in words.
pub(super) fn in_words(us: i64) -> String {
    let s = us / SECOND_US;
    match s {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// A round whole step that divides 0..=`most` into at most `parts`.
pub(super) fn count_step(most: i64, parts: i64) -> i64 {
    let mut power = 1;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if most <= step * parts || step > i64::MAX / 100 {
                return step;
            }
        }
        power *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_not_too_many() {
        assert_eq!(time_step(60 * SECOND_US, 60, 10 * SECOND_US), 10 * SECOND_US);
        assert_eq!(time_step(86_400 * SECOND_US, 60, 10 * SECOND_US), 1_800 * SECOND_US);
        assert_eq!(time_step(0, 60, 10 * SECOND_US), 10 * SECOND_US);
        for span_s in [1, 59, 3_601, 100_000, 40_000_000, 4_000_000_000] {
            let step = time_step(span_s * SECOND_US, 60, 10 * SECOND_US);
            assert!(step % (10 * SECOND_US) == 0 && span_s * SECOND_US / step < 60, "{span_s}");
        }
        assert_eq!([0, 1, 4, 5, 9, 42, 1000].map(|most| count_step(most, 4)), [1, 1, 1, 2, 5, 20, 500]);
    }

    #[test]
    fn ticks_are_offsets_or_clocks() {
        let span = MediaSpan { start: MediaTime(0), end: MediaTime(60 * SECOND_US) };
        let labels: Vec<_> = ticks(span, span.start, false).into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50", "1:00"]);
        let start: MediaTime = "2026-05-01T08:10:00Z".parse().unwrap();
        let span = MediaSpan { start, end: start.plus_us(3 * 3_600 * SECOND_US) };
        let labels: Vec<_> = ticks(span, start, true).into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["08:30", "09:00", "09:30", "10:00", "10:30", "11:00"]);
        assert_eq!(in_words(90 * SECOND_US), "90 s");
        assert_eq!(in_words(7_200 * SECOND_US), "2 h");
    }
}
