//! Recording live cameras: streams become pieces in a spool, and these become recordings in blob storage and store.
//!
//! A camera's footage goes one way: [`camera`](self) follows its stream, the spool holds what was recorded, a delivery
//! brings it away in order. The two halves share nothing but the spool, so that either goes on while the other cannot.

mod camera;
mod deliver;
pub mod files;
mod folder;
mod quality;
mod recorder;
mod run;
mod spool;
mod timeline;

use std::sync::Arc;

use camcount_blob::Blobs;
use camcount_decode::Ffmpeg;
use camcount_domain::WallTime;
use camcount_store::{Store, StreamQuality};

pub use camera::{LiveCamera, record};
pub use deliver::deliver;
pub use recorder::{RecorderOptions, Unsealed, run};
pub use spool::{Spool, SpoolError};

/// The clock on the wall.
pub type WallClock = Arc<dyn Fn() -> WallTime + Send + Sync>;

/// What recording works with.
#[derive(Clone)]
pub struct Ports {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Where footage goes.
    pub blobs: Arc<dyn Blobs>,
    /// The way to streams.
    pub ffmpeg: Ffmpeg,
    /// Where footage waits.
    pub spool: Arc<Spool>,
    /// When it is.
    pub clock: WallClock,
}

/// Measures how a stream did.
fn measure(camera: &str, quality: &StreamQuality) {
    let labels = || vec![metrics::Label::new("camera", camera.to_owned())];
    let gauge = |name: &'static str, value: f64| metrics::gauge!(name, labels()).set(value);
    gauge("camcount_stream_bitrate_bits", quality.bits_per_second as f64);
    gauge("camcount_stream_frame_rate", quality.rate_mhz as f64 / 1000.0);
    gauge("camcount_stream_latency_seconds", quality.latency_us as f64 / 1e6);
    gauge("camcount_stream_jitter_seconds", quality.jitter_us as f64 / 1e6);
    gauge("camcount_stream_score", f64::from(quality.score_permille) / 1000.0);
    metrics::counter!("camcount_stream_missing_frames_total", labels()).increment(quality.missing);
}
