//! The mistakes that counters make, one by one.

use camcount_domain::{Confidence, Direction, MediaTime, Point, Policy, TrackId};

use crate::scene::*;

#[test]
fn jitter_on_the_line_is_nobody() {
    let places: Vec<_> = (0..200).map(|i| (0.5, if i % 2 == 0 { 0.49 } else { 0.51 })).collect();
    assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &path(&places))), (0, 0));
}

#[test]
fn jitter_while_crossing_is_one() {
    let mut places = vec![(0.5, 0.3), (0.5, 0.4)];
    places.extend((0..39).map(|i| (0.5, if i % 2 == 0 { 0.51 } else { 0.49 })));
    places.extend([(0.5, 0.6), (0.5, 0.7)]);
    let counts = count(&rules(vec![across()], vec![]), &path(&places));
    assert_eq!(in_out(&counts), (1, 0));
    assert_eq!(counts.crossings[0].time, MediaTime(3_950_000), "the last meeting: only then did it stay");
}

#[test]
fn touching_the_line_and_going_back_is_nobody() {
    let places = [(0.5, 0.3), (0.5, 0.4), (0.5, 0.5), (0.5, 0.51), (0.5, 0.4), (0.5, 0.3)];
    assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &path(&places))), (0, 0));
}

#[test]
fn missed_frames_at_the_line_lose_nobody() {
    for missed in 1..=15 {
        let mut places = vec![Some(p(0.5, 0.3)), Some(p(0.5, 0.4))];
        places.extend(vec![None; missed]);
        places.extend([Some(p(0.5, 0.6)), Some(p(0.5, 0.7))]);
        let counts = count(&rules(vec![across()], vec![]), &walk(&places));
        assert_eq!(in_out(&counts), (1, 0), "{missed} missed");
        assert!(!counts.crossings[0].stitched);
    }
}

#[test]
fn walking_round_the_end_is_no_crossing() {
    let short = line(p(0.4, 0.5), p(0.6, 0.5));
    let round = [(0.5, 0.3), (0.7, 0.35), (0.8, 0.5), (0.7, 0.65), (0.5, 0.7), (0.5, 0.7)];
    let rules = rules(vec![short], vec![]);
    assert_eq!(in_out(&count(&rules, &path(&round))), (0, 0));

    let back_through =
        [(0.5, 0.3), (0.7, 0.35), (0.8, 0.5), (0.7, 0.65), (0.5, 0.7), (0.5, 0.6), (0.5, 0.4), (0.5, 0.3)];
    assert_eq!(in_out(&count(&rules, &path(&back_through))), (0, 1));
}

#[test]
fn the_walked_path_counts_and_not_its_chord() {
    // Round the end within the dead band: the chord between the confirmed places leads through the line, the
    // path does not; and the other way round.
    let short = line(p(0.4, 0.5), p(0.6, 0.5));
    let rules = rules(vec![short], vec![]);
    let round =
        [(0.58, 0.4), (0.58, 0.4), (0.58, 0.49), (0.61, 0.495), (0.61, 0.505), (0.58, 0.51), (0.58, 0.6)];
    assert_eq!(in_out(&count(&rules, &path(&round))), (0, 0));
    let through = [(0.7, 0.4), (0.7, 0.4), (0.59, 0.49), (0.59, 0.51), (0.7, 0.6)];
    assert_eq!(in_out(&count(&rules, &path(&through))), (1, 0));
}

#[test]
fn in_out_in_is_three() {
    let down: Vec<_> = (0..10).map(|i| (0.5, 0.3 + 0.04 * f64::from(i))).collect();
    let up: Vec<_> = down.iter().rev().copied().collect();
    let there_and_back = [down.clone(), up, down].concat();
    let count_by = |policy| {
        let mut line = across();
        line.policy = policy;
        count(&rules(vec![line], vec![]), &path(&there_and_back))
    };
    let every = count_by(Policy::Every);
    assert_eq!(in_out(&every), (2, 1));
    let ordinals: Vec<_> = every.crossings.iter().map(|c| (c.direction, c.ordinal)).collect();
    assert_eq!(ordinals, [(Direction::In, 0), (Direction::Out, 0), (Direction::In, 1)]);
    assert_eq!(in_out(&count_by(Policy::Once)), (1, 0));
    assert_eq!(in_out(&count_by(Policy::CooldownMs(1_500))), (2, 0), "crossings at 0.45, 1.45 and 2.45 s");
}

