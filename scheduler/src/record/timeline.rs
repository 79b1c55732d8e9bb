//! From a stream's own clock to media time, as a pure function of what came and when.
//!
//! A stream's clock says truly how far apart its frames are; what it calls zero nobody knows. So a run of a stream has
//! an anchor: what is to be added to its clock. It is the least by which the packets so far were later here than their
//! own clock says, for a packet may be late for many reasons and is early for none. Clocks drift: each piece may move
//! the anchor a little towards what was seen lately, never so far that its frames meet those of the piece before. A clock
//! that jumps ends the run.

use camcount_domain::{MediaSpan, MediaTime, WallTime};

/// A stream is watched for so long before its first piece is placed: what waited in buffers comes at once, and late.
const SETTLED_US: i64 = 5_000_000;
/// The anchor follows the least delay of the last one or two of these, so that it follows a clock of 100 parts in a
/// million within some 50 ms, and no congestion that is over within minutes.
const WINDOW_US: i64 = 300_000_000;
/// A packet that comes so much before its time shows that the clock jumped ahead.
const EARLY_US: i64 = 2_000_000;
/// One that comes so much after its time, that it was set back, stands still, or is too far behind to be live.
const LATE_US: i64 = 10_000_000;
/// A piece moves the anchor by no more than this part of its length, and no more than a quarter of a frame.
const SLEW: i64 = 200;
/// Shorter times without a frame are no gap, as long as they are not several frames long.
const GAP_US: i64 = 1_000_000;
/// Gaps that wait for their piece. More of them in one piece is a stream of nothing but gaps.
const MOST_GAPS: usize = 64;

/// Why a clock is no longer believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Jump {
    /// It jumped ahead.
    #[error("the stream's clock jumped ahead by {} s", us / 1_000_000)]
    Ahead {
        /// How far.
        us: i64,
    },
    /// It was set back, stands still or is far behind.
    #[error("the stream's clock fell behind by {} s: it was set back, stands still, or its packets are late", us / 1_000_000)]
    Behind {
        /// How far.
        us: i64,
    },
}

/// A piece in media time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// From its first frame, or the end of the piece before, to its last frame and one more interval.
    pub(crate) span: MediaSpan,
    /// The stream's time at the start of the span.
    pub(crate) origin_us: i64,
    /// Where frames are missing in it.
    pub(crate) gaps: Vec<MediaSpan>,
}

/// One run of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The end of what was placed, in this run or before it.
    after: Option<MediaTime>,
    /// The last frame that was placed in this run.
    last: Option<MediaTime>,
    /// What is added to the stream's time.
    offset_us: Option<i64>,
    first_came: Option<WallTime>,
    /// The stream's time of the latest frame.
    latest_us: Option<i64>,
    /// Where the stream's time moved on without a frame.
    gaps: Vec<(i64, i64)>,
    delay: LeastDelay,
}

impl Timeline {
    /// For a stream whose frames must not lie before `after`, where the camera's footage ends so far.
    pub(crate) fn new(after: Option<MediaTime>) -> Self {
        Self {
            after,
            last: None,
            offset_us: None,
            first_came: None,
            latest_us: None,
            gaps: Vec::new(),
            delay: LeastDelay::default(),
        }
    }

    /// A packet came.
    ///
    /// # Errors
    /// When the clock is not to be believed any more. The packet is as if it had not come.
    pub(crate) fn arrived(&mut self, time_us: i64, came: WallTime) -> Result<(), Jump> {
        let first_came = *self.first_came.get_or_insert(came);
        let delay_us = came.0.saturating_sub(time_us);
        if let Some(least_us) = self.delay.least() {
            let late_us = delay_us.saturating_sub(least_us);
            if late_us < -EARLY_US && came.0.saturating_sub(first_came.0) >= SETTLED_US {
                return Err(Jump::Ahead { us: -late_us });
            }
            if late_us > LATE_US {
                return Err(Jump::Behind { us: late_us });
            }
        }
        self.delay.note(delay_us, came);
        if let Some(latest_us) = self.latest_us
            && time_us.saturating_sub(latest_us) > GAP_US
            && self.gaps.len() < MOST_GAPS
        {
            self.gaps.push((latest_us, time_us));
        }
        self.latest_us = self.latest_us.max(Some(time_us));
        Ok(())
    }

    /// Whether enough was seen to place pieces.
    pub(crate) fn is_settled(&self, now: WallTime) -> bool {
        self.first_came.is_some_and(|first| now.0.saturating_sub(first.0) >= SETTLED_US)
    }

    /// When a frame of this stream time was seen, as far as is known yet.
    pub(crate) fn media_time(&self, time_us: i64) -> Option<MediaTime> {
        let offset_us = self.offset_us.or(self.delay.least())?;
        Some(MediaTime(time_us.saturating_add(offset_us)))
    }

