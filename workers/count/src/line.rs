//! One object and one line: whether it went over.

use camcount_domain::{Direction, MediaTime, Point, cross};
use serde::{Deserialize, Serialize};

use crate::{
    rules::{LineRule, distance},
    side::{Confirmation, Reading, Side},
};

/// Rounding may put a meeting at the very end of a line past it by this share of its length.
const END_SLACK: f64 = 1e-9;

/// A step of an object's anchor, in picture heights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) from: Point,
    pub(crate) from_time: MediaTime,
    pub(crate) to: Point,
    pub(crate) to_time: MediaTime,
}

impl Step {
    /// The media time at this share of the way, to the nearest microsecond.
    pub(crate) fn time_at(&self, share: f64) -> MediaTime {
        let whole = self.to_time.since_us(self.from_time);
        self.from_time.plus_us(((share * whole as f64).round() as i64).clamp(0, whole))
    }
}

/// One object's dealings with one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LineWalk {
    side: Side,
    /// The path since the last confirmed place, as far as it matters: how often it went over the segment A–B inwards
    /// less outwards, and when last in either direction. This is all that the rule asks of it, and it stays small
    /// however long the path.
    net: i32,
    last_in: Option<MediaTime>,
    last_out: Option<MediaTime>,
    /// Whether the path since the last confirmed place leads over a join of two tracks.
    joined: bool,
    /// Where the anchor was first.
    origin: Option<Point>,
    /// How far from there it has been, in box heights.
    travel: f64,
    counted_in: u32,
    counted_out: u32,
    last_counted: Option<MediaTime>,
}

/// A crossing before it is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crossed {
    pub(crate) direction: Direction,
    pub(crate) time: MediaTime,
    pub(crate) ordinal: u32,
    pub(crate) stitched: bool,
}

impl LineWalk {
    /// Takes the path on by one step.
    pub(crate) fn walk(&mut self, rule: &LineRule, step: Step) {
        let (before, after) = (cross(rule.from, rule.to, step.from), cross(rule.from, rule.to, step.to));
        // A point on the line counts as right of it: so every change of side is in exactly one step.
        if (before >= 0.0) == (after >= 0.0) {
            return;
        }
        let share = before / (before - after);
        let meeting = Point {
            x: step.from.x + share * (step.to.x - step.from.x),
            y: step.from.y + share * (step.to.y - step.from.y),
        };
        if !on_segment(rule, meeting) {
            return;
        }
        let time = Some(step.time_at(share));
        if after >= 0.0 {
            self.net += 1;
            self.last_in = time;
        } else {
            self.net -= 1;
            self.last_out = time;
        }
    }

    /// Looks where the anchor is now, at the end of the path, and tells if that makes a crossing.
    ///
    /// Of several meetings with the line since the last confirmed place (jitter: an odd number), the last one
    /// in the crossing's direction is its time: only from there on did it stay.
    pub(crate) fn look(
        &mut self,
        rule: &LineRule,
        at: Point,
        height: f64,
        time: MediaTime,
        wanted: bool,
    ) -> Option<Crossed> {
        let origin = *self.origin.get_or_insert(at);
        self.travel = self.travel.max(distance(origin, at) / height);

        let offset = cross(rule.from, rule.to, at);
        let depth = offset.abs() / distance(rule.from, rule.to) / height;
        let reading = Reading { side: offset >= 0.0, depth, band: rule.line.dead_band };
        let confirmation = self.side.look(reading, i64::from(rule.line.confirm_ms) * 1000, time)?;
        self.settle(rule, confirmation, wanted)
    }

    /// Looks no more: it will not be seen again. Who was seen last beyond the dead band on the other side went over.
    pub(crate) fn end(&mut self, rule: &LineRule, wanted: bool) -> Option<Crossed> {
        let confirmation = self.side.last_look().filter(Confirmation::is_flip)?;
        self.settle(rule, confirmation, wanted)
    }

    fn settle(&mut self, rule: &LineRule, confirmation: Confirmation, wanted: bool) -> Option<Crossed> {
        if confirmation.is_flip() && self.travel < rule.line.min_travel {
            return None;
        }

        self.side.settle(confirmation);
        if !confirmation.is_flip() && self.side.is_open() {
            return None;
        }
        let (net, inwards, outwards) =
            (std::mem::take(&mut self.net), self.last_in.take(), self.last_out.take());
        let stitched = std::mem::take(&mut self.joined);
        let (direction, met) = if confirmation.now {
            (Direction::In, inwards.filter(|_| net > 0))
        } else {
            (Direction::Out, outwards.filter(|_| net < 0))
        };
        let time = met.filter(|_| confirmation.is_flip() && wanted)?;
        if !rule.line.policy.admits(self.last_counted, time) {
            return None;
        }
        self.last_counted = Some(time);
        let count = match direction {
            Direction::In => &mut self.counted_in,
            Direction::Out => &mut self.counted_out,
        };
        let ordinal = *count;
        *count += 1;
        Some(Crossed { direction, time, ordinal, stitched })
    }

    /// Another track carries on from here.
    pub(crate) fn join(&mut self) {
        self.joined = true;
        self.side.interrupt();
    }

    /// Goes on numbering where `other` left off.
    pub(crate) fn number_after(&mut self, other: &Self) {
        self.counted_in = self.counted_in.max(other.counted_in);
        self.counted_out = self.counted_out.max(other.counted_out);
        self.last_counted = self.last_counted.max(other.last_counted);
    }
}

/// Whether a point of the infinite line lies between A and B, ends included. An end on the border of the picture
/// has no way round it, though clipped boxes may come to lie a hair past it.
fn on_segment(rule: &LineRule, p: Point) -> bool {
    let (dx, dy) = (rule.to.x - rule.from.x, rule.to.y - rule.from.y);
    let along = ((p.x - rule.from.x) * dx + (p.y - rule.from.y) * dy) / (dx * dx + dy * dy);
    (along >= -END_SLACK || rule.from_closed) && (along <= 1.0 + END_SLACK || rule.to_closed)
}
