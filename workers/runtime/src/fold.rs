//! The fold: tracker and counter over a pass's frames in order, with a state that survives segment borders.
//! Pure: the same frames from the same state give the same counts and the same next state, bit for bit.

use camcount_count::{Counter, Rules};
use camcount_domain::{
    Continuity, DetectedFrame, FrameSize, MediaSpan, MediaTime, Ruleset, SegmentCounts, TrackedFrame,
    ZoneInside,
};
use camcount_track::Tracker;
use serde::{Deserialize, Serialize};

/// Why a stored state cannot be gone on from.
#[derive(Debug, thiserror::Error)]
#[error("the fold's state was written by another version of camcount; recount with a new data folder")]
pub struct BadFold;

/// The state's format; it changes with the meaning of anything in it.
const FORMAT: u8 = 2;

/// Where the counting of a pass stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    tracker: Tracker,
    counter: Counter,
    last: Option<MediaTime>,
    /// Whether footage was lost since then.
    lost: bool,
}

/// What a pass counts by, made ready.
#[derive(Debug)]
pub struct FoldRules {
    rules: Rules,
    size: FrameSize,
    continuity: Continuity,
    range: MediaSpan,
    /// By class, whether the ruleset wants it.
    wanted: Vec<bool>,
}

impl FoldRules {
    /// For detections of `classes` in pictures of `size`; frames outside `range` are not counted.
    #[must_use]
    pub fn new(
        ruleset: Ruleset,
        classes: &[String],
        size: FrameSize,
        continuity: Continuity,
        range: MediaSpan,
    ) -> Self {
        let wanted = classes.iter().map(|class| ruleset.wants(class)).collect();
        Self { rules: Rules::new(ruleset, classes.to_vec(), size), size, continuity, range, wanted }
    }
}

impl Fold {
    /// Before footage that begins at `start`.
    #[must_use]
    pub fn new(start: MediaTime) -> Self {
        Self { tracker: Tracker::default(), counter: Counter::new(start), last: None, lost: false }
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// When the bytes are no state of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFold> {
        match bytes.split_first() {
            Some((&FORMAT, state)) => match postcard::take_from_bytes(state) {
                Ok((fold, [])) => Ok(fold),
                _ => Err(BadFold),
            },
            _ => Err(BadFold),
        }
    }

    /// The state as bytes, equal for equal states.
    ///
    /// # Errors
    /// Never for a state that came from folding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BadFold> {
        postcard::to_extend(self, vec![FORMAT]).map_err(|_| BadFold)
    }

    /// Folds the next frame, and says who was seen in it. One from before the last one, or from outside the pass's
    /// range, adds nothing and gives `None`.
    pub fn frame(
        &mut self,
        rules: &FoldRules,
        frame: &DetectedFrame,
        counts: &mut SegmentCounts,
    ) -> Option<TrackedFrame> {
        if !rules.range.contains(frame.time) || self.last.is_some_and(|last| frame.time <= last) {
            return None;
        }
        self.last = Some(frame.time);
        let wanted = |class: u16| rules.wanted.get(usize::from(class)).copied().unwrap_or(false);
        let detections: Vec<_> = frame.detections.iter().filter(|d| wanted(d.class)).copied().collect();
        let detected = u32::try_from(detections.len()).unwrap_or(u32::MAX);
        let tracked = self.tracker.step(&DetectedFrame { time: frame.time, detections }, rules.size);
        let mut continuity = rules.continuity;
        if std::mem::take(&mut self.lost) {
            continuity.gap_after_us = 0;
        }
        self.counter.step(&rules.rules, &tracked, detected, continuity, counts);
        Some(tracked)
    }

    /// How many objects are inside each of the rules' zones, whose names these are, as of the last frame.
    #[must_use]
    pub fn inside(&self, zones: impl IntoIterator<Item = String>) -> Vec<ZoneInside> {
        // When footage ends, everybody has left; what was lost or never seen is not known.
        let known = self.last.is_some() && !self.lost;
        let mut inside = self.counter.inside();
        let zones = zones.into_iter().map(|zone| {
            let inside = inside.next().unwrap_or_default();
            ZoneInside { zone, inside: known.then_some(inside) }
        });
        zones.collect()
    }

    /// Goes over footage that cannot be looked at: until the next frame nothing is known, however soon it comes.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Ends the footage at `end`: visits that go on end here, and what was not seen until then is a gap.
    pub fn finish(&mut self, rules: &FoldRules, end: MediaTime, counts: &mut SegmentCounts) {
        self.counter.finish(&rules.rules, end.min(rules.range.end), rules.continuity, counts);
    }
}
