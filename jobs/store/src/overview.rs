//! How far behind everything is, for people and for whoever scales workers.

use async_trait::async_trait;
use camcount_domain::{CameraId, MediaTime, PassId, Seq};

use crate::StoreError;

/// How far an unfinished pass is behind the footage that there is of its camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Whose footage.
    pub camera: CameraId,
    /// What people call it.
    pub name: String,
    /// The pass.
    pub pass: PassId,
    /// Whether the footage goes on.
    pub live: bool,
    /// The segment that is to be counted next.
    pub next: Seq,
    /// Segments that are recorded and not counted.
    pub segments: u64,
    /// Media time up to which there is footage; `None` without any.
    pub recorded: Option<MediaTime>,
    /// Media time up to which it is counted; `None` before the first segment.
    pub counted: Option<MediaTime>,
}

impl Behind {
    /// Media time that is recorded and not counted, in microseconds.
    #[must_use]
    pub fn lag_us(&self) -> i64 {
        match (self.recorded, self.counted) {
            (Some(recorded), Some(counted)) => recorded.since_us(counted).max(0),
            _ => 0,
        }
    }
}

/// How many cameras are registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameraTally {
    /// All of them.
    pub registered: u64,
    /// Those that are recorded.
    pub enabled: u64,
}

/// The store's part in overviews.
#[async_trait]
pub trait Overview {
    /// Of every unfinished pass how far it is behind, in the order of cameras' names and of first segments.
    async fn behind(&self) -> Result<Vec<Behind>, StoreError>;

    /// How many cameras are registered.
    async fn tally_cameras(&self) -> Result<CameraTally, StoreError>;
}
