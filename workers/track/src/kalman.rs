//! Where a track is and how fast it moves: a Kalman filter over media time.
//!
//! The usual eight-dimensional filter of SORT (Bewley et al. 2016, arXiv:1602.00763) and ByteTrack (Zhang et
//! al. 2022, arXiv:2110.06864) has block-diagonal noise, so its four coordinates never mix: here it is
//! four filters of two dimensions, value and speed, which needs no matrices. Noise grows with the
//! height of the box, as there, but is stated per second instead of per frame, since frames do
//! not come at one rate.

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// Standard deviation of a detected coordinate, in box heights (ByteTrack: 1/20).
const DETECTED_STD: f64 = 0.05;
/// How far a coordinate wanders off its speed in a second, in box heights per √s. ByteTrack's 1/20 per
/// frame at 25 frames/s.
const WANDER_STD: f64 = 0.25;
/// How much a speed changes in a second, in box heights per second per √s. ByteTrack's 1/160 per frame at 25
/// frames/s; a walker who turns round within two seconds.
const SPEED_CHANGE_STD: f64 = 0.8;
/// Speed of an object seen once, in box heights per second. ByteTrack's 10/160 per frame is 1.6; this is more, so
/// that the second sighting of a vehicle tells nearly all of its speed.
const FIRST_SPEED_STD: f64 = 3.0;

/// One coordinate and its speed per second, with their covariance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Axis {
    value: f64,
    speed: f64,
    var: f64,
    cov: f64,
    var_speed: f64,
}

impl Axis {
    fn new(value: f64, unit: f64) -> Self {
        let (std, std_speed) = (2.0 * DETECTED_STD * unit, FIRST_SPEED_STD * unit);
        Self { value, speed: 0.0, var: std * std, cov: 0.0, var_speed: std_speed * std_speed }
    }

    /// `dt` seconds later, under white noise on the speed and on the value.
    fn predict(&mut self, dt: f64, unit: f64) {
        let q = SPEED_CHANGE_STD * SPEED_CHANGE_STD * unit * unit;
        let wander = WANDER_STD * WANDER_STD * unit * unit;
        self.value += self.speed * dt;
        self.var += dt * (2.0 * self.cov + dt * self.var_speed) + dt * (wander + q * dt * dt / 3.0);
        self.cov += dt * self.var_speed + q * dt * dt / 2.0;
        self.var_speed += q * dt;
    }

    fn correct(&mut self, detected: f64, unit: f64) {
        let noise = DETECTED_STD * DETECTED_STD * unit * unit;
        let spread = self.var + noise;
        if spread <= 0.0 {
            return;
        }
        let (gain, gain_speed) = (self.var / spread, self.cov / spread);
        let surprise = detected - self.value;
        self.value += gain * surprise;
        self.speed += gain_speed * surprise;
        self.var_speed -= gain_speed * self.cov;
        self.cov -= gain * self.cov;
        self.var -= gain * self.var;
    }
}

/// A moving box.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Motion {
    cx: Axis,
    cy: Axis,
    w: Axis,
    h: Axis,
}

impl Motion {
    /// At rest where it was seen first.
    pub(crate) fn new(seen: Shape) -> Self {
        let axis = |value| Axis::new(value, seen.h);
        Self { cx: axis(seen.cx), cy: axis(seen.cy), w: axis(seen.w), h: axis(seen.h) }
    }

    /// Moves it on by `dt` seconds.
    pub(crate) fn predict(&mut self, dt: f64) {
        let unit = self.h.value;
        for axis in [&mut self.cx, &mut self.cy, &mut self.w, &mut self.h] {
            axis.predict(dt, unit);
        }
        // A box that shrinks away while it is hidden keeps some size to be found again by.
        self.w.value = self.w.value.max(unit / 10.0);
        self.h.value = self.h.value.max(unit / 10.0);
    }

    /// Draws it to where it was seen.
    pub(crate) fn correct(&mut self, seen: Shape) {
        let unit = seen.h;
        self.cx.correct(seen.cx, unit);
        self.cy.correct(seen.cy, unit);
        self.w.correct(seen.w, unit);
        self.h.correct(seen.h, unit);
    }

    /// Stops the growing and shrinking: what is hidden in part looks as if it shrank.
    pub(crate) fn hold_size(&mut self) {
        self.w.speed = 0.0;
        self.h.speed = 0.0;
    }

    /// Where it should be.
    pub(crate) fn shape(&self) -> Shape {
        Shape { cx: self.cx.value, cy: self.cy.value, w: self.w.value, h: self.h.value }
    }

    /// How far off that may be: one standard deviation of the centre, in picture heights.
    pub(crate) fn doubt(&self) -> f64 {
        (self.cx.var + self.cy.var).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cx: f64) -> Shape {
        Shape { cx, cy: 0.5, w: 0.1, h: 0.2 }
    }

    #[test]
    fn learns_a_steady_speed_from_uneven_frames() {
        let mut motion = Motion::new(at(0.0));
        let mut time = 0.0;
        for dt in [0.1, 0.03, 0.2, 0.1, 0.05, 0.3, 0.1, 0.1, 0.04, 0.1] {
            time += dt;
            motion.predict(dt);
            motion.correct(at(time * 0.7));
        }
        motion.predict(0.5);
        assert!((motion.shape().cx - (time + 0.5) * 0.7).abs() < 0.01);
    }

    #[test]
    fn one_long_step_is_many_short_ones() {
        let mut long = Motion::new(at(0.0));
        long.predict(0.1);
        long.correct(at(0.1));
        let mut short = long;
        long.predict(0.8);
        (0..8).for_each(|_| short.predict(0.1));
        assert!((long.shape().cx - short.shape().cx).abs() < 1e-9);
        assert!((long.doubt() - short.doubt()).abs() < 1e-9);
    }

    #[test]
    fn the_second_sighting_tells_most_of_the_speed() {
        let mut motion = Motion::new(at(0.0));
        motion.predict(0.1);
        motion.correct(at(0.2));
        motion.predict(0.1);
        assert!((motion.shape().cx - 0.4).abs() < 0.06, "{}", motion.shape().cx);
    }
}