    /// Places the next piece, whose frames lie from `first_us` to `last_us` of the stream's time, `interval_us` apart.
    /// `None` before any packet came, or when the piece begins where the one before has not ended.
    pub(crate) fn place(&mut self, first_us: i64, last_us: i64, interval_us: i64) -> Option<Placed> {
        let last_us = last_us.max(first_us);
        let wanted_us = self.delay.least()?;
        let offset_us = match self.offset_us {
            None => self.after.map_or(wanted_us, |after| wanted_us.max(after.0.saturating_sub(first_us))),
            Some(now_us) => {
                let most_us = (interval_us / 4).min((last_us - first_us) / SLEW).max(0);
                let moved_us = now_us + wanted_us.saturating_sub(now_us).clamp(-most_us, most_us);
                // A frame comes after the one before it.
                let least_us = self.last.map_or(i64::MIN, |last| last.0 + 1 - first_us);
                if least_us > now_us {
                    return None;
                }
                moved_us.max(least_us)
            }
        };
        self.offset_us = Some(offset_us);
        let at = |time_us: i64| MediaTime(time_us.saturating_add(offset_us));
        let start = self.after.map_or(at(first_us), |after| after.max(at(first_us)));
        let end = at(last_us).plus_us(interval_us.max(1)).max(start);
        let gap_us = GAP_US.max(interval_us.saturating_mul(3));
        let (gaps, later) = self.gaps.iter().partition::<Vec<_>, _>(|(from_us, _)| *from_us < last_us);
        self.gaps = later;
        // Those between two pieces are seen from their spans.
        let gaps =
            gaps.into_iter().filter(|(from_us, to_us)| *from_us >= first_us && to_us - from_us > gap_us);
        self.last = Some(at(last_us));
        self.after = Some(end);
        Some(Placed {
            span: MediaSpan { start, end },
            origin_us: start.0.saturating_sub(offset_us),
            gaps: gaps.map(|(from_us, to_us)| MediaSpan { start: at(from_us), end: at(to_us) }).collect(),
        })
    }
}

/// The least delay lately.
#[derive(Clone, Debug, Default)]
struct LeastDelay {
    window_began: Option<WallTime>,
    before_us: Option<i64>,
    now_us: Option<i64>,
}

impl LeastDelay {
    fn note(&mut self, delay_us: i64, came: WallTime) {
        let began = *self.window_began.get_or_insert(came);
        if came.0.saturating_sub(began.0) >= WINDOW_US {
            self.window_began = Some(came);
            self.before_us = self.now_us.take();
        }
        self.now_us = Some(self.now_us.map_or(delay_us, |least| least.min(delay_us)));
    }

