//! Lanes under real workers, and lanes and feeds in real brokers.
// A test may unwrap, and so may what it calls.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod autoscalers;
mod bench;
mod brokers;
mod cache;
mod counters;
mod feeds;
mod servers;
mod settings;
mod trouble;
mod worker;
