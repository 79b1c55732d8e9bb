//! Frames a second and frame numbers, and media times from them in whole numbers only.

use std::str::FromStr;

use camcount_domain::MediaTime;

use super::MotError;

/// Frames a second as a fraction, so that media times are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameRate {
    frames: i64,
    seconds: i64,
}

impl FrameRate {
    /// Media time of the frame with this number, the first one being 1, in footage that begins at `start`.
    #[must_use]
    pub(crate) fn time(self, start: MediaTime, frame: u32) -> MediaTime {
        let us = (i128::from(frame) - 1) * 1_000_000 * i128::from(self.seconds) / i128::from(self.frames);
        start.plus_us(i64::try_from(us).unwrap_or(i64::MAX))
    }

    /// Number of the frame closest to `time`; 1 for whatever comes before.
    #[must_use]
    pub(crate) fn frame(self, start: MediaTime, time: MediaTime) -> u32 {
        let unit = 1_000_000 * i128::from(self.seconds);
        let frames = (i128::from(time.since_us(start)) * i128::from(self.frames) + unit / 2).div_euclid(unit);
        u32::try_from(frames.max(0) + 1).unwrap_or(u32::MAX)
    }
}

impl FromStr for FrameRate {
    type Err = MotError;

    /// Reads `25`, `12.5` or `30000/1001`; between 0.001 and 1000.
    fn from_str(text: &str) -> Result<Self, MotError> {
        let bad = || MotError::Rate { text: text.to_owned() };
        let whole = |text: &str| text.trim().parse::<i64>().ok().filter(|v| (1..=1_000_000_000).contains(v));
        let (frames, seconds) = if let Some((frames, seconds)) = text.split_once('/') {
            (whole(frames).ok_or_else(bad)?, whole(seconds).ok_or_else(bad)?)
        } else {
            let (units, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
            let digits = format!("{units}{decimals}");
            if decimals.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad());
            }
            (whole(&digits).ok_or_else(bad)?, 10_i64.pow(decimals.len() as u32))
        };
        if frames > seconds * 1_000 || frames * 1_000 < seconds {
            return Err(bad());
        }
        Ok(Self { frames, seconds })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_fractions_within_reason() {
        assert_eq!("12.5".parse::<FrameRate>().unwrap(), FrameRate { frames: 125, seconds: 10 });
        for bad in ["", "0", "-1", "1e3", "1001", "0.0001", "30/0", "x/y", "25fps", "."] {
            assert!(bad.parse::<FrameRate>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn frame_numbers_and_times_are_one_to_one(
            frame in 1..10_000_000_u32, frames in 1..1_000_000_000_i64, seconds in 1..1_000_000_000_i64,
            start in -1_i64 << 60..1 << 60,
        ) {
            if let Ok(rate) = format!("{frames}/{seconds}").parse::<FrameRate>() {
                let start = MediaTime(start);
                prop_assert_eq!(rate.frame(start, rate.time(start, frame)), frame);
            }
        }
    }
}
