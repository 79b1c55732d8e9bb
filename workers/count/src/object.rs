//! One counted object: a root track and the tracks that carry it on.

use camcount_domain::{BoxF, MediaTime, Point, TrackId, TrackedObject};
use serde::{Deserialize, Serialize};

use crate::{
    line::{Crossed, LineWalk, Step},
    rules::Rules,
    votes::Votes,
    zone::{Passage, Stay, Visited},
};

/// The memory of an object's speed, in seconds: about a step of a walker.
const SPEED_MEMORY_S: f64 = 0.5;
/// The least height of a box, in picture heights, that anything is divided by.
const LEAST_HEIGHT: f64 = 1e-6;

/// One object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// The track that carries it now.
    pub(crate) carrier: TrackId,
    pub(crate) seen: MediaTime,
    pub(crate) bbox: BoxF,
    /// Of the centre, in picture heights a second.
    pub(crate) speed: Option<(f64, f64)>,
    pub(crate) votes: Votes,
    /// As it was before the last join, in case that was wrong.
    pub(crate) before: Option<Box<Object>>,
    lines: Vec<LineWalk>,
    stays: Vec<Stay>,
}

/// What a look at an object tells, by index of line and zone.
pub(crate) struct Told {
    pub(crate) crossings: Vec<(usize, Crossed)>,
    pub(crate) passages: Vec<(usize, Passage)>,
}

impl Object {
    /// One seen for the first time; [`Object::see`] is still to come.
    pub(crate) fn new(rules: &Rules, first: &TrackedObject, time: MediaTime) -> Self {
        Self {
            carrier: first.track,
            seen: time,
            bbox: first.bbox,
            speed: None,
            votes: Votes::default(),
            before: None,
            lines: vec![LineWalk::default(); rules.lines.len()],
            stays: vec![Stay::default(); rules.zones.len()],
        }
    }

    /// Follows it to where it is seen now. Steps longer than `known_us` hide when something happened.
    pub(crate) fn see(&mut self, rules: &Rules, now: &TrackedObject, time: MediaTime, known_us: i64) -> Told {
        self.votes.add(now.class, now.confidence);
        let (class, _) = self.votes.winner();
        let height = now.bbox.height().max(LEAST_HEIGHT);
        let step = |from: Point, to: Point| Step { from, from_time: self.seen, to, to_time: time };
        let mut told = Told { crossings: Vec::new(), passages: Vec::new() };
        for (index, (rule, walk)) in rules.lines.iter().zip(&mut self.lines).enumerate() {
            let at = rules.anchor(rule.line.anchor, &now.bbox);
            walk.walk(rule, step(rules.anchor(rule.line.anchor, &self.bbox), at));
            let crossed = walk.look(rule, at, height, time, rule.wants(class));
            told.crossings.extend(crossed.map(|c| (index, c)));
        }
        for (index, (rule, stay)) in rules.zones.iter().zip(&mut self.stays).enumerate() {
            let at = rules.anchor(rule.zone.anchor, &now.bbox);
            stay.walk(rule, step(rules.anchor(rule.zone.anchor, &self.bbox), at), known_us);
            told.passages.extend(stay.look(rule, at, height, time).map(|p| (index, p)));
        }
        self.learn_speed(rules, &now.bbox, time);
        self.bbox = now.bbox;
        self.seen = time;
        told
    }

    fn learn_speed(&mut self, rules: &Rules, bbox: &BoxF, time: MediaTime) {
        let dt = time.since_us(self.seen) as f64 / 1e6;
        if dt <= 0.0 {
            return;
        }
        let (from, to) = (self.centre(rules), rules.anchor(camcount_domain::Anchor::Centre, bbox));
        let (vx, vy) = ((to.x - from.x) / dt, (to.y - from.y) / dt);
        let share = dt / (dt + SPEED_MEMORY_S);
        self.speed = Some(self.speed.map_or((vx, vy), |(x, y)| (x + share * (vx - x), y + share * (vy - y))));
    }

    /// Its centre when it was seen last, in picture heights.
    pub(crate) fn centre(&self, rules: &Rules) -> Point {
        rules.anchor(camcount_domain::Anchor::Centre, &self.bbox)
    }

    /// Lets observed time pass.
    pub(crate) fn pass_time(&mut self, us: i64) {
        self.stays.iter_mut().for_each(|s| s.pass_time(us));
    }

    /// Whether it is inside the zone of this index, and whether it stands still there.
    pub(crate) fn stay(&self, zone: usize) -> (bool, bool) {
        self.stays.get(zone).map_or((false, false), |s| (s.is_inside(), s.is_inside() && s.is_still()))
    }

    /// Ends its visits to zones whose grace time is over at `time`; all of them when there is no time left.
    pub(crate) fn lose(&mut self, rules: &Rules, time: Option<MediaTime>) -> Vec<(usize, Visited)> {
        let mut visits = Vec::new();
        for (index, (rule, stay)) in rules.zones.iter().zip(&mut self.stays).enumerate() {
            let unseen_us = time.map_or(i64::MAX, |t| t.since_us(self.seen));
            if unseen_us > i64::from(rule.zone.grace_ms) * 1000 {
                visits.extend(stay.lose(self.seen).map(|v| (index, v)));
            }
        }
        visits
    }

    /// Crossings, by index of line, that only its end confirms: it will not be seen again.
    pub(crate) fn end(&mut self, rules: &Rules) -> Vec<(usize, Crossed)> {
        let (class, _) = self.votes.winner();
        let lines = rules.lines.iter().zip(&mut self.lines).enumerate();
        lines.filter_map(|(index, (rule, walk))| Some((index, walk.end(rule, rule.wants(class))?))).collect()
    }

    /// Lets another track carry it on.
    pub(crate) fn join(&mut self, carrier: TrackId) {
        self.before = None;
        self.before = Some(Box::new(self.clone()));
        self.carrier = carrier;
        self.lines.iter_mut().for_each(LineWalk::join);
        self.stays.iter_mut().for_each(Stay::join);
    }

    /// Undoes the last join, since the track that was carried on has come back. What was counted stays counted,
    /// and no identity is given twice. Returns the object, and the visits that end with the join.
    pub(crate) fn part(mut self, carrier: TrackId) -> (Self, Vec<(usize, Visited)>) {
        let Some(before) = self.before.take() else { return (Self { carrier, ..self }, Vec::new()) };
        let mut object = Self { carrier, ..*before };
        object.lines.iter_mut().zip(&self.lines).for_each(|(line, later)| line.number_after(later));
        let mut ended = Vec::new();
        let stays = std::mem::take(&mut object.stays).into_iter().zip(self.stays);
        for (index, (stay, later)) in stays.enumerate() {
            let (stay, visit) = stay.part(later, self.seen);
            object.stays.push(stay);
            ended.extend(visit.map(|v| (index, v)));
        }
        (object, ended)
    }
}
