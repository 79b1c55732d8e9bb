//! Recording, with real streams: RTSP, HTTP and HLS.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;
mod folders;
mod servers;
mod streams;
mod trouble;
