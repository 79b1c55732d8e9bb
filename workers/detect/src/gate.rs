//! The gate: it spares a detector the frames that show what an inferred one just showed.
//!
//! Media time is divided into slots. The first frame of a slot is always inferred; every other one is compared with
//! the last inferred frame of its slot, and when nothing has moved since then, it is spared. So whether a frame is
//! spared follows from the frames of its own slot alone, and what was spared wrongly is wrong until the slot ends and no
//! longer. (Difference detectors of this kind: Kang et al., "NoScope", VLDB 2017; Li et al., "Reducto", SIGCOMM 2020.)

use std::sync::Arc;

use camcount_domain::{
    Detector, Frame, FrameSize, MediaSpan, MediaTime, Picture, PixelFormat, Rate, Recording,
};

use crate::{Backdrop, BackdropWanted, Detect, Ticket};

/// Goes up whenever other frames are spared.
const REVISION: u32 = 1;

/// The length of a slot, in microseconds from the start of the recording. An object that one inference misses is
/// missing for a slot: half of the time for which the tracker waits for it.
const SLOT_US: i64 = 1_000_000;

/// Frames are compared by the means of cells of so many pixels each way. Smaller than all that a model finds, and
/// large enough for the noise of a compressed picture to cancel out within.
const CELL: usize = 4;

/// A cell whose mean differs by more than this, in levels of 255, has changed, and one is enough. Re-coded pictures of
/// still scenes differ by up to 5; a step of the light, a shadow or a shaken camera by more.
const STILL: u32 = 8;

/// Decides which frames need no inference, walking over them in order of time.
///
/// It may start at the first frame of any slot, and then says what it would say had it started at the beginning.
#[derive(Clone, Debug)]
pub struct Gate {
    picture: Picture,
    recording_start: MediaTime,
    inferred: Option<(MediaSpan, Glance)>,
}

impl Gate {
    /// Before the first frame of a slot of a recording that starts at `recording_start`; frames come as `picture`.
    #[must_use]
    pub fn new(picture: Picture, recording_start: MediaTime) -> Self {
        Self { picture, recording_start, inferred: None }
    }

    /// The slot that frames at `time` belong to.
    #[must_use]
    pub fn slot(&self, time: MediaTime) -> MediaSpan {
        let number = time.since_us(self.recording_start).div_euclid(SLOT_US);
        let start = self.recording_start.plus_us(number.saturating_mul(SLOT_US));
        MediaSpan { start, end: start.plus_us(SLOT_US) }
    }

    /// Whether the next frame shows what the last one showed that it was false for. When it is not, that frame is to be
    /// inferred.
    pub fn spares(&mut self, frame: &Frame) -> bool {
        let slot = self.slot(frame.time);
        let glance = Glance::at(frame, self.picture);
        let spared = self.inferred.as_ref().is_some_and(|(of, last)| *of == slot && glance.is_like(last));
        if !spared {
            self.inferred = Some((slot, glance));
        }
        spared
    }
}

/// The sums of a frame's cells, a channel at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glance(Vec<u16>);

impl Glance {
    fn at(frame: &Frame, picture: Picture) -> Self {
        // Of one plane.
        let channels = match picture.pixels {
            PixelFormat::Rgb | PixelFormat::Bgr => 3,
            PixelFormat::GbrPlanes | PixelFormat::Gray => 1,
        };
        let (width, height) = (picture.size.width.max(1) as usize, picture.size.height.max(1) as usize);
        let row_bytes = width * channels;
        let cells = width.div_ceil(CELL) * channels;
        let rows = frame.data.chunks(row_bytes * height).flat_map(|plane| plane.chunks(row_bytes * CELL));
        Self(rows.flat_map(|rows| Self::row(rows, row_bytes, channels, cells)).collect())
    }

