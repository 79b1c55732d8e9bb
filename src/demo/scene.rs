//! Movers and their scripted paths: where everybody is at every media time.
//!
//! The script is written in the pixels of a 640x360 picture; everything that leaves this module is normalised.

use camcount_domain::{FrameSize, MediaTime, Point, Rate};

/// The picture that scripts are written for.
pub(super) const SCRIPT: (f64, f64) = (640.0, 360.0);

/// The row of the horizon: a person who stood there would be infinitely far away and small.
pub(super) const HORIZON_PX: f64 = 25.0;

/// Height of a person in shares of the distance between their feet and the horizon: a camera 7.3 m above the
/// ground sees 1.75 m of person so.
const PERSON_HEIGHT: f64 = 0.24;

/// Width of a person's box, in person heights, the swing of the legs left out.
const PERSON_WIDTH: f64 = 0.34;

/// Height of a car, in person heights: 1.5 m, and a little more for being seen at all.
const CAR_HEIGHT: f64 = 1.05;

/// Length of a car, in person heights.
const CAR_LENGTH: f64 = 2.9;

/// Walking speed in person heights a second: 1.4 m/s.
const WALK: f64 = 0.8;

/// Driving speed in person heights a second: 30 km/h.
const DRIVE: f64 = 4.7;

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person on foot.
    Person,
    /// A car or van.
    Car,
}

impl Kind {
    /// The class that a detector should give it.
    #[must_use]
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Car => "car",
        }
    }
}

/// Where a mover is at one instant of its path, and how far it went until then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Knot {
    pub(super) time: MediaTime,
    /// The middle between the feet or the wheels, in script pixels; may lie outside the picture.
    pub(super) at: (f64, f64),
    /// Distance covered, in person heights.
    walked: f64,
}

/// Somebody or something with a path of straight legs, each walked at constant speed.
#[derive(Clone, Debug)]
pub(crate) struct Mover {
    /// What it is.
    pub kind: Kind,
    /// What it looks like: picks colours and shapes.
    pub look: u32,
    pub(super) knots: Vec<Knot>,
    pace: f64,
}

/// How a mover stands in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pose {
    /// The middle between the feet or the wheels.
    pub at: Point,
    /// Height in shares of the picture's height.
    pub height: f64,
    /// Width of the body in shares of the picture's width.
    pub width: f64,
    /// Where it is heading, in script pixels a second; zero while it waits.
    pub heading: (f64, f64),
    /// Distance covered since it appeared, in person heights.
    pub walked: f64,
}

impl Mover {
    /// A person who appears `start_s` seconds into the scene with their feet at `at`.
    #[must_use]
    pub(crate) fn person(look: u32, start_s: f64, at: (f64, f64)) -> Self {
        Self::new(Kind::Person, look, start_s, at)
    }

    /// A car that appears `start_s` seconds into the scene with its wheels at `at`.
    #[must_use]
    pub(crate) fn car(look: u32, start_s: f64, at: (f64, f64)) -> Self {
        Self::new(Kind::Car, look, start_s, at)
    }

    fn new(kind: Kind, look: u32, start_s: f64, at: (f64, f64)) -> Self {
        let start = Knot { time: MediaTime(micros(start_s)), at, walked: 0.0 };
        Self { kind, look, knots: vec![start], pace: 1.0 }
    }

    /// From here on at `pace` times the usual speed.
    #[must_use]
    pub(crate) fn pace(mut self, pace: f64) -> Self {
        self.pace = pace;
        self
    }

    /// Straight on to `at`.
    #[must_use]
    pub(crate) fn to(mut self, x: f64, y: f64) -> Self {
        let last = self.last();
        let (dx, dy) = (x - last.at.0, y - last.at.1);
        // Distances shrink with depth as heights do.
        let length = (dx * dx + dy * dy).sqrt() / person_height_px((last.at.1 + y) / 2.0);
        let speed = self.pace * if self.kind == Kind::Person { WALK } else { DRIVE };
        let time = last.time.plus_us(micros(length / speed));
        self.knots.push(Knot { time, at: (x, y), walked: last.walked + length });
        self
    }

