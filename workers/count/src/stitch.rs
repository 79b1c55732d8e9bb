//! Which new track is a lost object again.
//!
//! Trackers lose objects and find them under another number, most of all where they hide behind one another.
//! Joining wrongly is worse than not joining, so this is strict: only objects not seen in this frame, lost
//! not long ago, of the same class and about the same size, on the way that they were going.

use std::collections::{BTreeMap, BTreeSet};

use camcount_domain::{Anchor, MediaTime, TrackId, TrackedObject};

use crate::{
    object::Object,
    rules::{Rules, distance, nearest},
};

/// How long ago an object may have been lost, in microseconds: the usual memory of trackers (30 to 60 frames), and
/// a little more.
const LOST_US: i64 = 2_500_000;
/// How far from its way it may appear, in box heights, at once…
const ASIDE: f64 = 0.5;
/// …and more for every second that it was lost: half a walker's pace.
const ASIDE_PER_S: f64 = 0.5;
/// By which factor the heights may differ at most.
const HEIGHT_FACTOR: f64 = 1.5;
/// A box this close to the border of the picture (a share of its sides) is leaving if it moves that way.
const LEAVING: f64 = 0.02;

/// The joins to make in a frame: root and new track. Every root and every track is in at most one; the nearest
/// pair comes first, of equals the one with the lowest numbers.
pub(crate) fn joins(
    rules: &Rules,
    objects: &BTreeMap<TrackId, Object>,
    seen: &BTreeSet<TrackId>,
    new: &[&TrackedObject],
    time: MediaTime,
) -> Vec<(TrackId, TrackId)> {
    let lost = |o: &&Object| time.since_us(o.seen) <= LOST_US && !seen.contains(&o.carrier) && !is_leaving(o);
    let mut pairs: Vec<(f64, TrackId, TrackId)> = objects
        .iter()
        .filter(|(_, object)| lost(object))
        .flat_map(|(&root, object)| {
            new.iter().filter_map(move |n| Some((farness(rules, object, n, time)?, root, n.track)))
        })
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut roots, mut tracks) = (BTreeSet::new(), BTreeSet::new());
    pairs.retain(|&(_, root, track)| {
        let free = !roots.contains(&root) && !tracks.contains(&track);
        free && roots.insert(root) && tracks.insert(track)
    });
    pairs.into_iter().map(|(_, root, track)| (root, track)).collect()
}

/// How far `new` is from where `object` should be, as a share of how far it may be. `None` if it cannot be it.
fn farness(rules: &Rules, object: &Object, new: &TrackedObject, time: MediaTime) -> Option<f64> {
    let (old_height, height) = (object.bbox.height(), new.bbox.height());
    let (low, high) = (old_height.min(height), old_height.max(height));
    if object.votes.winner().0 != new.class || high > HEIGHT_FACTOR * low {
        return None;
    }
    let lost_s = time.since_us(object.seen) as f64 / 1e6;
    let last = object.centre(rules);
    let (vx, vy) = object.speed.unwrap_or((0.0, 0.0));
    // It may have slowed down or stopped: anywhere on the way to where its speed would have taken it.
    let mut ahead = last;
    ahead.x += vx * lost_s;
    ahead.y += vy * lost_s;
    let here = rules.anchor(Anchor::Centre, &new.bbox);
    let aside = distance(nearest(last, ahead, here), here);
    let share = aside / ((ASIDE + ASIDE_PER_S * lost_s) * high);
    (share <= 1.0).then_some(share)
}

/// Whether it was last seen going out of the picture.
fn is_leaving(object: &Object) -> bool {
    let Some((vx, vy)) = object.speed else { return false };
    let b = &object.bbox;
    (b.left < LEAVING && vx < 0.0)
        || (b.right > 1.0 - LEAVING && vx > 0.0)
        || (b.top < LEAVING && vy < 0.0)
        || (b.bottom > 1.0 - LEAVING && vy > 0.0)
}
