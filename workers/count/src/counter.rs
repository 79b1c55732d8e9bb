//! The counter's state and its steps.

use std::collections::{BTreeMap, BTreeSet};

use camcount_domain::{
    BUCKET_US, Continuity, Crossing, FrameRow, MediaTime, SegmentCounts, TrackId, TrackedFrame,
    TrackedObject, Visit,
};
use serde::{Deserialize, Serialize};

use crate::{
    buckets::{Occupancy, add_coverage, add_crossing},
    coverage::{self, Covered, split},
    line::Crossed,
    object::Object,
    rules::Rules,
    stitch,
    zone::{Passage, Visited},
};

/// How long an object that is not seen is remembered at least, in microseconds of media time: longer than any
/// tracker keeps a lost track. A track number that comes back later is a new object's.
const REMEMBER_US: i64 = 5_000_000;

/// Counts by rules, frame by frame.
///
/// Plain data: store it between two frames and take it up again anywhere, with the same rules, and the counts
/// go on as if nothing had happened. Use a format that keeps every bit of an `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// The time up to which all is accounted for: the last frame's, or the start of the range.
    time: MediaTime,
    /// Whether a frame was seen at `time`.
    running: bool,
    /// By root track.
    objects: BTreeMap<TrackId, Object>,
    /// The root of every track of these objects that may come back, and when it was seen.
    roots: BTreeMap<TrackId, (TrackId, MediaTime)>,
    /// By zone.
    occupancy: Vec<Occupancy>,
}

impl Counter {
    /// One that has seen nothing yet, of footage (or a wanted range) that starts at `range_start`. The time from
    /// there to the first frame is accounted for, so `range_start` is near the footage, or [`MediaTime::MIN`] where
    /// no start is known or wanted.
    #[must_use]
    pub fn new(range_start: MediaTime) -> Self {
        Self {
            time: range_start,
            running: false,
            objects: BTreeMap::new(),
            roots: BTreeMap::new(),
            occupancy: Vec::new(),
        }
    }

    /// Counts the next frame, in which the detector `detected` so many objects of the wanted classes.
    ///
    /// Frames come in order of media time; one that is not later than the last is skipped. All results are
    /// added to `out`, which may already hold those of earlier frames of the same segment.
    pub fn step(
        &mut self,
        rules: &Rules,
        frame: &TrackedFrame,
        detected: u32,
        continuity: Continuity,
        out: &mut SegmentCounts,
    ) {
        let time = frame.time;
        self.occupancy.resize_with(rules.zones.len(), Occupancy::default);
        if self.running {
            if time <= self.time {
                return;
            }
            self.pass_time(rules, coverage::between(self.time, time, continuity), out);
        } else if self.time != MediaTime::MIN && time > self.time {
            add_coverage(out, coverage::before(self.time, time, continuity));
        }
        self.time = time;
        self.running = true;

        self.expire(rules, out);
        self.identify(rules, &frame.objects, out);
        for object in &frame.objects {
            self.see(rules, object, continuity, out);
        }
        self.note_occupancy(rules, &[time.floor_to_us(BUCKET_US)], out);
        let tracked = u32::try_from(frame.objects.len()).unwrap_or(u32::MAX);
        out.frames.push(FrameRow { time, detected, tracked });
    }

    /// Ends the footage at `end`: accounts for the time up to it and ends all visits. [`MediaTime::MAX`] is the end of
    /// what the last frame stands for. Frames may follow; they are another piece of footage.
    pub fn finish(&mut self, rules: &Rules, end: MediaTime, continuity: Continuity, out: &mut SegmentCounts) {
        self.occupancy.resize_with(rules.zones.len(), Occupancy::default);
        if self.running {
            self.pass_time(rules, coverage::after(self.time, end, continuity), out);
        } else if self.time != MediaTime::MIN && end != MediaTime::MAX && end > self.time {
            let nothing = Continuity { interval_us: 0, gap_after_us: 0 };
            add_coverage(out, coverage::before(self.time, end, nothing));
        }
        for (root, mut object) in std::mem::take(&mut self.objects) {
            let visits = object.lose(rules, None);
            self.report_visits(rules, root, &object, visits, out);
            let crossings = object.end(rules);
            report_crossings(rules, root, &object, crossings, out);
        }
        let end = if end == MediaTime::MAX { self.time } else { end.max(self.time) };
        *self = Self::new(end);
    }

