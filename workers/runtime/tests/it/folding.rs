//! The fold: how footage is cut changes nothing.

use camcount_domain::{
    BBox, Confidence, Continuity, DetectedFrame, Detection, FrameSize, GRID, MediaSpan, MediaTime,
    SegmentCounts,
};
use camcount_runtime::{Fold, FoldRules};
use proptest::prelude::*;

use crate::{
    bench::{SECOND_US, rules, seconds},
    tally::Tally,
};

const SIZE: FrameSize = FrameSize { width: 640, height: 360 };
const INTERVAL_US: i64 = 100_000;

fn fold_rules(range: MediaSpan) -> FoldRules {
    let classes = ["person".to_owned(), "car".to_owned()];
    FoldRules::new(rules(), &classes, SIZE, Continuity::of(INTERVAL_US, INTERVAL_US), range)
}

/// Somebody at `x` (0..1), standing on `y`.
pub(crate) fn somebody(x: f64, y: f64) -> Detection {
    let grid = |unit: f64| ((unit * f64::from(GRID)) as i32).clamp(0, GRID);
    let bbox = BBox { left: grid(x - 0.04), top: grid(y - 0.3), right: grid(x + 0.04), bottom: grid(y) };
    Detection { bbox, class: 0, confidence: Confidence(9_000) }
}

/// Two who walk to and fro, and one who stands; a frame each tenth of a second.
pub(crate) fn street(frames: std::ops::Range<i64>) -> Vec<DetectedFrame> {
    let sway = |n: i64, period: i64| {
        let phase = n.rem_euclid(2 * period);
        0.1 + 0.8 * phase.min(2 * period - phase) as f64 / period as f64
    };
    frames
        .map(|n| DetectedFrame {
            time: MediaTime(n * INTERVAL_US),
            detections: vec![somebody(sway(n, 40), 0.5), somebody(sway(n + 25, 33), 0.9), somebody(0.6, 0.7)],
        })
        .collect()
}

