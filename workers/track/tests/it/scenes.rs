//! Made-up scenes: who keeps his number, and who must not.

use std::collections::BTreeSet;

use camcount_domain::{BBox, Confidence, DetectedFrame, Detection, FrameSize, GRID, MediaTime, TrackId};
use camcount_track::Tracker;
use proptest::prelude::*;

const SIZE: FrameSize = FrameSize { width: 1600, height: 900 };

/// A detection with its centre at `x, y`, as shares of the picture.
fn det(x: f64, y: f64, w: f64, h: f64) -> Detection {
    let grid = |v: f64| ((v * f64::from(GRID)).round() as i32).clamp(0, GRID);
    let bbox = BBox {
        left: grid(x - w / 2.0),
        top: grid(y - h / 2.0),
        right: grid(x + w / 2.0),
        bottom: grid(y + h / 2.0),
    };
    Detection { bbox, class: 0, confidence: Confidence(8_000) }
}

fn person(x: f64, y: f64) -> Detection {
    det(x, y, 0.04, 0.2)
}

/// The numbers seen in each frame, for frames at these times (ms).
fn ids(frames: &[(i64, Vec<Detection>)]) -> Vec<Vec<u64>> {
    let mut tracker = Tracker::default();
    frames
        .iter()
        .map(|(ms, detections)| {
            let frame = DetectedFrame { time: MediaTime(ms * 1000), detections: detections.clone() };
            tracker.step(&frame, SIZE).objects.iter().map(|o| o.track.0).collect()
        })
        .collect()
}

/// All numbers that were given.
fn given(frames: &[(i64, Vec<Detection>)]) -> BTreeSet<u64> {
    ids(frames).into_iter().flatten().collect()
}

#[test]
fn a_walker_keeps_his_number_at_any_rate() {
    for interval_ms in [33, 67, 100, 200, 500, 1_000] {
        // One height (0.2) a second, as people walk, for five seconds.
        let frames: Vec<_> = (0..)
            .map(|i| i * interval_ms)
            .take_while(|&ms| ms <= 5_000)
            .map(|ms| (ms, vec![person(0.1 + 0.1125 * ms as f64 / 1000.0, 0.5)]))
            .collect();
        assert_eq!(given(&frames), BTreeSet::from([1]), "every {interval_ms} ms");
        assert_eq!(ids(&frames)[0], [1], "from the first frame on");
    }
}

#[test]
fn a_short_occlusion_keeps_the_number_and_a_long_absence_does_not() {
    let away = |missed_ms: i64| {
        let mut frames: Vec<_> =
            (0..10).map(|i| (i * 100, vec![person(0.1 + 0.01 * i as f64, 0.5)])).collect();
        let back_ms = 900 + missed_ms;
        frames.extend((1_000..back_ms).step_by(100).map(|ms| (ms, vec![])));
        frames.extend(
            (0..5).map(|i| (back_ms + i * 100, vec![person(0.1 + (back_ms + i * 100) as f64 * 1e-4, 0.5)])),
        );
        given(&frames).len()
    };
    assert_eq!(away(500), 1);
    assert_eq!(away(1_500), 1);
    assert_eq!(away(2_500), 2);
}

#[test]
fn two_who_pass_each_other_keep_their_numbers() {
    let at = |i: i64| 0.3 + 0.02 * i as f64;
    let frames: Vec<_> =
        (0..21).map(|i| (i * 100, vec![person(at(i), 0.5), person(1.0 - at(i), 0.53)])).collect();
    let mut tracker = Tracker::default();
    for (ms, detections) in frames {
        let seen = tracker.step(&DetectedFrame { time: MediaTime(ms * 1000), detections }, SIZE);
        let first = seen.objects.iter().find(|o| o.track == TrackId(1)).unwrap();
        let centre = (first.bbox.left + first.bbox.right) / 2.0;
        assert!((centre - at(ms / 100)).abs() < 1e-3, "at {ms} ms");
    }
}

#[test]
fn a_fast_car_seen_three_times_is_one_track() {
    // Two to three of its own widths a frame.
    for stride in [0.2, 0.25, 0.3] {
        let frames: Vec<_> =
            (0..3).map(|i| (i * 100, vec![det(0.15 + stride * i as f64, 0.6, 0.1, 0.1)])).collect();
        assert_eq!(ids(&frames), [[1], [1], [1]], "stride {stride}");
    }
}

#[test]
fn cars_that_follow_each_other_fast_are_not_mixed_up() {
    // Half a picture apart, 0.15 a frame; each is seen six times.
    let mut frames = Vec::new();
    for i in 0..20_i64 {
        let xs = (-2..7)
            .map(|car| 0.15 * i as f64 - 0.5 * f64::from(car) - 0.4)
            .filter(|x| (0.06..0.94).contains(x));
        frames.push((i * 100, xs.map(|x| det(x, 0.6, 0.1, 0.1)).collect::<Vec<_>>()));
    }
    let objects: BTreeSet<i64> = (0..20_i64)
        .flat_map(|i| (-2..7).map(move |car| (car, 0.15 * i as f64 - 0.5 * car as f64 - 0.4)))
        .filter(|(_, x)| (0.06..0.94).contains(x))
        .map(|(car, _)| car)
        .collect();
    assert_eq!(given(&frames).len(), objects.len());
}

