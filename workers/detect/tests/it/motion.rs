//! Motion before a static background: drawn scenes with known boxes, and real footage.

use std::sync::Arc;

use camcount_detect::{Backdrop, Detect, DetectError, MotionDetector};
use camcount_domain::{BoxF, DetectedFrame, Frame, FrameSize, MediaSpan, MediaTime};

use super::{
    Score, footage,
    layouts::{INTERVAL_US, SOURCE, VIDEO, people},
    overlap,
};

/// The camera's picture; the detector's is 384 pixels wide and 216 high of it.
const CAMERA: FrameSize = FrameSize { width: 768, height: 432 };
const WIDTH: usize = 384;
const HEIGHT: usize = 216;

/// Left, top, width, height in the detector's pixels, and a level.
type Thing = (usize, usize, usize, usize, u8);

/// Numbers that look random and are the same everywhere (a linear congruence: Knuth's MMIX constants).
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |sides| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    }
}

/// A textured street with things on it, with noise of ±`noise` levels, in light of `gain` percent.
fn draw(things: &[Thing], seed: u64, noise: u64, gain: i64) -> Frame {
    let mut roll = dice(seed);
    let mut data = vec![0; WIDTH * WIDTH];
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let texture = 90 + (x * 7 + y * 13) % 23 + if (x / 40 + y / 30) % 2 == 0 { 30 } else { 0 };
            let inside = |t: &&Thing| (t.0..t.0 + t.2).contains(&x) && (t.1..t.1 + t.3).contains(&y);
            let level = things.iter().rev().find(inside).map_or(texture as i64, |t| i64::from(t.4));
            let grain = roll(2 * noise + 1) as i64 - noise as i64;
            data[y * WIDTH + x] = (level * gain / 100 + grain).clamp(0, 255) as u8;
        }
    }
    Frame { time: MediaTime(seed as i64), data: data.into() }
}

/// The street as it is when people pass by: every sample has somebody, nobody stays.
fn backdrop(noise: u64) -> Arc<Backdrop> {
    let samples: Vec<Frame> =
        (0..21).map(|n| draw(&[(n * 17, 40 + n * 5, 12, 30, 20)], 100 + n as u64, noise, 100)).collect();
    Arc::new(Backdrop::median(&samples).unwrap())
}

fn look(frame: Frame, backdrop: &Arc<Backdrop>) -> DetectedFrame {
    MotionDetector::new().submit(frame, CAMERA, Some(Arc::clone(backdrop))).wait().unwrap()
}

fn unit(thing: &Thing) -> BoxF {
    let (w, h) = (WIDTH as f64, HEIGHT as f64);
    let (left, top) = (thing.0 as f64 / w, thing.1 as f64 / h);
    BoxF { left, top, right: left + thing.2 as f64 / w, bottom: top + thing.3 as f64 / h }
}

/// People from 10x26 pixels to 18x48, and cars; two pass close to each other.
const STREET: [Thing; 6] = [
    (40, 60, 10, 26, 30),
    (100, 100, 18, 48, 200),
    (125, 104, 17, 46, 40),
    (200, 30, 54, 24, 220),
    (270, 120, 60, 27, 35),
    (360, 20, 12, 30, 180),
];

fn assert_found(seen: &DetectedFrame, things: &[Thing]) {
    assert_eq!(seen.detections.len(), things.len(), "{seen:?}");
    for thing in things {
        let best = seen.detections.iter().max_by(|a, b| {
            overlap(a.bbox.into(), unit(thing)).total_cmp(&overlap(b.bbox.into(), unit(thing)))
        });
        let best = best.unwrap();
        let share = overlap(best.bbox.into(), unit(thing));
        assert!(share >= 0.5, "{thing:?} overlaps by {share:.2} only");
        assert_eq!(best.class, u16::from(thing.2 > thing.3), "{thing:?}");
        assert!(best.confidence.0 >= 6000, "{thing:?}: {:?}", best.confidence);
    }
}

#[test]
fn known_boxes_are_found() {
    let backdrop = backdrop(3);
    assert_found(&look(draw(&STREET, 1, 3, 100), &backdrop), &STREET);
    assert_found(&look(draw(&[], 2, 3, 100), &backdrop), &[]);
}

#[test]
fn light_may_change() {
    let backdrop = backdrop(3);
    for gain in [70, 85, 120, 140] {
        assert_found(&look(draw(&STREET, 3, 3, gain), &backdrop), &STREET);
        assert_found(&look(draw(&[], 4, 3, gain), &backdrop), &[]);
    }
}

#[test]
fn noise_is_no_motion() {
    let backdrop = backdrop(12);
    assert_found(&look(draw(&[], 5, 12, 100), &backdrop), &[]);
    assert_found(&look(draw(&STREET, 6, 12, 100), &backdrop), &STREET);
}

#[test]
fn when_everything_moves_nothing_is_claimed() {
    let mut moved = draw(&[], 7, 3, 100);
    moved.data.rotate_left(41 * WIDTH + 57);
    assert_eq!(look(moved, &backdrop(3)).detections, []);
}

#[test]
fn the_same_frame_gives_the_same_boxes() {
    let backdrop = backdrop(3);
    let frame = || draw(&STREET, 8, 3, 100);
    assert_eq!(look(frame(), &backdrop), look(frame(), &backdrop));
}

#[test]
fn a_frame_needs_its_size_and_its_backdrop() {
    let detector = MotionDetector::new();
    let answer = detector.submit(draw(&[], 9, 3, 100), CAMERA, None).wait();
    assert!(matches!(answer, Err(DetectError::NoBackdrop { .. })), "{answer:?}");
    let short = Frame { time: MediaTime(0), data: vec![0; 5].into() };
    let answer = detector.submit(short, CAMERA, Some(backdrop(3))).wait();
    assert!(matches!(answer, Err(DetectError::WrongPicture { got: 5, .. })), "{answer:?}");
}

/// Every 20th frame of real footage. What is missed walks in pairs or stands still.
#[test]
fn people_are_found_without_a_model() {
    let detector = MotionDetector::new();
    let (Some(people), Some(frames)) =
        (people(), footage::frames(VIDEO, SOURCE, detector.picture(SOURCE), 1, INTERVAL_US))
    else {
        return;
    };
    let wanted = detector.backdrop().unwrap();
    let recording = MediaSpan { start: MediaTime(0), end: MediaTime(frames.len() as i64 * INTERVAL_US) };
    let mut score = Score::default();
    let mut last: Option<(MediaSpan, Arc<Backdrop>)> = None;
    for (frame, people) in frames.iter().zip(&people).step_by(20) {
        let block = wanted.block(frame.time, recording);
        let known = last.take().filter(|(of, _)| *of == block);
        let (_, backdrop) = last.insert(known.unwrap_or_else(|| {
            let samples = i64::from(wanted.samples);
            let time = |part| block.start.plus_us(block.len_us() * part / samples);
            let first_of = |part| frames.iter().find(|frame| frame.time >= time(part)).cloned();
            let samples: Vec<_> = (0..samples).filter_map(first_of).collect();
            (block, Arc::new(Backdrop::median(&samples).unwrap()))
        }));
        let seen = detector.submit(frame.clone(), SOURCE, Some(Arc::clone(backdrop))).wait().unwrap();
        score.add(people, &seen.detections.iter().map(|d| BoxF::from(d.bbox)).collect::<Vec<_>>());
    }
    println!("motion: recall {:.3}, precision {:.3}, {score:?}", score.recall(), score.precision());
    assert!(score.recall() >= 0.64 && score.precision() >= 0.72, "{score:?}");
}