/// Folds `pieces` one after the other, with the state in bytes in between.
fn fold_in_pieces(pieces: &[&[DetectedFrame]], end: MediaTime) -> (Tally, Vec<u8>) {
    let rules = fold_rules(MediaSpan::ALL);
    let mut state = Fold::new(MediaTime(0)).to_bytes().unwrap();
    let mut all = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut fold = Fold::from_bytes(&state).unwrap();
        let mut counts = SegmentCounts::default();
        piece.iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
        if index + 1 == pieces.len() {
            fold.finish(&rules, end, &mut counts);
        }
        state = fold.to_bytes().unwrap();
        all.push(counts);
    }
    (Tally::of(all), state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_change_nothing(
        frames in prop::collection::vec(
            (1i64..4_000_000, prop::collection::vec((0.0f64..1.0, 0.3f64..1.0, 0u16..3, 1_000u16..10_000), 0..4)),
            1..120,
        ),
        cuts in prop::collection::vec(0usize..120, 0..12),
        calm in any::<bool>(),
    ) {
        // Either wild detections at wild times, or people who walk.
        let mut time = MediaTime(0);
        let frames: Vec<_> = if calm { street(0..frames.len() as i64 * 2) } else {
            frames.into_iter().map(|(after, found)| {
                time = time.plus_us(after);
                let detections = found.into_iter().map(|(x, y, class, confidence)| Detection {
                    class, confidence: Confidence(confidence), ..somebody(x, y)
                });
                DetectedFrame { time, detections: detections.collect() }
            }).collect()
        };
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(frames.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([frames.len()]) {
            pieces.push(&frames[from..cut]);
            from = cut;
        }
        let end = frames.last().unwrap().time.plus_us(INTERVAL_US);
        prop_assert_eq!(fold_in_pieces(&pieces, end), fold_in_pieces(&[&frames], end));
    }
}

#[test]
fn the_street_is_counted() {
    let frames = street(0..600);
    let (tally, _) = fold_in_pieces(&[&frames], seconds(60));
    assert!(tally.crossings.len() >= 20, "{}", tally.crossings.len());
    assert!(!tally.visits.is_empty() && !tally.zones.is_empty());
    assert_eq!(tally.covered_us(), (60 * SECOND_US, 0));
}

#[test]
fn frames_out_of_range_or_order_add_nothing() {
    let (frames, end) = (street(0..300), seconds(30));
    let range = MediaSpan { start: seconds(5), end: seconds(20) };
    let rules = fold_rules(range);
    let fold_all = |frames: &[DetectedFrame]| {
        let (mut fold, mut counts) = (Fold::new(range.start), SegmentCounts::default());
        frames.iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
        fold.finish(&rules, end, &mut counts);
        (Tally::of([counts]), fold.to_bytes().unwrap())
    };
    let within: Vec<_> = frames.iter().filter(|frame| range.contains(frame.time)).cloned().collect();
    let expected = fold_all(&within);
    assert_eq!(expected.0.covered_us(), (15 * SECOND_US, 0), "what is after the range is no gap");
    assert_eq!(fold_all(&frames), expected);
    // Every frame again, once at once and once after two more.
    let stuttering: Vec<_> = within
        .windows(3)
        .flat_map(|w| [w[0].clone(), w[0].clone(), w[1].clone(), w[2].clone(), w[0].clone()])
        .collect();
    assert_eq!(fold_all(&stuttering), expected);
}

#[test]
fn a_range_that_ends_before_its_last_segment_counts_nothing_there() {
    let range = MediaSpan { start: seconds(0), end: seconds(10) };
    let rules = fold_rules(range);
    let counts_of = |frames: &[DetectedFrame], start: MediaTime, end: MediaTime| {
        let (mut fold, mut counts) = (Fold::new(start), SegmentCounts::default());
        frames.iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
        fold.finish(&rules, end, &mut counts);
        Tally::of([counts])
    };
    let street = street(0..300);
    let whole = counts_of(&street[..100], seconds(0), seconds(10));
    assert_eq!(counts_of(&street, seconds(0), seconds(30)), whole);
    // Also where all of the footage begins after it.
    assert_eq!(counts_of(&street[200..], seconds(20), seconds(30)), Tally::default());
}

#[test]
fn lost_footage_is_a_gap_however_short() {
    let rules = fold_rules(MediaSpan::ALL);
    let frames = street(0..40);
    let gap_us = |before: usize, after: usize| {
        let (mut fold, mut counts) = (Fold::new(seconds(0)), SegmentCounts::default());
        frames[..before].iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
        fold.lose();
        let state = fold.to_bytes().unwrap();
        let mut fold = Fold::from_bytes(&state).unwrap();
        frames[after..].iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
        fold.finish(&rules, seconds(4), &mut counts);
        let (observed_us, gap_us) = Tally::of([counts]).covered_us();
        assert_eq!(observed_us + gap_us, 4 * SECOND_US);
        gap_us
    };
    assert_eq!(gap_us(10, 15), 5 * INTERVAL_US);
    assert_eq!(gap_us(0, 15), 15 * INTERVAL_US);
    assert_eq!(gap_us(30, 40), 10 * INTERVAL_US);
}

#[test]
fn states_of_other_versions_are_refused() {
    let rules = fold_rules(MediaSpan::ALL);
    let mut fold = Fold::new(MediaTime(0));
    street(0..50).iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut SegmentCounts::default())));
    let state = fold.to_bytes().unwrap();
    assert_eq!(Fold::from_bytes(&state).unwrap(), fold);

    let mut other = state.clone();
    other[0] = other[0].wrapping_add(1);
    let longer = [&state[..], &[0]].concat();
    for bad in [&other[..], &state[..state.len() - 1], &longer, &state[..1], &[]] {
        let error = Fold::from_bytes(bad).unwrap_err().to_string();
        assert!(error.contains("another version of camcount; recount"), "{error}");
    }
}