#[test]
fn an_anchor_exactly_on_the_line_is_on_its_way() {
    let over = [(0.5, 0.25), (0.5, 0.375), (0.5, 0.5), (0.5, 0.625), (0.5, 0.75)];
    let counts = count(&rules(vec![across()], vec![]), &path(&over));
    assert_eq!(in_out(&counts), (1, 0));
    assert_eq!(counts.crossings[0].time, MediaTime(200_000));
    let resting = [(0.5, 0.25), (0.5, 0.375), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.375), (0.5, 0.25)];
    assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &path(&resting))), (0, 0));
    let along = [(0.2, 0.25), (0.2, 0.5), (0.5, 0.5), (0.8, 0.5), (0.8, 0.75), (0.8, 0.75)];
    assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &path(&along))), (1, 0));
}

#[test]
fn a_track_number_that_switches_at_the_line_loses_nobody() {
    for switch in 1..10 {
        let objects = (0..10).map(|i| object(if i < switch { 1 } else { 2 }, p(0.5, 0.3 + 0.04 * i as f64)));
        let frames: Vec<_> = objects.enumerate().map(|(i, o)| frame(i as i64 * STEP_US, vec![o])).collect();
        let counts = count(&rules(vec![across()], vec![]), &frames);
        assert_eq!(in_out(&counts), (1, 0), "switch at {switch}");
        assert_eq!(counts.crossings[0].track, TrackId(1));
    }
}

#[test]
fn a_crossing_that_needed_the_join_says_so() {
    let track = |i: i64| if i < 6 { 1 } else { 2 };
    let at = |i: i64| p(0.5, 0.3 + 0.04 * i as f64);
    // Not seen while it goes over the line at 0.5.
    let seen = |i: &i64| !(4..8).contains(i);
    let frames: Vec<_> =
        (0..14).filter(seen).map(|i| frame(i * STEP_US, vec![object(track(i), at(i))])).collect();
    let counts = count(&rules(vec![across()], vec![]), &frames);
    assert_eq!(in_out(&counts), (1, 0));
    assert!(counts.crossings[0].stitched);

    // Long joined before it comes near the line.
    let frames: Vec<_> =
        (0..30).map(|i| frame(i * STEP_US, vec![object(track(i), p(0.5, 0.2 + 0.015 * i as f64))])).collect();
    let counts = count(&rules(vec![across()], vec![]), &frames);
    assert_eq!(in_out(&counts), (1, 0));
    assert!(!counts.crossings[0].stitched);
}

#[test]
fn a_wrong_join_is_undone_when_the_track_comes_back() {
    // Track 1 hides at 0.4 when track 2 appears beside it and walks over the line; then 1 comes back.
    let mut frames = Vec::new();
    for i in 0..20 {
        let mut objects = Vec::new();
        if !(5..12).contains(&i) {
            objects.push(object(1, p(0.5, 0.4)));
        }
        if i >= 6 {
            objects.push(object(2, p(0.52, 0.4 + 0.03 * (i - 6) as f64)));
        }
        frames.push(frame(i * STEP_US, objects));
    }
    let counts = count(&rules(vec![across()], vec![]), &frames);
    assert_eq!(in_out(&counts), (1, 0));
}

