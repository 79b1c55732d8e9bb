//! One object and one zone: its visits.

use camcount_domain::{MediaTime, Point, intersection};
use serde::{Deserialize, Serialize};

use crate::{
    line::Step,
    rules::{ZoneRule, distance, nearest},
    side::{Reading, Side},
};

/// An object stands still when its anchor has stayed for this long, in microseconds…
const STILL_US: i64 = 2_000_000;
/// …within this many box heights of one place. A walker makes one height a second; a standing one sways,
/// and a box around it jitters, by a tenth.
const STILL_HEIGHTS: f64 = 0.25;

/// Who lingers on the border goes in or out when it walks off, at most this much earlier, in microseconds: until
/// then it counted as being where it was.
const LINGER_US: i64 = 5_000_000;

/// A visit that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Visiting {
    entered: MediaTime,
    saw_entry: bool,
    stationary_us: i64,
}

/// A visit that ended, before it is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Visited {
    pub(crate) entered: MediaTime,
    pub(crate) left: MediaTime,
    pub(crate) stationary_us: i64,
    pub(crate) saw_entry: bool,
    pub(crate) saw_exit: bool,
    pub(crate) ordinal: u32,
}

/// What a look at an object tells of a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Passage {
    /// It was seen to come in, then.
    Entered(MediaTime),
    /// Its visit ended.
    Left(Visited),
}

/// One object's dealings with one zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stay {
    side: Side,
    /// When the path since the last confirmed place last went in and out over the border.
    last_in: Option<MediaTime>,
    last_out: Option<MediaTime>,
    visit: Option<Visiting>,
    visits: u32,
    /// The place that it has not strayed from, and since when.
    rest: Option<(Point, MediaTime)>,
    still: bool,
}

impl Stay {
    /// Whether it is inside.
    pub(crate) fn is_inside(&self) -> bool {
        self.visit.is_some()
    }

    /// Whether it stands still.
    pub(crate) fn is_still(&self) -> bool {
        self.still
    }

    /// Lets `us` microseconds of observed time pass.
    pub(crate) fn pass_time(&mut self, us: i64) {
        if let Some(visit) = self.visit.as_mut().filter(|_| self.still) {
            visit.stationary_us += us;
        }
    }

    /// Takes the path on by one step. In a step longer than `known_us` nobody knows when it went over the border;
    /// then it is when it was seen again.
    pub(crate) fn walk(&mut self, rule: &ZoneRule, step: Step, known_us: i64) {
        let inside = rule.polygon.contains(step.to);
        if rule.polygon.contains(step.from) == inside {
            return;
        }
        let meetings = rule.polygon.sides().filter_map(|(a, b)| intersection(step.from, step.to, a, b));
        let share = meetings.fold(0.0, f64::max);
        let known = step.to_time.since_us(step.from_time) <= known_us;
        let time = if known { step.time_at(share) } else { step.to_time };
        *if inside { &mut self.last_in } else { &mut self.last_out } = Some(time);
    }

    /// Looks where the anchor is now, at the end of the path.
    pub(crate) fn look(
        &mut self,
        rule: &ZoneRule,
        at: Point,
        height: f64,
        time: MediaTime,
    ) -> Option<Passage> {
        let (_, since) = *self.rest.get_or_insert((at, time));
        let strayed = self.rest.is_some_and(|(place, _)| distance(place, at) > STILL_HEIGHTS * height);
        if strayed {
            self.rest = Some((at, time));
        }
        self.still = !strayed && time.since_us(since) >= STILL_US;

        let border =
            rule.polygon.sides().map(|(a, b)| distance(nearest(a, b, at), at)).fold(f64::MAX, f64::min);
        let band = (rule.zone.dead_band * height).min(rule.band_most) / height;
        let reading = Reading { side: rule.polygon.contains(at), depth: border / height, band };
        let confirm_us = i64::from(rule.zone.confirm_ms) * 1000;
        let confirmation = self.side.look(reading, confirm_us, time)?;
        self.side.settle(confirmation);
        let earliest = time.plus_us(-LINGER_US.saturating_add(confirm_us));
        let (inwards, outwards) = (self.last_in.take(), self.last_out.take());
        let (inwards, outwards) = (inwards.map(|t| t.max(earliest)), outwards.map(|t| t.max(earliest)));
        if confirmation.now {
            if self.visit.is_some() {
                return None;
            }
            let saw_entry = confirmation.is_flip();
            let entered = inwards.filter(|_| saw_entry).unwrap_or(confirmation.since);
            self.visit = Some(Visiting { entered, saw_entry, stationary_us: 0 });
            saw_entry.then_some(Passage::Entered(entered))
        } else {
            self.close(outwards.unwrap_or(confirmation.since), true).map(Passage::Left)
        }
    }

    /// Forgets where it is, since it has not been seen since `last_seen`, and ends its visit there.
    pub(crate) fn lose(&mut self, last_seen: MediaTime) -> Option<Visited> {
        self.side = Side::default();
        self.last_in = None;
        self.last_out = None;
        self.rest = None;
        self.still = false;
        self.close(last_seen, false)
    }

    fn close(&mut self, left: MediaTime, saw_exit: bool) -> Option<Visited> {
        let visit = self.visit.take()?;
        let ordinal = self.visits;
        self.visits += 1;
        let left = left.max(visit.entered);
        Some(Visited {
            entered: visit.entered,
            left,
            stationary_us: visit.stationary_us.min(left.since_us(visit.entered)),
            saw_entry: visit.saw_entry,
            saw_exit,
            ordinal,
        })
    }

    /// Another track carries on from here.
    pub(crate) fn join(&mut self) {
        self.side.interrupt();
    }

    /// Undoes a join: what this stay is again, when `self` is what it was before and `later` what became of it. A visit
    /// that began since then ends where that was `last_seen`; one that ended since then has been reported.
    pub(crate) fn part(mut self, mut later: Self, last_seen: MediaTime) -> (Self, Option<Visited>) {
        let same_visit = self.visit.is_some() && self.visits == later.visits;
        let ended = if same_visit { None } else { later.close(last_seen, false) };
        if !same_visit && self.visit.is_some() {
            self.lose(last_seen);
        }
        self.visits = later.visits;
        (self, ended)
    }
}
