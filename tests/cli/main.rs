//! End-to-end tests of the program, as people run it. Real FFmpeg, real files; real footage and models where the
//! test data are, and otherwise those tests say that they were skipped.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod audit;
mod commands;
mod counts;
mod exactly_once;
mod footage;
mod gate;
mod harness;
mod hostile;
mod hostile_footage;
mod memory;
mod migrate;
mod model;
mod pictures;
mod replay;
mod scene;
#[path = "../../workers/detect/tests/it/tiny.rs"]
#[allow(dead_code, reason = "the detectors' own tests use the rest")]
mod tiny;
