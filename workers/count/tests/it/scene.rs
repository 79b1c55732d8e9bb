//! Scenes to count: tracks as lists of boxes, lines and zones with the usual settings.

use std::collections::BTreeMap;

use camcount_count::{Counter, Rules};
use camcount_domain::{
    Anchor, BoxF, Confidence, Continuity, CoverageBucket, Direction, FrameSize, Line, LineBucket, MediaTime,
    Point, Policy, Polygon, Ruleset, SegmentCounts, TrackId, TrackedFrame, TrackedObject, Zone, ZoneBucket,
};

pub(crate) const SIZE: FrameSize = FrameSize { width: 1600, height: 900 };
pub(crate) const STEP_US: i64 = 100_000;
pub(crate) const CONTINUITY: Continuity = Continuity { interval_us: STEP_US, gap_after_us: 2_000_000 };
/// Height of every box, as a share of the picture.
pub(crate) const HEIGHT: f64 = 0.2;

pub(crate) fn p(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// A line with the defaults of rules files.
pub(crate) fn line(from: Point, to: Point) -> Line {
    Line {
        name: "line".into(),
        from,
        to,
        anchor: Anchor::Bottom,
        dead_band: 0.08,
        confirm_ms: 150,
        policy: Policy::Every,
        min_travel: 0.0,
        classes: Vec::new(),
    }
}

/// From the middle of the left border to the middle of the right one: walking down is in.
pub(crate) fn across() -> Line {
    line(p(0.0, 0.5), p(1.0, 0.5))
}

/// A zone with the defaults of rules files.
pub(crate) fn zone(polygon: &[(f64, f64)]) -> Zone {
    Zone {
        name: "zone".into(),
        polygon: Polygon(polygon.iter().map(|&(x, y)| p(x, y)).collect()),
        anchor: Anchor::Bottom,
        dead_band: 0.08,
        confirm_ms: 150,
        grace_ms: 2_000,
        classes: Vec::new(),
    }
}

pub(crate) fn rules(lines: Vec<Line>, zones: Vec<Zone>) -> Rules {
    let ruleset = Ruleset { classes: Vec::new(), lines, zones };
    Rules::new(ruleset, vec!["person".into(), "car".into(), "truck".into()], SIZE)
}

/// An object whose feet are at `feet`.
pub(crate) fn object(track: u64, feet: Point) -> TrackedObject {
    let half = HEIGHT * 0.2;
    let bbox = BoxF { left: feet.x - half, top: feet.y - HEIGHT, right: feet.x + half, bottom: feet.y };
    TrackedObject { track: TrackId(track), bbox, class: 0, confidence: Confidence(8_000) }
}

pub(crate) fn frame(time_us: i64, mut objects: Vec<TrackedObject>) -> TrackedFrame {
    objects.sort_by_key(|o| o.track);
    TrackedFrame { time: MediaTime(time_us), objects }
}

/// Frames 100 ms apart in which track 1 is at these places; `None` where it is not seen.
pub(crate) fn walk(places: &[Option<Point>]) -> Vec<TrackedFrame> {
    let at = |(i, place): (usize, &Option<Point>)| {
        frame(i as i64 * STEP_US, place.iter().map(|&feet| object(1, feet)).collect())
    };
    places.iter().enumerate().map(at).collect()
}

/// The same, seen everywhere.
pub(crate) fn path(places: &[(f64, f64)]) -> Vec<TrackedFrame> {
    walk(&places.iter().map(|&(x, y)| Some(p(x, y))).collect::<Vec<_>>())
}

/// Counts frames from the first to an end one step after the last.
pub(crate) fn count(rules: &Rules, frames: &[TrackedFrame]) -> SegmentCounts {
    count_cut(rules, frames, &[]).0
}

pub(crate) fn first(frames: &[TrackedFrame]) -> MediaTime {
    frames.first().map_or(MediaTime(0), |f| f.time)
}

/// Counts frames in segments that start at these indices, with the state stored and read back in
/// between. The merged counts, and the state before the end.
pub(crate) fn count_cut(rules: &Rules, frames: &[TrackedFrame], cuts: &[usize]) -> (SegmentCounts, Vec<u8>) {
    let mut counter = Counter::new(first(frames));
    let mut segments = vec![SegmentCounts::default()];
    for (index, frame) in frames.iter().enumerate() {
        if cuts.contains(&index) {
            let stored = postcard::to_stdvec(&counter).unwrap();
            counter = postcard::from_bytes(&stored).unwrap();
            segments.push(SegmentCounts::default());
        }
        let out = segments.last_mut().unwrap();
        counter.step(rules, frame, frame.objects.len() as u32, CONTINUITY, out);
    }
    let state = postcard::to_stdvec(&counter).unwrap();
    let end = frames.last().map_or(MediaTime(0), |f| f.time).plus_us(STEP_US);
    counter.finish(rules, end, CONTINUITY, segments.last_mut().unwrap());
    segments.iter().for_each(assert_one_row_per_key);
    (merge(&segments), state)
}

fn assert_one_row_per_key(counts: &SegmentCounts) {
    assert!(counts.lines.is_sorted_by(|a, b| (a.start, &a.line, &a.class) < (b.start, &b.line, &b.class)));
    assert!(counts.zones.is_sorted_by(|a, b| (a.start, &a.zone) < (b.start, &b.zone)));
    assert!(counts.coverage.is_sorted_by(|a, b| a.start < b.start));
}

/// Sums add, minima and maxima combine.
pub(crate) fn merge(segments: &[SegmentCounts]) -> SegmentCounts {
    let mut lines: BTreeMap<_, LineBucket> = BTreeMap::new();
    let mut zones: BTreeMap<_, ZoneBucket> = BTreeMap::new();
    let mut coverage: BTreeMap<MediaTime, CoverageBucket> = BTreeMap::new();
    let mut merged = SegmentCounts::default();
    for segment in segments.iter().cloned() {
        merged.crossings.extend(segment.crossings);
        merged.visits.extend(segment.visits);
        merged.frames.extend(segment.frames);
        for row in segment.lines {
            let key = (row.start, row.line.clone(), row.class.clone());
            let empty = LineBucket { count_in: 0, count_out: 0, ..row.clone() };
            let sum = lines.entry(key).or_insert(empty);
            sum.count_in += row.count_in;
            sum.count_out += row.count_out;
        }
        for row in segment.zones {
            let empty = ZoneBucket { entered: 0, left: 0, occupied_us: 0, stationary_us: 0, ..row.clone() };
            let sum = zones.entry((row.start, row.zone.clone())).or_insert(empty);
            sum.entered += row.entered;
            sum.left += row.left;
            sum.occupied_us += row.occupied_us;
            sum.stationary_us += row.stationary_us;
            sum.occupancy_min = sum.occupancy_min.min(row.occupancy_min);
            sum.occupancy_max = sum.occupancy_max.max(row.occupancy_max);
        }
        for row in segment.coverage {
            let empty = CoverageBucket { observed_us: 0, gap_us: 0, ..row };
            let sum = coverage.entry(row.start).or_insert(empty);
            sum.observed_us += row.observed_us;
            sum.gap_us += row.gap_us;
        }
    }
    merged.lines = lines.into_values().collect();
    merged.zones = zones.into_values().collect();
    merged.coverage = coverage.into_values().collect();
    merged
}

/// How many went in and out.
pub(crate) fn in_out(counts: &SegmentCounts) -> (usize, usize) {
    let n = |d| counts.crossings.iter().filter(|c| c.direction == d).count();
    let buckets = counts.lines.iter().fold((0, 0), |(i, o), b| (i + b.count_in, o + b.count_out));
    let crossings = (n(Direction::In), n(Direction::Out));
    assert_eq!((crossings.0 as i64, crossings.1 as i64), buckets, "buckets say the same");
    crossings
}
