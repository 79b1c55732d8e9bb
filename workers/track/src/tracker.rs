//! The tracker's state and its step.

use camcount_domain::{
    Confidence, DetectedFrame, Detection, FrameSize, MediaTime, TrackId, TrackedFrame, TrackedObject,
};
use serde::{Deserialize, Serialize};

use crate::{
    assign::assign,
    kalman::Motion,
    shape::{Shape, aspect},
};

/// Detections at least this sure are matched first and may start tracks. ByteTrack's 0.6 is for a detector
/// trained on the scene; small general ones give people and cars in the distance about 0.4.
const SURE: Confidence = Confidence(4_000);
/// Less sure ones may continue a track that was seen a moment ago, down to this (ByteTrack: 0.1).
const UNSURE: Confidence = Confidence(1_000);
/// What is never surer than this still starts a track, which is reported once it was seen [`FAINT_HITS`] times: some
/// detectors are never surer of a vehicle seen from above.
const FAINT: Confidence = Confidence(2_000);
/// How often; a false alarm rarely stays where it is, or moves as one thing, for so long.
const FAINT_HITS: u8 = 4;
/// A new track starts to be reported at its first sighting when that is at least this sure, else at its
/// next one that is sure. Waiting loses where it came from, and with it a line near there.
const SURE_AT_ONCE: Confidence = Confidence(6_000);

/// Least overlap times confidence of a sure detection with a track (ByteTrack: 0.2).
const OVERLAP: f64 = 0.2;
/// Least overlap of an unsure detection with a track (ByteTrack: 0.5).
const OVERLAP_UNSURE: f64 = 0.5;
/// An unsure detection continues only tracks seen so recently, in microseconds (ByteTrack: in the last frame).
const UNSURE_UNSEEN_US: i64 = 250_000;
/// Likeness of a detection to a track of another class, relative to its own: a car may flicker to a truck, a
/// rider is not his bicycle.
const OTHER_CLASS: f64 = 0.6;
/// A detection that overlaps a seen track by this much is that object again, under another class.
const SAME_OBJECT: f64 = 0.7;
/// A faint one that overlaps a seen track by this much is a part of that, or its shadow.
const PART_OF_OBJECT: f64 = 0.2;

/// Objects that overlap their prediction nowhere are linked by distance (the idea of Yang et al. 2023, C-BIoU,
/// arXiv:2211.14317): up to this many box sizes from where a track of known speed should be…
const REACH: f64 = 0.3;
/// …and this many standard deviations of that prediction more…
const REACH_DOUBTS: f64 = 0.5;
/// …but never more than this many box sizes.
const REACH_MOST: f64 = 3.0;
/// An object seen only once may have any speed: it is looked for up to so many lengths of its longer side away per
/// second, which is a car that passes by three of its own lengths a frame at 10 frames/s…
const REACH_FIRST_PER_S: f64 = 32.0;
/// …but never farther away than this many lengths. Walkers' tracks are no worse for it: only what is left over
/// on both sides is linked so boldly.
const REACH_FIRST_MOST: f64 = 3.2;
/// A track of known speed is linked by distance only in the next frame, or so soon after it was seen, in
/// microseconds: later its prediction is worth little, and somebody else may be there.
const REACH_UNSEEN_US: i64 = 200_000;
/// Least likeness of sizes for such links: a third more or less on each side.
const SIZE_LIKENESS: f64 = 0.55;

/// How long a track that is not seen may come back, in microseconds of media time. ByteTrack keeps 30 frames,
/// a second.
const LOST_US: i64 = 2_000_000;
/// How long one that was never reported may, before it is taken for a false alarm.
const TENTATIVE_LOST_US: i64 = 300_000;

/// One object followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Track {
    /// Given when it is first reported.
    id: Option<TrackId>,
    motion: Motion,
    class: u16,
    /// Sightings, up to 255.
    hits: u8,
    seen: MediaTime,
    /// Looked-at frames since then.
    missed: u32,
}

