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
    /// The side that it was seen on first, and how deep at most, until it is known whether it came over from there.
    start: Option<(bool, f64)>,
    /// The side and depth of the last look.
    last: Option<(bool, f64)>,
}

impl Side {
    /// The side that a look at the anchor confirms, if it does: beyond the band for `confirm_us`, or far
    /// beyond, or in one long stride. Nothing is settled by that, see [`Side::settle`].
    ///
    /// An object that appears near the border and goes over it has no confirmed side to come from; where it was
    /// seen first will do as soon as both places together are farther apart than any jitter, however slowly it gets
    /// there.
    pub(crate) fn look(&mut self, at: Reading, confirm_us: i64, time: MediaTime) -> Option<Confirmation> {
        let last = self.last.replace((at.side, at.depth));
        if last.is_none() {
            self.start = Some((at.side, at.depth));
        }
        if let Some((side, depth)) = &mut self.start
            && *side == at.side
        {
            *depth = depth.max(at.depth);
        }
        if at.depth <= at.band {
            self.run = None;
            return None;
        }
        let since = self.run.filter(|run| run.0 == at.side).map_or(time, |run| run.1);
        self.run = Some((at.side, since));

        let far = (FAR_BANDS * at.band).max(FAR_HEIGHTS);
        let stride = last.is_some_and(|(side, depth)| side != at.side && depth + at.depth >= STRIDE_HEIGHTS);
        if at.depth < far && !stride && time.since_us(since) < confirm_us {
            return None;
        }
        let first = self.start.filter(|&(side, depth)| side != at.side && depth + at.depth >= far);
        Some(Confirmation { before: first.map(|s| s.0).or(self.confirmed), now: at.side, since })
    }

    /// What the last look says if no other follows: beyond the band will do, however short.
    pub(crate) fn last_look(&self) -> Option<Confirmation> {
        self.run.map(|(now, since)| Confirmation { before: self.confirmed, now, since })
    }

    /// Makes the confirmed side of `confirmation` the one that it is on.
    pub(crate) fn settle(&mut self, confirmation: Confirmation) {
        self.confirmed = Some(confirmation.now);
        self.start = self.start.filter(|start| start.0 != confirmation.now && !confirmation.is_flip());
    }

    /// Whether it may still turn out to have come from the other side.
    pub(crate) fn is_open(&self) -> bool {
        self.start.is_some()
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
            side.settle(c);
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
        assert!(!look(&mut side, 0.12, 500).unwrap().is_flip());
        assert!(look(&mut side, 0.17, 900).unwrap().is_flip(), "but now it went 0.26");
        assert!(!look(&mut side, 0.3, 1_000).unwrap().is_flip(), "once");

        let mut side = Side::default();
        assert_eq!(look(&mut side, -0.01, 0), None, "in the band");
        assert!(look(&mut side, 0.1, 100).is_none());
        assert!(look(&mut side, 0.3, 200).is_some_and(|c| c.is_flip()));
    }
}
