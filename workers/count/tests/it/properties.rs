//! What holds for every scene.

use camcount_domain::{Direction, Line, SegmentCounts, TrackedFrame};
use proptest::prelude::*;

use crate::scene::*;

/// Frames that print short.
#[derive(Clone)]
struct Crowd(Vec<TrackedFrame>);

impl std::fmt::Debug for Crowd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for frame in &self.0 {
            write!(f, "\n{}:", frame.time.0)?;
            for o in &frame.objects {
                write!(f, " {}@{:.3},{:.3}", o.track.0, (o.bbox.left + o.bbox.right) / 2.0, o.bbox.bottom)?;
            }
        }
        Ok(())
    }
}

/// A crowd: tracks that wander, vanish, come back and change their numbers, in frames that come unevenly.
fn crowd() -> impl Strategy<Value = Crowd> {
    let steps = prop_oneof![8 => Just(STEP_US), 2 => 30_000..400_000_i64, 1 => 1_900_000..9_000_000_i64];
    let walker =
        (0.1..0.9_f64, 0.1..0.9_f64, prop::collection::vec((-0.06..0.06_f64, -0.06..0.06_f64, 0..12_u8), 80));
    (prop::collection::vec(steps, 80), prop::collection::vec(walker, 1..5)).prop_map(|(steps, walkers)| {
        let mut frames: Vec<TrackedFrame> = Vec::new();
        let mut now = 0;
        for step in &steps {
            now += step;
            frames.push(frame(now, vec![]));
        }
        let mut next = 1;
        for (mut x, mut y, moves) in walkers {
            let mut track = next;
            next += 1;
            let mut seen = frames[0].time;
            for (at, (dx, dy, event)) in frames.iter_mut().zip(moves) {
                (x, y) = ((x + dx).clamp(0.0, 1.0), (y + dy).clamp(0.0, 1.0));
                // No tracker gives a number again to what it has not seen for so long.
                if at.time.since_us(seen) > 2_000_000 {
                    (track, next) = (next, next + 1);
                }
                match event {
                    0 | 1 => continue,
                    2 => (track, next) = (next, next + 1),
                    _ => {}
                }
                seen = at.time;
                at.objects.push(object(track, p(x, y)));
            }
        }
        for at in &mut frames {
            at.objects.sort_by_key(|o| o.track);
        }
        Crowd(frames)
    })
}