/// Follows objects from frame to frame.
///
/// Plain data: store it between two frames and take it up again anywhere, and the tracks go on as if nothing
/// had happened. Use a format that keeps every bit of an `f64`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    last: Option<MediaTime>,
    reported: u64,
    tracks: Vec<Track>,
}

/// A detection in the tracker's units.
struct Sighting {
    shape: Shape,
    detection: Detection,
}

impl Sighting {
    fn is_sure(&self) -> bool {
        self.detection.confidence >= SURE
    }
}

impl Tracker {
    /// Follows all objects into the next frame of a picture of `size`, and says who was seen in it.
    ///
    /// Frames come in order of media time. The detections are those of the wanted classes. Tracks are
    /// numbered from 1 in the order in which they are first reported.
    pub fn step(&mut self, frame: &DetectedFrame, size: FrameSize) -> TrackedFrame {
        let dt_us = self.last.map_or(0, |last| frame.time.since_us(last).max(0));
        self.last = Some(frame.time);
        self.tracks.retain(|t| {
            let may_be_lost_us = if t.id.is_some() { LOST_US } else { TENTATIVE_LOST_US };
            frame.time.since_us(t.seen) <= may_be_lost_us
                || (t.id.is_none() && t.missed == 0 && dt_us <= LOST_US)
        });
        for track in &mut self.tracks {
            track.motion.predict(dt_us as f64 / 1e6);
        }

        let aspect = aspect(size);
        let sightings: Vec<Sighting> = frame
            .detections
            .iter()
            .map(|&detection| Sighting { shape: Shape::of(detection.bbox, aspect), detection })
            .filter(|s| s.shape.is_solid() && s.detection.confidence >= UNSURE)
            .collect();

        let pairs = self.associate(&sightings, frame.time, dt_us as f64 / 1e6);
        let mut taken = vec![false; sightings.len()];
        let mut objects = Vec::with_capacity(pairs.len());
        for track in &mut self.tracks {
            track.missed = track.missed.saturating_add(1);
        }
        for &(track, sighting) in &pairs {
            taken[sighting] = true;
            let track = &mut self.tracks[track];
            track.see(&sightings[sighting], frame.time);
            let believed = sightings[sighting].is_sure() || track.hits >= FAINT_HITS;
            if track.id.is_none() && believed {
                self.reported += 1;
                track.id = Some(TrackId(self.reported));
            }
            objects.extend(track.report(&sightings[sighting]));
        }
        for track in &mut self.tracks {
            if track.missed > 0 {
                track.motion.hold_size();
            }
        }

        for (index, sighting) in sightings.iter().enumerate() {
            let same = if sighting.is_sure() { SAME_OBJECT } else { PART_OF_OBJECT };
            let again = |other: usize| taken[other] && sightings[other].shape.iou(&sighting.shape) >= same;
            if taken[index] || sighting.detection.confidence < FAINT || (0..sightings.len()).any(again) {
                continue;
            }
            taken[index] = true;
            let mut track = Track::new(sighting, frame.time);
            if sighting.detection.confidence >= SURE_AT_ONCE {
                self.reported += 1;
                track.id = Some(TrackId(self.reported));
            }
            objects.extend(track.report(sighting));
            self.tracks.push(track);
        }
        objects.sort_by_key(|o| o.track);
        TrackedFrame { time: frame.time, objects }
    }

