//! What recorders note besides footage: events, and how streams do.

use async_trait::async_trait;
use camcount_domain::{CameraId, MediaTime, WallTime};

use crate::{CameraEvent, StoreError};

/// For how long it is kept how a stream did: 30 days.
pub(crate) const QUALITY_KEPT_US: i64 = 30 * 24 * 3_600_000_000;

/// How the stream of a camera did in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamQuality {
    /// The start of the minute.
    pub minute: WallTime,
    /// Video bits that came, per second of the minute.
    pub bits_per_second: u64,
    /// Frames that came in 1 000 s, at the pace of the minute.
    pub rate_mhz: u64,
    /// Mean time from when a frame was seen to when it came, beyond the least lately, in microseconds.
    pub latency_us: u64,
    /// Mean change of that time from frame to frame, in microseconds.
    pub jitter_us: u64,
    /// Frames that the stream's own times say are missing.
    pub missing: u64,
    /// 1000 for a minute without a flaw, 0 at worst.
    pub score_permille: u16,
}

/// The recorders' part of the store. Every verb is atomic, and safe to repeat.
#[async_trait]
pub trait Recorded: Send + Sync + 'static {
    /// Where the camera's footage ends so far; `None` while there is none.
    async fn footage_end(&self, camera: CameraId) -> Result<Option<MediaTime>, StoreError>;

    /// Notes an event. Of a kind, a start and a detector the last one is kept.
    ///
    /// # Errors
    /// [`StoreError::NoCamera`] for a camera that nobody registered.
    async fn note_event(&self, camera: CameraId, event: &CameraEvent) -> Result<(), StoreError>;

    /// Notes how the stream of a camera did. Of a minute the last note is kept; those of a month ago are forgotten.
    ///
    /// # Errors
    /// [`StoreError::NoCamera`] for a camera that nobody registered.
    async fn note_quality(&self, camera: CameraId, quality: &StreamQuality) -> Result<(), StoreError>;

    /// How the stream of a camera did, in the minutes that begin in `from..to`, in order.
    async fn stream_quality(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Vec<StreamQuality>, StoreError>;
}