    fn least(&self) -> Option<i64> {
        [self.before_us, self.now_us].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_800_000_000_000_000;
    const SECOND: i64 = 1_000_000;

    /// A camera of 10 frames/s, in pieces of 4 s; each piece is placed when the next one's first frame came.
    struct Scene {
        timeline: Timeline,
        pieces: Vec<(i64, i64, Placed)>,
    }

    impl Scene {
        fn new(after: Option<MediaTime>) -> Self {
            Self { timeline: Timeline::new(after), pieces: Vec::new() }
        }

        /// `frames`: the stream's time and when it came.
        fn play(&mut self, frames: impl IntoIterator<Item = (i64, i64)>) -> Result<(), Jump> {
            let mut piece: Vec<i64> = Vec::new();
            for (time_us, came_us) in frames {
                self.timeline.arrived(time_us, WallTime(came_us))?;
                if piece.len() == 40 {
                    self.cut(&piece);
                    piece.clear();
                }
                piece.push(time_us);
            }
            self.cut(&piece);
            Ok(())
        }

        fn cut(&mut self, piece: &[i64]) {
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else { return };
            // A piece of a clock that stands still has no place.
            if let Some(placed) = self.timeline.place(*first, *last, SECOND / 10) {
                self.pieces.push((*first, *last, placed));
            }
        }

        /// Media times of all frames.
        fn frames(&self) -> Vec<i64> {
            let times = |(first, last, placed): &(i64, i64, Placed)| {
                let at = placed.span.start.0 - placed.origin_us;
                (0..=(last - first) / 100_000).map(|n| first + n * 100_000 + at).collect::<Vec<_>>()
            };
            self.pieces.iter().flat_map(times).collect()
        }
    }

    fn at(n: i64) -> i64 {
        n * SECOND / 10
    }

    #[test]
    fn what_waited_in_buffers_is_not_taken_for_late_footage() {
        let mut scene = Scene::new(None);
        // Five seconds of footage come at once, when they are over.
        let frames = (0..300).map(|n| (777 + at(n), NOON + at(n.max(50)) + 20_000));
        scene.play(frames).unwrap();
        assert_eq!(scene.frames().len(), 300);
        // Placed piece by piece here; a recorder waits until the clock is settled.
        let after = &scene.pieces[2].2;
        assert!((after.span.start.0 - (NOON + at(80) + 20_000)).abs() < 5_100_000);

        let mut settled = Timeline::new(None);
        for n in 0..150 {
            settled.arrived(777 + at(n), WallTime(NOON + at(n.max(50)) + 20_000)).unwrap();
        }
        assert!(settled.is_settled(WallTime(NOON + 11 * SECOND)));
        assert!(!settled.is_settled(WallTime(NOON + 6 * SECOND)));
        let placed = settled.place(777, 777 + at(39), SECOND / 10).unwrap();
        assert_eq!(placed.span.start, MediaTime(NOON + 20_000));
        assert_eq!((placed.origin_us, placed.span.len_us()), (777, 4 * SECOND));
    }

    #[test]
    fn nothing_is_placed_before_what_is_there() {
        let there = MediaTime(NOON + 3 * SECOND);
        let mut scene = Scene::new(Some(there));
        scene.play((0..80).map(|n| (at(n), NOON + at(n)))).unwrap();
        assert_eq!(scene.pieces[0].2.span.start, there);
        assert_eq!(scene.pieces[1].2.span.start, scene.pieces[0].2.span.end);
    }

    #[test]
    fn clocks_that_jump_are_not_believed() {
        let steady = |n: i64| (at(n), NOON + at(n));
        let ahead = (0..200).map(|n| if n < 100 { steady(n) } else { (at(n) + 60 * SECOND, NOON + at(n)) });
        assert_eq!(Scene::new(None).play(ahead), Err(Jump::Ahead { us: 60 * SECOND }));
        let back =
            (0..200).map(|n| if n < 100 { steady(n) } else { (at(n - 100), NOON + at(n) + 5 * SECOND) });
        assert_eq!(Scene::new(None).play(back), Err(Jump::Behind { us: 15 * SECOND }));
        let frozen = (0..300).map(|n| (at(n.min(100)), NOON + at(n)));
        assert!(matches!(Scene::new(None).play(frozen), Err(Jump::Behind { .. })));
    }

    #[test]
    fn missing_frames_are_gaps() {
        let mut scene = Scene::new(None);
        let frames = (0..200).filter(|n| !(60..90).contains(n)).map(|n| (at(n), NOON + at(n)));
        scene.play(frames).unwrap();
        let gaps: Vec<_> = scene.pieces.iter().flat_map(|(.., placed)| placed.gaps.clone()).collect();
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].start.0 - NOON, gaps[0].end.0 - NOON), (at(59), at(90)));
        // Between two pieces, it is seen from their spans.
        let mut scene = Scene::new(None);
        let frames = (0..120).map(|n| if n < 40 { n } else { n + 30 }).map(|n| (at(n), NOON + at(n)));
        scene.play(frames).unwrap();
        assert!(scene.pieces.iter().all(|(.., placed)| placed.gaps.is_empty()));
        let between = scene.pieces[1].2.span.start.0 - scene.pieces[0].2.span.end.0;
        assert!((between - at(30)).abs() <= 25_000, "{between}");
    }

    proptest! {
        /// Whatever drift, delays, buffers and start: frames stay in order, spans never overlap, and what is placed
        /// is near the truth.
        #[test]
        fn frames_stay_in_order_and_true(
            ppm in -400_i64..400,
            delays in prop::collection::vec(0_i64..900_000, 50),
            zero in -(1_i64 << 40)..(1 << 40),
            after in prop::option::of(-20_i64..1),
        ) {
            let truth = |n: i64| NOON + at(n);
            let mut scene = Scene::new(after.map(|s| MediaTime(NOON + s * SECOND)));
            let frames = (0..9000).map(|n| {
                let delay = delays[n as usize % delays.len()];
                (zero + at(n) + at(n) * ppm / 1_000_000, truth(n) + delay)
            });
            // TCP keeps packets in order.
            let mut latest = i64::MIN;
            let frames = frames.map(|(time, came)| { latest = latest.max(came); (time, latest) });
            scene.play(frames).unwrap();
            let times = scene.frames();
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
            for pair in scene.pieces.windows(2) {
                prop_assert!(pair[0].2.span.end <= pair[1].2.span.start);
            }
            let least = delays.iter().min().unwrap();
            for (first, _, placed) in &scene.pieces[10..] {
                let n = (first - zero) * 1_000_000 / (1_000_000 + ppm) / 100_000;
                let placed_us = placed.span.start.0 - placed.origin_us + first;
                prop_assert!((placed_us - truth(n) - least).abs() < SECOND, "{} off", placed_us - truth(n));
            }
        }
    }
}