    /// How many objects are inside each zone at the last frame, in the order of the rules' zones; nothing before the
    /// first frame.
    pub fn inside(&self) -> impl Iterator<Item = i64> {
        self.occupancy.iter().map(Occupancy::now)
    }

    /// Accounts for the time since the last frame.
    fn pass_time(&mut self, rules: &Rules, covered: Covered, out: &mut SegmentCounts) {
        add_coverage(out, covered);
        let observed_us = covered.observed.len_us();
        let buckets: Vec<MediaTime> = split(covered.observed).map(|(start, _)| start).collect();
        self.note_occupancy(rules, &buckets, out);
        for (zone, rule) in rules.zones.iter().enumerate() {
            let stays =
                self.objects.values().filter(|o| rule.wants(o.votes.winner().0)).map(|o| o.stay(zone));
            let (inside, still) =
                stays.fold((0, 0), |(n, s), (inside, still)| (n + i64::from(inside), s + i64::from(still)));
            for (start, us) in split(covered.observed) {
                let row = self.occupancy[zone].row(out, &rule.zone.name, start);
                row.occupied_us += inside * us;
                row.stationary_us += still * us;
            }
        }
        self.objects.values_mut().for_each(|o| o.pass_time(observed_us));
    }

    /// Notes who is inside, in every zone, for these buckets.
    fn note_occupancy(&mut self, rules: &Rules, buckets: &[MediaTime], out: &mut SegmentCounts) {
        for (zone, (rule, occupancy)) in rules.zones.iter().zip(&mut self.occupancy).enumerate() {
            let is_inside = |o: &&Object| o.stay(zone).0 && rule.wants(o.votes.winner().0);
            let inside = self.objects.values().filter(is_inside).count() as i64;
            let confirm_us = i64::from(rule.zone.confirm_ms) * 1000;
            let keep_from = self.time.plus_us(-confirm_us.saturating_add(remember_us(rules)));
            for &start in buckets {
                occupancy.note(start, inside, keep_from);
                occupancy.row(out, &rule.zone.name, start);
            }
        }
    }

    /// Ends the visits of those who have been away too long, and the ways of those who will not come back.
    fn expire(&mut self, rules: &Rules, out: &mut SegmentCounts) {
        let (time, remember_us) = (self.time, remember_us(rules));
        let mut ended = Vec::new();
        for (&root, object) in &mut self.objects {
            let visits = object.lose(rules, Some(time));
            if !visits.is_empty() {
                ended.push((root, visits));
            }
        }
        for (root, visits) in ended {
            if let Some(object) = self.objects.get(&root) {
                self.report_visits(rules, root, object, visits, out);
            }
        }
        let remembered = |seen: MediaTime| time.since_us(seen) <= remember_us;
        self.objects.retain(|&root, object| {
            let kept = remembered(object.seen);
            if !kept {
                let crossings = object.end(rules);
                report_crossings(rules, root, object, crossings, out);
            }
            kept
        });
        self.objects.values_mut().for_each(|o| o.before = o.before.take().filter(|b| remembered(b.seen)));
        self.roots.retain(|_, (root, seen)| remembered(*seen) && self.objects.contains_key(root));
    }

    /// Finds the root of every track in the frame.
    fn identify(&mut self, rules: &Rules, seen: &[TrackedObject], out: &mut SegmentCounts) {
        let ids: BTreeSet<TrackId> = seen.iter().map(|o| o.track).collect();
        for &track in &ids {
            self.take_back(rules, track, out);
        }
        let new: Vec<&TrackedObject> = seen.iter().filter(|o| !self.roots.contains_key(&o.track)).collect();
        for (root, track) in stitch::joins(rules, &self.objects, &ids, &new, self.time) {
            if let Some(object) = self.objects.get_mut(&root) {
                object.join(track);
                self.roots.insert(track, (root, self.time));
            }
        }
        for object in new {
            if self.roots.contains_key(&object.track) {
                continue;
            }
            self.roots.insert(object.track, (object.track, self.time));
            self.objects.insert(object.track, Object::new(rules, object, self.time));
        }
    }

