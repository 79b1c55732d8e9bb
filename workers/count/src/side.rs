//! On which side of a border an object surely is.

use camcount_domain::MediaTime;
use serde::{Deserialize, Serialize};

/// An anchor this many dead bands beyond a border is there without waiting…
const FAR_BANDS: f64 = 3.0;
/// …if that is at least this many box heights. Detectors misplace an edge by a few hundredths of the height
/// (the default dead band is 0.08); a walker at 10 frames/s makes 0.1 heights a frame and is confirmed by time.
const FAR_HEIGHTS: f64 = 0.25;
/// A step this long over a border, in box heights, is a walk: nothing hidden or misplaced moves an edge farther
/// than the box is high.
const STRIDE_HEIGHTS: f64 = 1.0;

/// Where an anchor is relative to a border. The border itself belongs to one of the sides, so that nobody
/// is ever on neither.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Right of the line, or inside the zone.
    pub(crate) side: bool,
    /// Distance from the border, in box heights.
    pub(crate) depth: f64,
    /// Half-width of the dead band, in box heights.
    pub(crate) band: f64,
}

/// A side about to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Confirmation {
    /// The side it was on before, if that is known.
    pub(crate) before: Option<bool>,
    /// The side it is on.
    pub(crate) now: bool,
    /// Since when it has been beyond the band there.
    pub(crate) since: MediaTime,
}

impl Confirmation {
    /// Whether it changed sides.
    pub(crate) fn is_flip(&self) -> bool {
        self.before == Some(!self.now)
    }
}

/// What is known of one object's side of one border.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    confirmed: Option<bool>,
    /// The side it is beyond the band on, without a break, and since when.
    run: Option<(bool, MediaTime)>,
    /// Until a side is confirmed: the side beyond whose band it was seen first, and how deep at most.
    start: Option<(bool, f64)>,
    /// The side and depth of the last look.
    last: Option<(bool, f64)>,
}

impl Side {
    /// The side that a look at the anchor confirms, if it does: beyond the band for `confirm_us`, or far
    /// beyond, or in one long stride. Nothing is settled by that, see [`Side::settle`].
    ///
    /// An object that appears near the border and goes over it at once has no confirmed side to come from;
    /// where it was seen first will do if both places together are farther apart than any jitter.
    pub(crate) fn look(&mut self, at: Reading, confirm_us: i64, time: MediaTime) -> Option<Confirmation> {
        let last = self.last.replace((at.side, at.depth));
        if at.depth <= at.band {
            self.run = None;
            return None;
        }
        let since = self.run.filter(|run| run.0 == at.side).map_or(time, |run| run.1);
        self.run = Some((at.side, since));
        if self.confirmed.is_none() {
            let (side, depth) = self.start.unwrap_or((at.side, 0.0));
            self.start = Some((side, if side == at.side { depth.max(at.depth) } else { depth }));
        }

        let far = (FAR_BANDS * at.band).max(FAR_HEIGHTS);
        let stride = last.is_some_and(|(side, depth)| side != at.side && depth + at.depth >= STRIDE_HEIGHTS);
        if at.depth < far && !stride && time.since_us(since) < confirm_us {
            return None;
        }
        let first = self.start.filter(|&(side, depth)| side != at.side && depth + at.depth >= far);
        Some(Confirmation { before: self.confirmed.or(first.map(|s| s.0)), now: at.side, since })
    }

    /// Makes `side` the confirmed one.
    pub(crate) fn settle(&mut self, side: bool) {
        self.confirmed = Some(side);
        self.start = None;
    }

    /// Starts the waiting anew: what was seen of another track confirms nothing about this one.
    pub(crate) fn interrupt(&mut self) {
        self.run = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(side: &mut Side, depth: f64, ms: i64) -> Option<Confirmation> {
        let at = Reading { side: depth >= 0.0, depth: depth.abs(), band: 0.08 };
        let confirmation = side.look(at, 150_000, MediaTime(ms * 1000));
        if let Some(c) = confirmation {
            side.settle(c.now);
        }
        confirmation
    }

    #[test]
    fn confirmed_by_time_or_by_distance_but_not_by_a_touch() {
        let mut side = Side::default();
        assert_eq!(look(&mut side, -0.1, 0), None);
        assert!(look(&mut side, -0.1, 150).is_some());
        assert_eq!(look(&mut side, 0.1, 200), None, "just come");
        assert_eq!(look(&mut side, 0.01, 300), None, "in the band: the run breaks");
        assert_eq!(look(&mut side, 0.1, 400), None);
        assert!(look(&mut side, 0.3, 433).is_some_and(|c| c.is_flip()), "far beyond");
    }

    #[test]
    fn who_appears_near_the_border_comes_from_there_if_it_then_goes_far() {
        let mut side = Side::default();
        assert_eq!(look(&mut side, -0.1, 0), None);
        assert!(look(&mut side, 1.5, 100).is_some_and(|c| c.is_flip()));

        let mut side = Side::default();
        assert_eq!(look(&mut side, -0.09, 0), None);
        assert_eq!(look(&mut side, 0.1, 100), None);
        let confirmation = look(&mut side, 0.1, 250).unwrap();
        assert_eq!(confirmation.before, None, "0.19 heights may be jitter");
    }
}
