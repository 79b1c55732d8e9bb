//! FFmpeg on real footage and on clips made for the purpose.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod broken;
mod clocks;
mod cuts;
mod footage;
mod streams;
mod times;
mod written;