#[test]
fn strangers_are_not_joined() {
    let go = |far: Point, class: u16, after: i64| {
        let mut frames: Vec<_> = (0..5).map(|i| frame(i * STEP_US, vec![object(1, p(0.5, 0.46))])).collect();
        for i in 0..5 {
            let mut other = object(2, far);
            other.class = class;
            frames.push(frame((5 + after + i) * STEP_US, vec![other]));
        }
        in_out(&count(&rules(vec![across()], vec![]), &frames))
    };
    assert_eq!(go(p(0.5, 0.54), 0, 0), (1, 0), "the same, a step on");
    assert_eq!(go(p(0.5, 0.54), 1, 0), (0, 0), "another class");
    assert_eq!(go(p(0.5, 0.9), 0, 0), (0, 0), "too far");
    assert_eq!(go(p(0.5, 0.54), 0, 30), (0, 0), "too late");
}

#[test]
fn both_directions_of_a_diagonal() {
    let diagonal = line(p(0.2, 0.2), p(0.8, 0.8));
    let to_the_left = [(0.7, 0.4), (0.65, 0.42), (0.6, 0.45), (0.4, 0.55), (0.35, 0.58), (0.3, 0.6)];
    let to_the_right: Vec<_> = to_the_left.iter().rev().copied().collect();
    let rules = rules(vec![diagonal], vec![]);
    assert_eq!(in_out(&count(&rules, &path(&to_the_left))), (1, 0));
    assert_eq!(in_out(&count(&rules, &path(&to_the_right))), (0, 1));
}

#[test]
fn a_fast_object_counts_although_the_line_is_where_it_appears() {
    let rules = rules(vec![across()], vec![]);
    assert_eq!(in_out(&count(&rules, &path(&[(0.5, 0.2), (0.5, 0.45), (0.5, 0.7)]))), (1, 0));
    assert_eq!(in_out(&count(&rules, &path(&[(0.5, 0.45), (0.5, 0.7), (0.5, 0.95)]))), (1, 0));
    assert_eq!(in_out(&count(&rules, &path(&[(0.5, 0.2), (0.5, 0.8)]))), (1, 0));
}

#[test]
fn who_appears_at_the_line_and_slowly_goes_over_it_counts_once_he_is_far() {
    let rules = rules(vec![across()], vec![]);
    // From 0.1 heights before the line to 0.12 beyond, and there for a second: may be jitter.
    let mut places = vec![(0.5, 0.48), (0.5, 0.49), (0.5, 0.51)];
    places.extend([(0.5, 0.524); 10]);
    assert_eq!(in_out(&count(&rules, &path(&places))), (0, 0));
    let back = [&places[..], &[(0.5, 0.48), (0.5, 0.45), (0.5, 0.3)]].concat();
    assert_eq!(in_out(&count(&rules, &path(&back))), (0, 0));
    places.extend([(0.5, 0.54), (0.5, 0.6)]);
    let counts = count(&rules, &path(&places));
    assert_eq!((in_out(&counts), counts.crossings[0].time), ((1, 0), MediaTime(150_000)));
}

#[test]
fn who_is_seen_last_just_over_the_line_went_over_it() {
    let rules = rules(vec![across()], vec![]);
    let over = [(0.5, 0.4), (0.5, 0.43), (0.5, 0.46), (0.5, 0.49), (0.5, 0.52)];
    let mut frames = path(&over);
    assert_eq!(in_out(&count(&rules, &frames)), (1, 0), "the footage ends");
    frames.extend((5..100).map(|i| frame(i * STEP_US, vec![])));
    let counts = count(&rules, &frames);
    assert_eq!((in_out(&counts), counts.crossings[0].time), ((1, 0), MediaTime(333_333)), "he is gone");
    let touched = [&over[..4], &[(0.5, 0.51)]].concat();
    assert_eq!(in_out(&count(&rules, &path(&touched))), (0, 0), "within the dead band");
}

#[test]
fn a_line_to_the_border_has_no_way_round_it() {
    // The feet are cut off by the lower border, and lie on it.
    let upright = line(p(0.5, 0.0), p(0.5, 1.0));
    let along_the_border: Vec<_> = (0..10).map(|i| (0.3 + 0.04 * f64::from(i), 1.000_000_001)).collect();
    assert_eq!(in_out(&count(&rules(vec![upright], vec![]), &path(&along_the_border))), (0, 1));
}