    /// The sums of one row of cells.
    fn row(rows: &[u8], row_bytes: usize, channels: usize, cells: usize) -> Vec<u16> {
        let mut sums = vec![0; cells];
        for row in rows.chunks(row_bytes) {
            for (pixels, sums) in row.chunks(CELL * channels).zip(sums.chunks_mut(channels)) {
                for pixel in pixels.chunks(channels) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += u16::from(*level));
                }
            }
        }
        sums
    }

    /// Whether no cell has changed. Cells cut off by the picture's edge have fewer pixels and so may change by more.
    fn is_like(&self, other: &Self) -> bool {
        let most = STILL * (CELL * CELL) as u32;
        let same = |(a, b): (&u16, &u16)| u32::from(a.abs_diff(*b)) <= most;
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

/// A detector behind a gate. What it finds in a spared frame is what it found in the inferred one before.
pub struct Gated(Arc<dyn Detect>);

impl Gated {
    /// `detect`, spared the frames in which nothing moves.
    #[must_use]
    pub fn new(detect: Arc<dyn Detect>) -> Self {
        Self(detect)
    }
}

impl Detect for Gated {
    fn describe(&self, rate: Rate) -> Detector {
        let detector = self.0.describe(rate);
        let settings = format!(
            "{}; gate revision {REVISION}: slots of {SLOT_US} us, cells of {CELL}, still to {STILL}",
            detector.settings
        );
        Detector { settings, ..detector }
    }

    fn picture(&self, source: FrameSize) -> Picture {
        self.0.picture(source)
    }

    fn backdrop(&self) -> Option<BackdropWanted> {
        self.0.backdrop()
    }

    fn gate(&self, recording: &Recording) -> Option<Gate> {
        Some(Gate::new(self.picture(recording.frame_size), recording.span.start))
    }

    fn submit(&self, frame: Frame, source: FrameSize, backdrop: Option<Arc<Backdrop>>) -> Ticket {
        self.0.submit(frame, source, backdrop)
    }
}

#[cfg(test)]
mod tests {
    use camcount_domain::Fit;

    use super::*;

    const SIDE: usize = 64;

    fn picture(pixels: PixelFormat) -> Picture {
        let size = FrameSize { width: SIDE as u32, height: SIDE as u32 };
        Picture { size, fit: Fit::Stretch, pixels }
    }

    /// A textured wall in the light of `level`, with a figure of 6x12 pixels at `figure`, and the noise of a frame.
    fn frame(time_us: i64, level: i32, figure: usize) -> Frame {
        let noise = |at: usize| ((at as i64 * 31 + time_us / 1000 * 17) % 7 - 3) as i32;
        let pixel = |at: usize| {
            let (x, y) = (at % SIDE, at / SIDE);
            let in_figure = (figure..figure + 6).contains(&x) && (20..32).contains(&y);
            let wall = 90 + (x * 13 + y * 7) as i32 % 40;
            (if in_figure { 60 } else { wall } + level + noise(at)).clamp(0, 255) as u8
        };
        Frame { time: MediaTime(time_us), data: (0..SIDE * SIDE).map(pixel).collect() }
    }

    fn gate() -> Gate {
        Gate::new(picture(PixelFormat::Gray), MediaTime(-5))
    }

    /// Whether the second of two frames is spared.
    fn spared(first: &Frame, second: &Frame) -> bool {
        let mut gate = gate();
        assert!(!gate.spares(first));
        gate.spares(second)
    }

    #[test]
    fn noise_is_spared_and_the_first_frame_of_a_slot_never() {
        let mut gate = gate();
        let spared: Vec<bool> = (0..30).map(|n| gate.spares(&frame(n * 100_000, 0, 10))).collect();
        let expected: Vec<bool> = (0..30).map(|n| n % 10 != 0).collect();
        assert_eq!(spared, expected);
    }

    #[test]
    fn in_doubt_a_frame_is_inferred() {
        let first = frame(0, 0, 10);
        assert!(spared(&first, &frame(100_000, 3, 10)), "a little light");
        assert!(!spared(&first, &frame(100_000, 12, 10)), "a step of the light");
        assert!(!spared(&first, &frame(100_000, 0, 12)), "a small dark figure two pixels on");
        assert!(!spared(&first, &frame(100_000, 0, SIDE)), "nobody there any more");
        let mut shaken = frame(100_000, 0, 10);
        shaken.data.rotate_left(2 * SIDE + 1);
        assert!(!spared(&first, &shaken), "a shaken camera");
        let cut = Frame { time: MediaTime(100_000), data: first.data[..SIDE].to_vec().into() };
        assert!(!spared(&first, &cut), "a picture of another size");
    }

    /// Who creeps is inferred as often as he has moved on.
    #[test]
    fn what_moves_slowly_is_compared_with_where_it_was_inferred() {
        let mut gate = gate();
        let inferred = (0..10).filter(|n| !gate.spares(&frame(n * 100_000, 0, 10 + *n as usize / 2))).count();
        assert!((3..=5).contains(&inferred), "{inferred}");
    }

    #[test]
    fn a_walk_may_start_at_any_slot() {
        let frames: Vec<Frame> =
            (0..50).map(|n| frame(n * 70_000, 0, [10, 10, 10, 14][n as usize % 4])).collect();
        let walk = |from: usize| {
            let mut gate = gate();
            frames[from..].iter().map(|frame| gate.spares(frame)).collect::<Vec<_>>()
        };
        let whole = walk(0);
        assert!(whole.contains(&true));
        for from in 0..frames.len() {
            let gate = gate();
            if from == 0 || gate.slot(frames[from - 1].time) != gate.slot(frames[from].time) {
                assert_eq!(walk(from), whole[from..], "from frame {from}");
            }
        }
    }

    #[test]
    fn every_channel_counts() {
        let grey = frame(0, 0, 10);
        let coloured = |red: u8| Frame {
            time: grey.time,
            data: grey.data.iter().flat_map(|level| [*level + red, *level, *level]).collect(),
        };
        let glance = |red| Glance::at(&coloured(red), picture(PixelFormat::Rgb));
        assert!(glance(0).is_like(&glance(5)) && !glance(0).is_like(&glance(20)));
        assert_eq!(glance(0).0.len(), 3 * (SIDE / CELL).pow(2));

        let planes = |red: u8| Frame {
            time: grey.time,
            data: [0, 0, red]
                .iter()
                .flat_map(|more| grey.data.iter().map(move |level| level + more))
                .collect(),
        };
        let glance = |red| Glance::at(&planes(red), picture(PixelFormat::GbrPlanes));
        assert!(glance(0).is_like(&glance(5)) && !glance(0).is_like(&glance(20)));
        assert_eq!(glance(0).0.len(), 3 * (SIDE / CELL).pow(2));
    }
}
