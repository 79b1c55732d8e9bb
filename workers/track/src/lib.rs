//! The tracker: a pure, deterministic fold from detected frames to tracked frames.
//!
//! Frames go in one by one, in order of media time; all that is remembered between them is the [`Tracker`],
//! plain data that can be stored and taken up again on another machine. Arithmetic is addition,
//! subtraction, multiplication, division and square root on `f64` only, and every choice between equals has a
//! defined winner, so that the same frames give the same bits everywhere.

mod assign;
mod kalman;
mod shape;
mod tracker;

pub use tracker::Tracker;