#[test]
fn little_travel_is_no_crossing_until_it_is_more() {
    let mut strict = across();
    strict.min_travel = 1.0;
    let rules = rules(vec![strict], vec![]);
    let shift = |n: i32| (0..n).map(|i| (0.5, 0.45 + 0.02 * f64::from(i))).collect::<Vec<_>>();
    assert_eq!(in_out(&count(&rules, &path(&shift(9)))), (0, 0), "0.8 heights");
    let counts = count(&rules, &path(&shift(14)));
    assert_eq!(in_out(&counts), (1, 0));
    assert!((250_000..=250_001).contains(&counts.crossings[0].time.0));
}

#[test]
fn the_class_is_the_vote_and_lines_choose_by_it() {
    let mut frames = path(&(0..12).map(|i| (0.5, 0.3 + 0.04 * f64::from(i))).collect::<Vec<_>>());
    for (i, frame) in frames.iter_mut().enumerate() {
        let object = &mut frame.objects[0];
        (object.class, object.confidence) =
            if i % 3 == 0 { (2, Confidence(6_000)) } else { (1, Confidence(9_000)) };
    }
    let mut trucks = across();
    trucks.name = "trucks".into();
    trucks.classes = vec!["truck".into()];
    let mut cars = across();
    cars.classes = vec!["car".into()];
    let counts = count(&rules(vec![trucks, cars], vec![]), &frames);
    assert_eq!(counts.crossings.len(), 1);
    let crossing = &counts.crossings[0];
    assert_eq!((crossing.class.as_str(), crossing.line.as_str()), ("car", "line"));
    assert_eq!(crossing.confidence, Confidence(9_000));
    assert_eq!(counts.lines[0].class, "car");
}

#[test]
fn a_forgotten_track_has_no_side() {
    let mut frames = path(&[(0.5, 0.3), (0.5, 0.3), (0.5, 0.3)]);
    frames.extend((0..5).map(|i| frame(60_000_000 + i * STEP_US, vec![object(1, p(0.5, 0.7))])));
    assert_eq!(in_out(&count(&rules(vec![across()], vec![]), &frames)), (0, 0));
}

#[test]
fn a_track_number_that_switches_for_hours_fills_no_memory() {
    let frames = |n: i64| -> Vec<_> {
        (0..n).map(|i| frame(i * STEP_US, vec![object(1 + i as u64 / 5, p(0.5, 0.4))])).collect()
    };
    let rules = rules(vec![across()], vec![zone(&[(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)])]);
    let size = |n| count_cut(&rules, &frames(n), &[]).1.len();
    assert!(size(10_000) < size(500) + 100, "{} after {}", size(10_000), size(500));
    assert_eq!(count(&rules, &frames(10_000)).visits.len(), 1, "one object all the time");
}

#[test]
fn numbers_that_come_back_in_any_order_stay_apart() {
    // 1, 2 and 3 carry on one another; then they come back one by one.
    for order in [[1, 2, 3], [2, 1, 3], [3, 2, 1], [2, 3, 1], [1, 3, 2], [3, 1, 2]] {
        let mut frames: Vec<_> =
            (0..12).map(|i| frame(i * STEP_US, vec![object(1 + i as u64 / 4, p(0.5, 0.4))])).collect();
        for i in 0..20_i64 {
            let back = order.iter().take(1 + i as usize / 4);
            let y = 0.4 + 0.01 * i as f64;
            frames.push(frame((12 + i) * STEP_US, back.map(|&t| object(t, p(0.2 * t as f64, y))).collect()));
        }
        let counts = count(&rules(vec![across()], vec![]), &frames);
        let tracks: std::collections::BTreeSet<_> = counts.crossings.iter().map(|c| c.track).collect();
        assert_eq!((in_out(&counts), tracks.len()), ((3, 0), 3), "{order:?}");
    }
}