    /// Stays for `seconds`.
    #[must_use]
    pub(crate) fn wait(mut self, seconds: f64) -> Self {
        let last = self.last();
        self.knots.push(Knot { time: last.time.plus_us(micros(seconds)), ..last });
        self
    }

    fn last(&self) -> Knot {
        self.knots.last().copied().unwrap_or(Knot { time: MediaTime(0), at: (0.0, 0.0), walked: 0.0 })
    }

    /// How it stands at `time`; `None` before it appeared and after it left.
    #[must_use]
    pub(crate) fn pose(&self, time: MediaTime) -> Option<Pose> {
        let leg = self.knots.windows(2).find(|leg| leg[0].time <= time && time < leg[1].time)?;
        let (a, b) = (leg[0], leg[1]);
        let lasted_s = b.time.since_us(a.time) as f64 / 1e6;
        let share = time.since_us(a.time) as f64 / 1e6 / lasted_s;
        let mix = |from: f64, to: f64| from + (to - from) * share;
        let (x, y) = (mix(a.at.0, b.at.0), mix(a.at.1, b.at.1));
        let (height_px, width_px) = match (self.kind, person_height_px(y)) {
            (Kind::Person, h) => (h, h * PERSON_WIDTH),
            (Kind::Car, h) => (h * CAR_HEIGHT, h * CAR_LENGTH),
        };
        Some(Pose {
            at: normalised((x, y)),
            height: height_px / SCRIPT.1,
            width: width_px / SCRIPT.0,
            heading: ((b.at.0 - a.at.0) / lasted_s, (b.at.1 - a.at.1) / lasted_s),
            walked: mix(a.walked, b.walked),
        })
    }
}

#[cfg(test)]
impl Pose {
    /// Its box, not clipped to the picture: left, top, right, bottom in shares of the picture.
    #[must_use]
    pub(crate) fn bounds(&self) -> [f64; 4] {
        let half = self.width / 2.0;
        [self.at.x - half, self.at.y - self.height, self.at.x + half, self.at.y]
    }
}

/// A script together with the picture it is filmed in. It begins at media time zero.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The picture's size.
    pub size: FrameSize,
    /// Frames a second.
    pub rate: Rate,
    /// Number of frames.
    pub frames: u32,
    /// Seed of the sensor's noise.
    pub seed: u32,
    /// Who moves. Their looks and paths are all that distinguishes one scene from another.
    pub movers: Vec<Mover>,
}

impl Scene {
    /// Media time of the frame with this number, from 0.
    #[must_use]
    pub(crate) fn time(&self, frame: u32) -> MediaTime {
        MediaTime(i64::from(frame) * 1_000_000_000 / i64::from(self.rate.millihertz.max(1)))
    }
}

/// Height of a person whose feet are in row `y`, in script pixels; at least one.
pub(super) fn person_height_px(y: f64) -> f64 {
    ((y - HORIZON_PX) * PERSON_HEIGHT).max(1.0)
}

pub(super) fn normalised((x, y): (f64, f64)) -> Point {
    Point { x: x / SCRIPT.0, y: y / SCRIPT.1 }
}

fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_waits_and_leaves() {
        let mover = Mover::person(0, 1.0, (100.0, 225.0)).to(196.0, 225.0).wait(2.0).to(100.0, 225.0);
        // 96 px are two heights of 48 px, at 0.8 heights a second.
        assert_eq!(mover.knots[1].time, MediaTime(3_500_000));
        assert_eq!(mover.pose(MediaTime(999_999)), None);
        let half_way = mover.pose(MediaTime(2_250_000)).unwrap();
        assert!((half_way.at.x * 640.0 - 148.0).abs() < 1e-9);
        assert!((half_way.height * 360.0 - 48.0).abs() < 1e-9);
        assert!(half_way.heading.0 > 0.0);
        let waiting = mover.pose(MediaTime(4_000_000)).unwrap();
        assert_eq!((waiting.heading, waiting.walked), ((0.0, 0.0), 2.0));
        assert!(mover.pose(MediaTime(6_000_000)).unwrap().heading.0 < 0.0);
        assert_eq!(mover.pose(MediaTime(8_000_000)), None);
    }
}
