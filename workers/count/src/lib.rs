//! The counter: a pure, deterministic fold from tracked frames to crossings, visits and buckets.
//!
//! Frames go in one by one, in order of media time; everything that later frames may need is in the
//! [`Counter`], plain data that can be stored between any two frames. What comes out is in whole numbers, so
//! cutting footage into segments, anywhere, changes nothing but which segment reports what.
//!
//! Arithmetic is addition, subtraction, multiplication, division, square root and rounding on `f64`, the same
//! bits on every machine that follows IEEE 754.

mod buckets;
mod counter;
pub mod coverage;
mod line;
mod object;
mod rules;
mod side;
mod stitch;
mod votes;
mod zone;

pub use counter::Counter;
pub use rules::Rules;