    /// Gives a track that was carried on by another, but has come back itself, its object back. The other one goes on
    /// as a new object.
    fn take_back(&mut self, rules: &Rules, track: TrackId, out: &mut SegmentCounts) {
        let Some(&(root, _)) = self.roots.get(&track) else { return };
        if self.objects.get(&root).is_none_or(|o| o.carrier == track) {
            return;
        }
        if let Some(object) = self.objects.remove(&root) {
            let (object, ended) = object.part(track);
            self.report_visits(rules, root, &object, ended, out);
            self.objects.insert(root, object);
            // The root's own number stays: no other object may get it.
            self.roots.retain(|&t, &mut (r, _)| r != root || t == track || t == root);
        }
    }

    fn see(&mut self, rules: &Rules, now: &TrackedObject, continuity: Continuity, out: &mut SegmentCounts) {
        let Some((root, seen)) = self.roots.get_mut(&now.track) else { return };
        *seen = self.time;
        let root = *root;
        let Some(object) = self.objects.get_mut(&root) else { return };
        let told = object.see(rules, now, self.time, continuity.gap_after_us);
        report_crossings(rules, root, object, told.crossings, out);
        let (class, _) = object.votes.winner();
        for (zone, passage) in told.passages {
            let rule = &rules.zones[zone];
            match passage {
                Passage::Entered(entered) if rule.wants(class) => {
                    self.occupancy[zone].row(out, &rule.zone.name, entered.floor_to_us(BUCKET_US)).entered +=
                        1;
                }
                Passage::Entered(_) => {}
                Passage::Left(visit) => {
                    if let Some(object) = self.objects.get(&root) {
                        self.report_visits(rules, root, object, vec![(zone, visit)], out);
                    }
                }
            }
        }
    }

    /// Reports visits that ended, of a wanted class.
    fn report_visits(
        &self,
        rules: &Rules,
        root: TrackId,
        object: &Object,
        visits: Vec<(usize, Visited)>,
        out: &mut SegmentCounts,
    ) {
        let (class, _) = object.votes.winner();
        for (zone, visit) in visits {
            let rule = &rules.zones[zone];
            if !rule.wants(class) {
                continue;
            }
            if visit.saw_exit {
                self.occupancy[zone].row(out, &rule.zone.name, visit.left.floor_to_us(BUCKET_US)).left += 1;
            }
            out.visits.push(Visit {
                zone: rule.zone.name.clone(),
                track: root,
                ordinal: visit.ordinal,
                class: rules.class_name(class),
                entered: visit.entered,
                left: visit.left,
                stationary_us: visit.stationary_us,
                saw_entry: visit.saw_entry,
                saw_exit: visit.saw_exit,
            });
        }
    }
}

/// Reports crossings by index of line.
fn report_crossings(
    rules: &Rules,
    root: TrackId,
    object: &Object,
    crossings: Vec<(usize, Crossed)>,
    out: &mut SegmentCounts,
) {
    let (class, confidence) = object.votes.winner();
    for (index, crossed) in crossings {
        let crossing = Crossing {
            line: rules.lines[index].line.name.clone(),
            direction: crossed.direction,
            time: crossed.time,
            track: root,
            ordinal: crossed.ordinal,
            class: rules.class_name(class),
            confidence,
            stitched: crossed.stitched,
        };
        add_crossing(out, crossing);
    }
}

/// How long an object that is not seen is remembered: the longest grace time, if that is longer.
fn remember_us(rules: &Rules) -> i64 {
    let grace = rules.zones.iter().map(|z| i64::from(z.zone.grace_ms) * 1000).max();
    REMEMBER_US.max(grace.unwrap_or(0))
}
