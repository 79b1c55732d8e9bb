//! Workers, handlers and the fold over real parts: SQLite, a folder, the in-process queue, FFmpeg. Fakes stand
//! only at ports, to fail there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod bench;
mod blame;
mod blocks;
mod clips;
mod counting;
mod detecting;
mod faults;
mod folding;
mod gate;
mod jobs;
mod leases;
mod objects;
mod once;
mod stopping;
mod tally;
mod telling;