#[test]
fn a_car_that_flickers_to_a_truck_is_one_track() {
    let frames: Vec<_> = (0..10)
        .map(|i| {
            let mut car = det(0.2 + 0.02 * i as f64, 0.5, 0.2, 0.2);
            car.class = if i % 3 == 2 { 7 } else { 2 };
            (i * 100, vec![car])
        })
        .collect();
    assert_eq!(given(&frames), BTreeSet::from([1]));
}

#[test]
fn one_object_reported_as_two_classes_is_one_track() {
    let frames: Vec<_> = (0..10)
        .map(|i| {
            let car = det(0.2 + 0.02 * i as f64, 0.5, 0.2, 0.2);
            (
                i * 100,
                vec![
                    Detection { class: 2, ..car },
                    Detection { class: 7, confidence: Confidence(5_000), ..car },
                ],
            )
        })
        .collect();
    assert_eq!(given(&frames), BTreeSet::from([1]));
}

#[test]
fn an_unsure_start_waits_for_a_second_look() {
    let unsure = |x: f64| Detection { confidence: Confidence(4_500), ..person(x, 0.5) };
    assert_eq!(
        ids(&[(0, vec![unsure(0.5)]), (100, vec![]), (500, vec![unsure(0.8)])]),
        [[], [], [] as [u64; 0]]
    );
    assert_eq!(ids(&[(0, vec![unsure(0.5)]), (100, vec![unsure(0.505)])]), [vec![], vec![1]]);
}

#[test]
fn faint_detections_continue_tracks_and_start_one_only_when_they_persist() {
    let faint = |x: f64| Detection { confidence: Confidence(2_000), ..person(x, 0.5) };
    assert_eq!(ids(&[(0, vec![person(0.5, 0.5)]), (100, vec![faint(0.5)])]), [[1], [1]]);
    // Not seen in every frame, and walking.
    let steps = [(0, 0.5), (100, 0.51), (300, 0.53), (400, 0.54), (500, 0.55)];
    let frames: Vec<_> = steps.iter().map(|&(ms, x)| (ms, vec![faint(x)])).collect();
    assert_eq!(ids(&frames), [vec![], vec![], vec![], vec![1], vec![1]]);
    let here_and_there: Vec<_> =
        (0..20).map(|i| (i * 100, vec![faint([0.1, 0.3, 0.5, 0.7, 0.9][i as usize % 5])])).collect();
    assert_eq!(given(&here_and_there), BTreeSet::new());
    let fainter = |x: f64| Detection { confidence: Confidence(1_900), ..person(x, 0.5) };
    assert_eq!(given(&(0..20).map(|i| (i * 100, vec![fainter(0.5)])).collect::<Vec<_>>()), BTreeSet::new());
}

#[test]
fn faint_parts_of_an_object_that_is_seen_are_no_objects() {
    let part = Detection { confidence: Confidence(3_900), ..det(0.5, 0.45, 0.04, 0.1) };
    let frames: Vec<_> = (0..10).map(|i| (i * 100, vec![person(0.5, 0.5), part])).collect();
    assert_eq!(given(&frames), BTreeSet::from([1]));
}

#[test]
fn nonsense_is_survived() {
    let empty = Detection { bbox: BBox { left: 9, top: 9, right: 9, bottom: 9 }, ..person(0.5, 0.5) };
    let turned = Detection { bbox: BBox { left: 90, top: 90, right: 9, bottom: 9 }, ..person(0.5, 0.5) };
    let mut tracker = Tracker::default();
    for time in [5, 5, 3, i64::MAX, i64::MIN, 0] {
        let frame =
            DetectedFrame { time: MediaTime(time), detections: vec![empty, turned, person(0.5, 0.5)] };
        let seen = tracker.step(&frame, FrameSize { width: 0, height: 0 });
        assert_eq!(seen.objects.len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_resumed_tracker_is_the_same_byte_for_byte(
        frames in prop::collection::vec(
            (20..900_i64, prop::collection::vec((0.1..0.9_f64, 0.1..0.9_f64, 500..9_999_u16, 0..2_u16), 0..6)),
            1..40,
        ),
        cut in 0..40_usize,
    ) {
        let (mut one, mut other, mut ms) = (Tracker::default(), Tracker::default(), 0);
        for (index, (step, detections)) in frames.into_iter().enumerate() {
            ms += step;
            let detections = detections
                .into_iter()
                .map(|(x, y, c, class)| Detection { confidence: Confidence(c), class, ..person(x, y) })
                .collect();
            let frame = DetectedFrame { time: MediaTime(ms * 1000), detections };
            if index == cut {
                other = postcard::from_bytes(&postcard::to_stdvec(&other).unwrap()).unwrap();
            }
            let (seen, again) = (one.step(&frame, SIZE), other.step(&frame, SIZE));
            prop_assert!(seen.objects.is_sorted_by(|a, b| a.track < b.track));
            prop_assert_eq!(seen, again);
        }
        prop_assert_eq!(postcard::to_stdvec(&one).unwrap(), postcard::to_stdvec(&other).unwrap());
    }
}
