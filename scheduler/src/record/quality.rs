//! How a stream does, minute by minute, as a pure function of what came and when.

use camcount_domain::WallTime;
use camcount_store::StreamQuality;

const MINUTE_US: i64 = 60_000_000;
/// A frame is missing where the next one comes more than this many intervals, in halves, after the one before.
const LATE_HALVES: i64 = 3;
/// Jitter of so many intervals takes half of a score, and this much latency another half.
const WORST_JITTER: f64 = 4.0;
const WORST_LATENCY_US: f64 = 10_000_000.0;

/// What came in the minute so far.
#[derive(Clone, Debug)]
pub(crate) struct QualityMeter {
    /// From when on the minute is watched.
    since: WallTime,
    frames: i64,
    bytes: u64,
    missing: i64,
    late_us: i64,
    jitter_us: i64,
    /// Of the frame before: its time and how late it was.
    last: Option<(i64, i64)>,
    /// The usual time between two frames.
    interval_us: Option<i64>,
}

impl QualityMeter {
    /// From now on.
    pub(crate) fn new(now: WallTime) -> Self {
        Self {
            since: now,
            frames: 0,
            bytes: 0,
            missing: 0,
            late_us: 0,
            jitter_us: 0,
            last: None,
            interval_us: None,
        }
    }

    /// Another run begins: what lies between the two is not the stream's own.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }

    /// A packet came: its frame's time and how much later than it, beyond the least lately, it came. `interval_us` is
    /// the usual time between two frames, where that is known.
    pub(crate) fn packet(&mut self, time_us: i64, bytes: u32, late_us: i64, interval_us: Option<i64>) {
        self.frames += 1;
        self.bytes += u64::from(bytes);
        self.late_us = self.late_us.saturating_add(late_us.max(0));
        self.interval_us = interval_us.or(self.interval_us);
        if let Some((last_us, last_late_us)) = self.last {
            self.jitter_us = self.jitter_us.saturating_add(late_us.abs_diff(last_late_us).cast_signed());
            let (between_us, usual_us) = (time_us - last_us, self.interval_us.unwrap_or(i64::MAX));
            if between_us > usual_us.saturating_mul(LATE_HALVES) / 2 {
                self.missing += between_us / usual_us.max(1) - 1;
            }
        }
        // Reordered frames come before their turn.
        if self.last.is_none_or(|(last_us, _)| time_us > last_us) {
            self.last = Some((time_us, late_us));
        }
    }

    /// The minute, if it is over by `now`; then the next one begins.
    pub(crate) fn tick(&mut self, now: WallTime) -> Option<StreamQuality> {
        let minute = WallTime(self.since.0 - self.since.0.rem_euclid(MINUTE_US));
        let next = WallTime(minute.0 + MINUTE_US);
        // A clock on the wall that was set back begins anew, too.
        if now.0 >= minute.0 && now < next {
            return None;
        }
        let watched_us = next.0 - self.since.0;
        let quality = self.of(minute, watched_us);
        let begins = now.0 - now.0.rem_euclid(MINUTE_US);
        *self = Self { last: self.last, interval_us: self.interval_us, ..Self::new(WallTime(begins)) };
        Some(quality)
    }

    fn of(&self, minute: WallTime, watched_us: i64) -> StreamQuality {
        let whole = |number: i64| u64::try_from(number).unwrap_or(0);
        let frames = self.frames.max(1);
        let latency_us = self.late_us / frames;
        let jitter_us = self.jitter_us / frames;
        // Of the frames that the watched time should have brought, those that came.
        let expected = self.interval_us.map_or(0.0, |us| watched_us as f64 / us.max(1) as f64);
        let came = if expected > 0.0 { (self.frames as f64 / expected).min(1.0) } else { 0.0 };
        let interval_us = self.interval_us.unwrap_or(1).max(1) as f64;
        let steady = 1.0 - 0.5 * (jitter_us as f64 / (WORST_JITTER * interval_us)).min(1.0);
        let timely = 1.0 - 0.5 * (latency_us as f64 / WORST_LATENCY_US).min(1.0);
        StreamQuality {
            minute,
            bits_per_second: (u128::from(self.bytes) * 8_000_000 / whole(watched_us).max(1) as u128) as u64,
            rate_mhz: (i128::from(self.frames) * 1_000_000_000 / i128::from(watched_us.max(1))) as u64,
            latency_us: whole(latency_us),
            jitter_us: whole(jitter_us),
            missing: whole(self.missing),
            score_permille: (1000.0 * came * steady * timely).round().clamp(0.0, 1000.0) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000_000_000 - 1_800_000_000_000_000 % MINUTE_US;

    /// A minute of 10 frames/s, of which `keep` says which come and how late.
    fn minute(keep: impl Fn(i64) -> Option<i64>) -> StreamQuality {
        let mut meter = QualityMeter::new(WallTime(NOON));
        for n in 0..600 {
            if let Some(late_us) = keep(n) {
                meter.packet(n * 100_000, 1_250, late_us, Some(100_000));
            }
            assert_eq!(meter.tick(WallTime(NOON + n * 100_000)), None);
        }
        meter.tick(WallTime(NOON + MINUTE_US + 5)).unwrap()
    }

    #[test]
    fn a_sound_stream_has_the_full_score() {
        let sound = minute(|_| Some(0));
        assert_eq!((sound.minute, sound.bits_per_second), (WallTime(NOON), 100_000));
        assert_eq!((sound.rate_mhz, sound.missing, sound.score_permille), (10_000, 0, 1000));
    }

    #[test]
    fn what_is_missing_late_or_uneven_lowers_it() {
        let holes = minute(|n| (n % 10 != 5).then_some(0));
        assert_eq!((holes.missing, holes.rate_mhz, holes.score_permille), (60, 9_000, 900));
        let late = minute(|_| Some(5_000_000));
        assert_eq!((late.latency_us, late.jitter_us, late.score_permille), (5_000_000, 0, 750));
        let uneven = minute(|n| Some(n % 2 * 400_000));
        assert!((uneven.jitter_us, uneven.score_permille) < (400_001, 600), "{uneven:?}");
        assert_eq!(minute(|n| (n < 300).then_some(0)).score_permille, 500);
        assert_eq!(minute(|_| None).score_permille, 0);
    }

    #[test]
    fn a_minute_that_began_before_the_stream_is_judged_by_the_rest() {
        let mut meter = QualityMeter::new(WallTime(NOON + 30_000_000));
        for n in 300..600 {
            meter.packet(n * 100_000, 1_250, 0, Some(100_000));
        }
        let half = meter.tick(WallTime(NOON + MINUTE_US)).unwrap();
        assert_eq!((half.score_permille, half.rate_mhz, half.minute), (1000, 10_000, WallTime(NOON)));
    }
}
