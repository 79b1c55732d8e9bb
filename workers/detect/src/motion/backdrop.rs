//! What a scene looks like when nothing moves, from samples of a block of media time.

use camcount_domain::{Frame, MediaSpan, MediaTime};

/// Which frames a backdrop is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackdropWanted {
    /// The length of a block of media time, in microseconds, counted from the start of the recording.
    pub block_us: i64,
    /// How many frames of a block are sampled, evenly spread over it.
    pub samples: u32,
}

impl BackdropWanted {
    /// Twenty seconds: long enough for people to walk on, short enough for daylight to stay the same. An odd
    /// number of samples has a middle one.
    pub(crate) const DEFAULT: Self = Self { block_us: 20_000_000, samples: 21 };

    /// The block that a frame at `time` belongs to, in a recording that covers `recording`. Blocks tile the
    /// recording; the last takes a shorter rest as well, since too short a block is no backdrop. Frames from
    /// before or after the recording belong to its first or last block.
    #[must_use]
    pub fn block(&self, time: MediaTime, recording: MediaSpan) -> MediaSpan {
        let width = self.block_us.max(1);
        let last = (recording.len_us() / width - 1).max(0);
        let number = (time.since_us(recording.start).div_euclid(width)).clamp(0, last);
        let start = recording.start.plus_us(number.saturating_mul(width));
        let end = if number == last { recording.end } else { start.plus_us(width) };
        MediaSpan { start, end }
    }

    /// A block in as many pieces as there are samples, for footage of which a part cannot be read.
    pub fn pieces(&self, block: MediaSpan) -> impl Iterator<Item = MediaSpan> + use<> {
        let pieces = i64::from(self.samples.max(1));
        let edge = move |number| block.start.plus_us(block.len_us() * number / pieces);
        (0..pieces).map(move |piece| MediaSpan { start: edge(piece), end: edge(piece + 1) })
    }
}

/// The median of the samples, pixel by pixel, and how much they differ from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backdrop {
    median: Vec<u8>,
    noise: Vec<u8>,
}

impl Backdrop {
    /// From samples of one block, in any order. `None` when there are none, or of different sizes.
    ///
    /// Of an even number of samples the lower middle one is taken. Noise is the median absolute deviation.
    #[must_use]
    pub fn median(samples: &[Frame]) -> Option<Self> {
        let len = samples.first()?.data.len();
        if samples.iter().any(|sample| sample.data.len() != len) {
            return None;
        }
        let (mut median, mut noise) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut levels = vec![0_u8; samples.len()];
        for pixel in 0..len {
            for (level, sample) in levels.iter_mut().zip(samples) {
                *level = sample.data[pixel];
            }
            let middle = middle(&mut levels);
            for level in &mut levels {
                *level = level.abs_diff(middle);
            }
            median.push(middle);
            noise.push(self::middle(&mut levels));
        }
        Some(Self { median, noise })
    }

    /// Pixels.
    pub(super) fn len(&self) -> usize {
        self.median.len()
    }

    /// The usual level of every pixel.
    pub(super) fn median_level(&self) -> &[u8] {
        &self.median
    }

    /// The median absolute deviation of every pixel.
    pub(super) fn noise(&self) -> &[u8] {
        &self.noise
    }
}

/// The median of at least one level.
fn middle(levels: &mut [u8]) -> u8 {
    let at = (levels.len() - 1) / 2;
    *levels.select_nth_unstable(at).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(data: &[u8]) -> Frame {
        Frame { time: MediaTime(0), data: data.to_vec().into() }
    }

    #[test]
    fn the_median_forgets_what_passed_by() {
        let samples =
            [sample(&[10, 10]), sample(&[12, 200]), sample(&[14, 10]), sample(&[12, 13]), sample(&[90, 11])];
        let backdrop = Backdrop::median(&samples).unwrap();
        assert_eq!(backdrop.median, [12, 11]);
        assert_eq!(backdrop.noise, [2, 1]);
        let mut turned = samples.to_vec();
        turned.reverse();
        assert_eq!(Backdrop::median(&turned).unwrap(), backdrop);
        assert!(Backdrop::median(&[]).is_none());
        assert!(Backdrop::median(&[sample(&[1]), sample(&[1, 2])]).is_none());
    }

    #[test]
    fn blocks_tile_a_recording_and_a_short_rest_joins_the_last() {
        let wanted = BackdropWanted { block_us: 20, samples: 2 };
        let recording = MediaSpan { start: MediaTime(100), end: MediaTime(155) };
        let block = |t| wanted.block(MediaTime(t), recording);
        let span = |start, end| MediaSpan { start: MediaTime(start), end: MediaTime(end) };
        assert_eq!(block(100), span(100, 120));
        assert_eq!(block(119), span(100, 120));
        assert_eq!(block(120), span(120, 155));
        assert_eq!(block(154), span(120, 155));
        assert_eq!((block(0), block(900)), (span(100, 120), span(120, 155)));
        let short = MediaSpan { start: MediaTime(0), end: MediaTime(5) };
        assert_eq!(wanted.block(MediaTime(3), short), short);
        let pieces: Vec<_> = wanted.pieces(block(120)).collect();
        assert_eq!(pieces, [span(120, 137), span(137, 155)]);
    }
}
