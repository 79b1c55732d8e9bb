//! Which frames are looked at: a function of the frames' own times and the wanted rate, and of nothing else.

use camcount_domain::Rate;

/// The number of the slot that a frame lies in: slot k of a rate is the time from (k − 1/12)/rate up to
/// (k + 11/12)/rate after the recording's first frame.
///
/// Why the twelfth: the frames of most cameras sit at k/rate, or at k/(2·rate), k/(3·rate) …, each a little off
/// because containers round times. Without an offset these very frames lie on the slots' borders and noise
/// decides which slot they fall into: now two, now none in a slot. Moved by 1/12 of a slot, the borders are
/// 1/12 away from frames at whole, half, third, quarter and sixth slots.
///
/// In whole numbers: floor(us·rate/10⁹ + 1/12) = floor((12·us·rate + 10⁹) / (12·10⁹)), rate in millihertz.
pub(crate) fn slot(since_first_us: i64, rate: Rate) -> i128 {
    (12 * i128::from(since_first_us) * i128::from(rate.millihertz) + 1_000_000_000).div_euclid(12_000_000_000)
}

/// Walks over a recording's frames in the order in which they are shown and picks those that are looked at:
/// the first frame of each slot.
///
/// It may start at any frame of the recording. What it says about the first one is void, since that one's
/// predecessor is unknown; about every later one it says what it would say had it started at the beginning,
/// as long as times do not run backwards across the start.
#[derive(Clone, Debug)]
pub struct Slots {
    rate: Rate,
    last: Option<i128>,
}

impl Slots {
    /// A walk that has seen no frame.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, last: None }
    }

    /// Whether the next frame, `since_first_us` microseconds after the recording's first one, is looked at.
    ///
    /// A frame whose time is not later than that of a frame shown before it never is.
    pub fn look(&mut self, since_first_us: i64) -> bool {
        let slot = slot(since_first_us, self.rate);
        let new = self.last.is_none_or(|last| slot > last);
        if new {
            self.last = Some(slot);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picked(times: &[i64], rate: Rate) -> Vec<i64> {
        let mut slots = Slots::new(rate);
        times.iter().copied().filter(|t| slots.look(*t)).collect()
    }

    fn times_of(fps: f64, frames: usize, round_to_us: i64) -> Vec<i64> {
        let round = |t: f64| (t / round_to_us as f64).round() as i64 * round_to_us;
        (0..frames).map(|n| round(n as f64 * 1e6 / fps)).collect()
    }

    #[test]
    fn keeps_every_frame_of_a_camera_at_the_wanted_rate() {
        for fps in [5.0, 10.0, 12.0, 15.0, 24.0, 30.0, 50.0] {
            let rate = Rate::from_fps(fps).unwrap();
            for round_to_us in [1, 11, 1000] {
                let times = times_of(fps, 1000, round_to_us);
                assert_eq!(picked(&times, rate), times, "{fps} fps in steps of {round_to_us} us");
            }
        }
    }

    #[test]
    fn keeps_every_nth_frame_of_a_camera_n_times_as_fast() {
        for (fps, wanted) in [(30.0, 15.0), (30.0, 10.0), (25.0, 5.0), (30.0, 5.0), (60.0, 15.0)] {
            let times = times_of(fps, 1000, 1000);
            let every: Vec<i64> = times.iter().copied().step_by((fps / wanted) as usize).collect();
            assert_eq!(picked(&times, Rate::from_fps(wanted).unwrap()), every, "{wanted} of {fps}");
        }
    }

    #[test]
    fn picks_as_many_as_wanted_from_odd_rates() {
        let times = times_of(30_000.0 / 1001.0, 3000, 1);
        let count = picked(&times, Rate::from_fps(15.0).unwrap()).len() as i64;
        assert!((count - 1501).abs() <= 2, "{count}");
    }

    #[test]
    fn times_that_run_backwards_are_not_looked_at() {
        let rate = Rate::from_fps(10.0).unwrap();
        assert_eq!(picked(&[0, 200_000, 100_000, 200_000, 300_000], rate), [0, 200_000, 300_000]);
        assert_eq!(picked(&[-250_000, -100_000, 0], rate), [-250_000, -100_000, 0]);
    }

    proptest! {
        #[test]
        fn a_walk_may_start_anywhere(
            steps in prop::collection::vec(0i64..400_000, 2..200), from in 0usize..200,
            millihertz in 1u32..1_000_000, origin in -10_000_000i64..10_000_000,
        ) {
            let times: Vec<i64> = steps.iter().scan(origin, |t, step| { *t += step; Some(*t) }).collect();
            let rate = Rate { millihertz };
            let from = from % (times.len() - 1);
            let mut whole = Slots::new(rate);
            let mut part = Slots::new(rate);
            for (n, time) in times.iter().enumerate() {
                let expected = whole.look(*time);
                if n >= from {
                    let got = part.look(*time);
                    prop_assert!(n == from || got == expected, "frame {} of a walk from {}", n, from);
                }
            }
        }

        #[test]
        fn slots_are_as_long_as_the_rate_says(us in -1_000_000_000_000i64..1_000_000_000_000, millihertz in 1u32..1_000_000) {
            let rate = Rate { millihertz };
            let exact = us as f64 * f64::from(millihertz) / 1e9 + 1.0 / 12.0;
            prop_assert!((slot(us, rate) as f64 - exact.floor()).abs() <= 1.0);
            prop_assert!(slot(us + 1, rate) >= slot(us, rate));
        }
    }
}