fn everything() -> camcount_count::Rules {
    let mut short = line(p(0.4, 0.3), p(0.6, 0.7));
    short.name = "short".into();
    let hall = zone(&[(0.3, 0.3), (0.8, 0.3), (0.8, 0.8), (0.3, 0.8)]);
    rules(vec![across(), short], vec![hall])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_anywhere_changes_nothing(Crowd(frames) in crowd(), cuts in prop::collection::vec(1..80_usize, 0..6)) {
        let rules = everything();
        let (whole, state) = count_cut(&rules, &frames, &[]);
        let (cut, resumed) = count_cut(&rules, &frames, &cuts);
        prop_assert_eq!(whole, cut);
        prop_assert_eq!(state, resumed, "byte for byte");
        let everywhere: Vec<usize> = (0..frames.len()).collect();
        prop_assert_eq!(count_cut(&rules, &frames, &everywhere), count_cut(&rules, &frames, &[]));
    }

    #[test]
    fn all_time_is_accounted_for(Crowd(frames) in crowd()) {
        let counts = count(&everything(), &frames);
        let sum: i64 = counts.coverage.iter().map(|c| c.observed_us + c.gap_us).sum();
        let span = frames[frames.len() - 1].time.plus_us(STEP_US).since_us(frames[0].time);
        prop_assert_eq!(sum, span);
        for zone in &counts.zones {
            let observed = counts.coverage.iter().find(|c| c.start == zone.start).map_or(0, |c| c.observed_us);
            prop_assert!(zone.occupied_us <= zone.occupancy_max * observed);
            prop_assert!(zone.occupied_us >= zone.occupancy_min * observed);
            prop_assert!(zone.stationary_us <= zone.occupied_us);
        }
        let entered = counts.zones.iter().map(|z| z.entered).sum::<i64>();
        prop_assert_eq!(entered, counts.visits.iter().filter(|v| v.saw_entry).count() as i64);
        let left = counts.zones.iter().map(|z| z.left).sum::<i64>();
        prop_assert_eq!(left, counts.visits.iter().filter(|v| v.saw_exit).count() as i64);
    }

    #[test]
    fn identities_are_given_once(Crowd(frames) in crowd()) {
        let counts = count(&everything(), &frames);
        let mut names: Vec<_> =
            counts.crossings.iter().map(|c| (c.line.clone(), c.track, c.direction, c.ordinal)).collect();
        let mut visits: Vec<_> = counts.visits.iter().map(|v| (v.track, v.ordinal)).collect();
        let (crossings_were, visits_were) = (names.len(), visits.len());
        names.sort();
        names.dedup();
        visits.sort();
        visits.dedup();
        prop_assert_eq!((names.len(), visits.len()), (crossings_were, visits_were));
    }

    #[test]
    fn jitter_on_a_line_counts_nothing(
        offsets in prop::collection::vec((-0.079..0.079_f64, -0.079..0.079_f64), 1..100),
        (ax, ay, bx, by) in (0.1..0.4_f64, 0.1..0.9_f64, 0.6..0.9_f64, 0.1..0.9_f64),
        share in 0.0..1.0_f64,
    ) {
        let at = p(ax + share * (bx - ax), ay + share * (by - ay));
        // Offsets along and across the line, in box heights; the picture is wider than high.
        let aspect = f64::from(SIZE.width) / f64::from(SIZE.height);
        let (dx, dy) = ((bx - ax) * aspect, by - ay);
        let length = (dx * dx + dy * dy).sqrt();
        let (ux, uy) = (dx / length, dy / length);
        let places: Vec<_> = offsets
            .iter()
            .map(|(along, aside)| {
                let (along, aside) = (along * HEIGHT, aside * HEIGHT);
                (at.x + (ux * along - uy * aside) / aspect, at.y + uy * along + ux * aside)
            })
            .collect();
        let counts = count(&rules(vec![line(p(ax, ay), p(bx, by))], vec![]), &path(&places));
        prop_assert_eq!(in_out(&counts), (0, 0));
    }

    #[test]
    fn in_less_out_is_the_change_of_side(
        from_above in any::<bool>(),
        to_above in any::<bool>(),
        between in prop::collection::vec((0.1..0.9_f64, 0.05..0.95_f64), 1..60),
    ) {
        let end = |above| (0.5, if above { 0.2 } else { 0.8 });
        let places = [vec![end(from_above); 3], between, vec![end(to_above); 3]].concat();
        let (ins, outs) = in_out(&count(&rules(vec![across()], vec![]), &path(&places)));
        prop_assert_eq!(ins as i64 - outs as i64, i64::from(from_above) - i64::from(to_above));
    }

    #[test]
    fn a_mirrored_scene_swaps_in_and_out(Crowd(frames) in crowd()) {
        let lines = || vec![line(p(0.5, 0.0), p(0.5, 1.0)), line(p(0.4, 0.3), p(0.6, 0.7))];
        let mirrored_lines: Vec<Line> = lines()
            .into_iter()
            .map(|l| Line { from: p(1.0 - l.from.x, l.from.y), to: p(1.0 - l.to.x, l.to.y), ..l })
            .collect();
        let mut mirrored = frames.clone();
        for object in mirrored.iter_mut().flat_map(|f| &mut f.objects) {
            (object.bbox.left, object.bbox.right) = (1.0 - object.bbox.right, 1.0 - object.bbox.left);
        }
        let one = count(&rules(lines(), vec![]), &frames);
        let other = count(&rules(mirrored_lines, vec![]), &mirrored);
        let key = |counts: &SegmentCounts, swap: bool| -> Vec<_> {
            counts.crossings.iter().map(|c| (c.track, (c.direction == Direction::In) != swap, c.ordinal)).collect()
        };
        prop_assert_eq!(key(&one, false), key(&other, true));
        let (ins, outs) = in_out(&one);
        prop_assert_eq!((outs, ins), in_out(&other));
    }

    #[test]
    fn a_fast_object_counts_once(
        start in 0.05..0.45_f64,
        stride in 0.25..0.5_f64,
        x in 0.1..0.9_f64,
        sway in -0.05..0.05_f64,
    ) {
        // More than its own height a frame, seen two to four times, and both places by the line clear of it.
        let places: Vec<_> =
            (0..5).map(|i| (x + sway * f64::from(i), start + stride * f64::from(i))).filter(|p| p.1 < 1.0).collect();
        prop_assume!(places.iter().all(|p| (p.1 - 0.5).abs() > 0.08 * HEIGHT));
        prop_assume!(places[places.len() - 1].1 > 0.5);
        prop_assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &path(&places))), (1, 0));
    }
}