    /// Which track is seen where: in stages, from the surest kind of match to the boldest. Pairs of indices of
    /// track and sighting.
    fn associate(&self, sightings: &[Sighting], time: MediaTime, dt: f64) -> Vec<(usize, usize)> {
        let shapes: Vec<Shape> = self.tracks.iter().map(|t| t.motion.shape()).collect();
        let mut matching = Matching {
            pairs: Vec::new(),
            free_tracks: (0..self.tracks.len()).collect(),
            free_sightings: (0..sightings.len()).collect(),
        };
        let sure = |s: usize| sightings[s].is_sure();
        let class = |t: usize, s: usize| {
            if self.tracks[t].class == sightings[s].detection.class { 1.0 } else { OTHER_CLASS }
        };
        let overlap = |t: usize, s: usize| shapes[t].iou(&sightings[s].shape) * class(t, s);

        // Known tracks and sure detections, by overlap.
        let by_overlap = |t: usize, s: usize| {
            let alike = overlap(t, s) * sightings[s].detection.confidence.as_unit();
            (alike >= OVERLAP).then_some(alike)
        };
        matching.stage(|t| self.tracks[t].id.is_some(), sure, by_overlap);
        // What is seen a little less well than a moment ago: hidden in part, or blurred.
        matching.stage(
            |t| self.tracks[t].missed == 0 || time.since_us(self.tracks[t].seen) <= UNSURE_UNSEEN_US,
            |s| !sure(s),
            |t, s| Some(overlap(t, s)).filter(|&alike| alike >= OVERLAP_UNSURE),
        );
        // Tracks seen only once so far.
        matching.stage(|t| self.tracks[t].id.is_none(), sure, by_overlap);
        // Fast objects, by where their speed takes them; then those whose speed is not known yet.
        let by_distance = |t: usize, s: usize| {
            let (there, here) = (&shapes[t], &sightings[s].shape);
            let reach = if self.tracks[t].hits > 1 {
                let reach = REACH * there.size() + REACH_DOUBTS * self.tracks[t].motion.doubt();
                reach.min(REACH_MOST * there.size())
            } else {
                there.length() * (REACH_FIRST_PER_S * dt).min(REACH_FIRST_MOST)
            };
            let share = there.distance(here) / reach;
            let alike = there.likeness(here);
            (share < 1.0 && alike >= SIZE_LIKENESS).then(|| (1.0 - share) * alike * class(t, s))
        };
        let just_seen = |t: &Track| t.missed == 0 || time.since_us(t.seen) <= REACH_UNSEEN_US;
        matching.stage(|t| self.tracks[t].hits > 1 && just_seen(&self.tracks[t]), sure, by_distance);
        matching.stage(|t| self.tracks[t].hits == 1 && self.tracks[t].missed == 0, sure, by_distance);
        matching.pairs
    }
}

/// What is matched and what is still free.
struct Matching {
    pairs: Vec<(usize, usize)>,
    free_tracks: Vec<usize>,
    free_sightings: Vec<usize>,
}

impl Matching {
    /// Matches those free tracks and sightings that take part in this stage.
    fn stage(
        &mut self,
        tracks: impl Fn(usize) -> bool,
        sightings: impl Fn(usize) -> bool,
        likeness: impl Fn(usize, usize) -> Option<f64>,
    ) {
        let rows: Vec<usize> = self.free_tracks.iter().copied().filter(|&t| tracks(t)).collect();
        let columns: Vec<usize> = self.free_sightings.iter().copied().filter(|&s| sightings(s)).collect();
        for (row, column) in assign(rows.len(), columns.len(), |r, c| likeness(rows[r], columns[c])) {
            let (track, sighting) = (rows[row], columns[column]);
            self.free_tracks.retain(|&t| t != track);
            self.free_sightings.retain(|&s| s != sighting);
            self.pairs.push((track, sighting));
        }
    }
}

impl Track {
    fn new(first: &Sighting, time: MediaTime) -> Self {
        let motion = Motion::new(first.shape);
        Self { id: None, motion, class: first.detection.class, hits: 1, seen: time, missed: 0 }
    }

    fn see(&mut self, sighting: &Sighting, time: MediaTime) {
        self.motion.correct(sighting.shape);
        self.class = sighting.detection.class;
        self.hits = self.hits.saturating_add(1);
        self.seen = time;
        self.missed = 0;
    }

    /// What is told of it in the frame in which it was just seen.
    fn report(&self, sighting: &Sighting) -> Option<TrackedObject> {
        let Detection { bbox, class, confidence } = sighting.detection;
        self.id.map(|track| TrackedObject { track, bbox: bbox.into(), class, confidence })
    }
}
