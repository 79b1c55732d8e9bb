//! Why a crossing is wrong, as far as detections and tracks tell.

use std::collections::{BTreeMap, BTreeSet};

use camcount_domain::{BoxF, Point, cross};

use crate::{
    Matched, SAME_S,
    clips::{Event, Line},
    runs::{Crossing, Run},
};

/// Nearer to the line than this many box heights, a box may be that of who crosses.
const NEAR_HEIGHTS: f64 = 1.5;

/// Why `event` was not counted.
pub(crate) fn missed(run: &Run, line: &Line, event: &Event, found: &Matched) -> &'static str {
    let crossings = &run.crossings[&line.name];
    // Those who were counted rightly are not who is missing.
    let others: BTreeSet<u64> = (0..crossings.len())
        .filter(|c| !found.surplus.contains(c) && (crossings[*c].at_s - event.at_s).abs() <= 2.0 * SAME_S)
        .map(|c| crossings[c].track)
        .collect();
    let (a, b) = ends(&line.drawn);
    let start = run.seen[0].time;
    let mut detected = [false; 2];
    let mut sides_of_tracks: BTreeMap<u64, [bool; 2]> = BTreeMap::new();
    for (seen, tracked) in run.seen.iter().zip(&run.tracked) {
        let at_s = seen.time.since_us(start) as f64 / 1e6;
        if (at_s - event.at_s).abs() > SAME_S {
            continue;
        }
        for detection in &seen.detections {
            let bbox = BoxF::from(detection.bbox);
            let track =
                tracked.objects.iter().find(|object| object.bbox == bbox).map(|object| object.track.0);
            if track.is_some_and(|track| others.contains(&track)) {
                continue;
            }
            let Some(side) = side(run, a, b, &bbox) else { continue };
            detected[usize::from(side)] = true;
            if let Some(track) = track {
                sides_of_tracks.entry(track).or_default()[usize::from(side)] = true;
            }
        }
    }
    let (from, to) = (usize::from(!event.inwards), usize::from(event.inwards));
    match (detected[from], detected[to]) {
        (false, false) => "never detected, or only as part of another",
        (true, false) => "not detected beyond the line",
        (false, true) => "not detected before the line",
        (true, true) if sides_of_tracks.values().any(|&sides| sides == [true; 2]) => {
            "tracked over the line: the rule"
        }
        (true, true) => "detected on both sides: the track broke, or was too faint to start",
    }
}

/// Why a crossing was counted that nobody made.
pub(crate) fn surplus(crossings: &[Crossing], c: usize, found: &Matched) -> &'static str {
    let it = &crossings[c];
    let near = |o: &Crossing, most_s: f64| (o.at_s - it.at_s).abs() <= most_s;
    if crossings.iter().any(|o| o.track == it.track && o.inwards != it.inwards && near(o, 2.0 * SAME_S)) {
        return "went over and came back";
    }
    let right = |o: usize| o != c && !found.surplus.contains(&o);
    if (0..crossings.len())
        .any(|o| right(o) && crossings[o].inwards == it.inwards && near(&crossings[o], SAME_S))
    {
        return "one too many beside another that was right: two tracks on one object";
    }
    "nobody crossed then: a track went from one object to another"
}

/// The ends of a line as drawn.
fn ends(drawn: &str) -> (Point, Point) {
    let mut ends = drawn.split("->").map(|end| {
        let (x, y) = end.trim().split_once(',').unwrap();
        Point { x: x.parse().unwrap(), y: y.parse().unwrap() }
    });
    (ends.next().unwrap(), ends.next().unwrap())
}

/// On which side of the line the foot of a box near it is: whether it is in.
fn side(run: &Run, a: Point, b: Point, bbox: &BoxF) -> Option<bool> {
    let aspect = f64::from(run.size.width) / f64::from(run.size.height);
    let wide = |p: Point| Point { x: p.x * aspect, y: p.y };
    let foot = Point { x: f64::midpoint(bbox.left, bbox.right), y: bbox.bottom };
    let offset = cross(wide(a), wide(b), wide(foot));
    let (dx, dy) = ((b.x - a.x) * aspect, b.y - a.y);
    let far = offset.abs() / (dx * dx + dy * dy).sqrt();
    let height = (bbox.bottom - bbox.top).max(1e-6);
    let share = (((foot.x - a.x) * aspect) * dx + (foot.y - a.y) * dy) / (dx * dx + dy * dy);
    (far <= NEAR_HEIGHTS * height && (-0.05..=1.05).contains(&share)).then_some(offset >= 0.0)
}
