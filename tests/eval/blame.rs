//! Why a crossing is wrong, as far as detections and tracks tell.

use std::collections::{BTreeMap, BTreeSet};

use camcount_domain::{Anchor, BoxF, Confidence, Point, cross};

use crate::{
    Matched, SAME_S,
    clips::{Event, Line},
    runs::{Crossing, Run},
};

/// Nearer to the line than this many box heights, a box may be that of who crosses.
const NEAR_HEIGHTS: f64 = 1.5;
/// What is less sure than this is not detected: it may at most continue a track.
const DETECTED: Confidence = Confidence(2_000);

/// Why `event` was not counted.
pub(crate) fn missed(
    run: &Run,
    line: &Line,
    crossings: &[Crossing],
    event: &Event,
    found: &Matched,
) -> &'static str {
    // Those who were counted rightly are not who is missing.
    let others: BTreeSet<u64> = (0..crossings.len())
        .filter(|c| !found.surplus.contains(c) && (crossings[*c].at_s - event.at_s).abs() <= 2.0 * SAME_S)
        .map(|c| crossings[c].track)
        .collect();
    let (from, to) = (usize::from(!event.inwards), usize::from(event.inwards));
    let mut detected = [false; 2];
    // By track: the sides of its foot now and ever, and of its middle now.
    let mut tracks: BTreeMap<u64, [[bool; 2]; 3]> = BTreeMap::new();
    for (seen, tracked) in run.seen.iter().zip(&run.tracked) {
        let now = (run.second(seen.time) - event.at_s).abs() <= SAME_S;
        for detection in &seen.detections {
            let bbox = BoxF::from(detection.bbox);
            let track =
                tracked.objects.iter().find(|object| object.bbox == bbox).map(|object| object.track.0);
            if track.is_some_and(|track| others.contains(&track)) || detection.confidence < DETECTED {
                continue;
            }
            let foot = side(run, line, &bbox, Anchor::Bottom);
            if let Some(side) = foot.filter(|_| now) {
                detected[usize::from(side)] = true;
            }
            let Some(track) = track else { continue };
            let sides = tracks.entry(track).or_default();
            if let Some(foot) = foot {
                sides[0][usize::from(foot)] |= now;
                sides[1][usize::from(foot)] = true;
            }
            if let Some(middle) = side(run, line, &bbox, Anchor::Centre) {
                sides[2][usize::from(middle)] |= now;
            }
        }
    }
    if tracks.values().any(|[now, ..]| *now == [true; 2]) {
        return "tracked over the line: the rule";
    }
    if tracks.values().any(|[_, ever, middle]| *middle == [true; 2] && !ever[from]) {
        return "astride the line when first seen, its foot already beyond";
    }
    match (detected[from], detected[to]) {
        (false, false) => "never detected, or only as part of another",
        (true, false) => "not detected beyond the line",
        (false, true) => "not detected before the line",
        (true, true) => "detected on both sides: the track broke",
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
    let twin = |o: usize| right(o) && crossings[o].inwards == it.inwards && near(&crossings[o], SAME_S);
    if (0..crossings.len()).any(twin) {
        return "one too many beside another that was right: two tracks on one object";
    }
    "nobody crossed then: a track went from one object to another"
}

/// The same crossings at the time when the middle of the box met the line, where that is known.
pub(crate) fn by_middle(run: &Run, line: &Line, crossings: &[Crossing]) -> Vec<Crossing> {
    let time = |crossing: &Crossing| {
        let mut before = None;
        run.tracked.iter().find_map(|frame| {
            let object = frame.objects.iter().find(|object| object.track.0 == crossing.track)?;
            let now = side(run, line, &object.bbox, Anchor::Centre);
            let went = before == Some(!crossing.inwards) && now == Some(crossing.inwards);
            before = now.or(before);
            went.then(|| run.second(frame.time))
        })
    };
    crossings.iter().map(|c| Crossing { at_s: time(c).unwrap_or(c.at_s), ..*c }).collect()
}

/// On which side of the line a box near it is, by its anchor: whether it is in.
fn side(run: &Run, line: &Line, bbox: &BoxF, anchor: Anchor) -> Option<bool> {
    let aspect = f64::from(run.size.width) / f64::from(run.size.height);
    let wide = |p: Point| Point { x: p.x * aspect, y: p.y };
    let ends: Vec<Point> = line.drawn.split("->").map(point).collect();
    let (a, b, at) = (wide(ends[0]), wide(ends[1]), wide(anchor.of(bbox)));
    let offset = cross(a, b, at);
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let far = offset.abs() / (dx * dx + dy * dy).sqrt();
    let along = ((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy);
    (far <= NEAR_HEIGHTS * bbox.height() && (-0.05..=1.05).contains(&along)).then_some(offset >= 0.0)
}

fn point(text: &str) -> Point {
    let (x, y) = text.trim().split_once(',').unwrap();
    Point { x: x.parse().unwrap(), y: y.parse().unwrap() }
}
