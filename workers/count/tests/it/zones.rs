//! Zones, visits and coverage.

use camcount_count::Counter;
use camcount_domain::{BUCKET_US, Continuity, MediaTime, SegmentCounts};

use crate::scene::*;

const HALL: [(f64, f64); 4] = [(0.3, 0.5), (0.7, 0.5), (0.7, 0.95), (0.3, 0.95)];

/// From above the hall into it, `stay` frames there, and out again.
fn through(stay: usize) -> Vec<(f64, f64)> {
    let down: Vec<_> = (0..10).map(|i| (0.5, 0.31 + 0.04 * f64::from(i))).collect();
    let up: Vec<_> = down.iter().rev().copied().collect();
    [down, vec![(0.5, 0.67); stay], up].concat()
}

#[test]
fn a_visit_from_entry_to_exit() {
    let counts = count(&rules(vec![], vec![zone(&HALL)]), &path(&through(40)));
    let [visit] = counts.visits.as_slice() else { panic!("{:?}", counts.visits) };
    assert!(visit.saw_entry && visit.saw_exit);
    assert_eq!((visit.entered, visit.left), (MediaTime(475_000), MediaTime(5_425_000)));
    // It stands within a quarter of its height from 0.8 s to 5.1 s; the first two seconds tell that it stands.
    assert!((2_000_000..2_600_000).contains(&visit.stationary_us), "{}", visit.stationary_us);
    let [bucket] = counts.zones.as_slice() else { panic!("{:?}", counts.zones) };
    assert_eq!((bucket.entered, bucket.left), (1, 1));
    assert_eq!((bucket.occupancy_min, bucket.occupancy_max), (0, 1));
    assert!((bucket.occupied_us - visit.left.since_us(visit.entered)).abs() <= 200_000);
    assert_eq!(bucket.stationary_us, visit.stationary_us);
}

#[test]
fn lingering_on_the_border_is_one_visit() {
    let mut places: Vec<_> = (0..10).map(|i| (0.5, 0.31 + 0.02 * f64::from(i))).collect();
    places.extend((0..50).map(|i| (0.5, if i % 2 == 0 { 0.49 } else { 0.51 })));
    places.extend([(0.5, 0.6); 5]);
    places.extend((0..51).map(|i| (0.5, if i % 2 == 0 { 0.49 } else { 0.51 })));
    let counts = count(&rules(vec![], vec![zone(&HALL)]), &path(&places));
    assert_eq!(counts.visits.len(), 1);
    assert!(counts.visits[0].saw_entry && !counts.visits[0].saw_exit);
}

#[test]
fn who_is_there_already_did_not_enter() {
    let counts = count(&rules(vec![], vec![zone(&HALL)]), &path(&[(0.5, 0.7); 30]));
    let [visit] = counts.visits.as_slice() else { panic!("{:?}", counts.visits) };
    assert!(!visit.saw_entry && !visit.saw_exit);
    assert_eq!((visit.entered, visit.left), (MediaTime(0), MediaTime(2_900_000)));
    assert_eq!(counts.zones.iter().map(|z| z.entered + z.left).sum::<i64>(), 0);
}

#[test]
fn grace_bridges_short_losses_only() {
    let go = |missed: usize| {
        let there = [Some(p(0.5, 0.7)); 10];
        let places = [&there[..], &vec![None; missed], &there[..]].concat();
        count(&rules(vec![], vec![zone(&HALL)]), &walk(&places))
    };
    assert_eq!(go(15).visits.len(), 1);
    let two = go(30);
    assert_eq!(two.visits.len(), 2);
    assert_eq!(two.visits[0].left, MediaTime(900_000), "when it was seen last");
    assert_eq!((two.visits[0].ordinal, two.visits[1].ordinal), (0, 1));
    assert!(!two.visits[0].saw_exit && !two.visits[1].saw_entry);
}

#[test]
fn a_zone_smaller_than_the_dead_band_still_has_an_inside() {
    let spot = zone(&[(0.49, 0.69), (0.51, 0.69), (0.51, 0.71), (0.49, 0.71)]);
    let places = [vec![(0.3, 0.7); 5], vec![(0.5, 0.7); 5], vec![(0.7, 0.7); 5]].concat();
    let counts = count(&rules(vec![], vec![spot]), &path(&places));
    assert_eq!(counts.visits.len(), 1);
    assert!(counts.visits[0].saw_entry && counts.visits[0].saw_exit);
}

#[test]
fn coverage_tells_gaps_from_silence() {
    let rules = rules(vec![], vec![zone(&HALL)]);
    let continuity = Continuity { interval_us: 100_000, gap_after_us: 2_000_000 };
    let mut out = SegmentCounts::default();
    let mut counter = Counter::new(MediaTime(0));
    for ms in [5_000, 5_100, 6_000, 20_000] {
        counter.step(&rules, &frame(ms * 1000, vec![]), 0, continuity, &mut out);
    }
    counter.finish(&rules, MediaTime(31_000_000), continuity, &mut out);
    let rows: Vec<_> =
        out.coverage.iter().map(|c| (c.start.0 / BUCKET_US, c.observed_us, c.gap_us)).collect();
    assert_eq!(
        rows,
        [(0, 1_100_000, 8_900_000), (1, 0, 10_000_000), (2, 100_000, 9_900_000), (3, 0, 1_000_000)]
    );
    assert!(out.zones.iter().all(|z| z.occupancy_max == 0 && z.start.0 / BUCKET_US != 1));
    assert_eq!(out.frames.len(), 4);
}

#[test]
fn footage_without_frames_is_a_gap() {
    let mut out = SegmentCounts::default();
    Counter::new(MediaTime(0)).finish(&rules(vec![], vec![]), MediaTime(3), CONTINUITY, &mut out);
    assert_eq!((out.coverage[0].observed_us, out.coverage[0].gap_us), (0, 3));
}

#[test]
fn a_frame_from_the_past_is_skipped() {
    let rules = rules(vec![across()], vec![]);
    let frames =
        [frame(1_000_000, vec![]), frame(900_000, vec![object(1, p(0.5, 0.7))]), frame(1_000_000, vec![])];
    assert_eq!(count(&rules, &frames).frames.len(), 1);
}
