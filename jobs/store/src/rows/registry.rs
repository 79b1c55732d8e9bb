//! Rows of the registry.

use camcount_domain::{Camera, MediaTime, PassId, Seq, WallTime};
use sqlx::FromRow;

use super::{StoredPass, camera_id};
use crate::{Behind, CameraEntry, Gps, PassState, StoreError};

/// A registered camera.
#[derive(FromRow)]
pub(crate) struct StoredCamera {
    id: String,
    name: String,
    start_known: bool,
    source: String,
    enabled: bool,
    location: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    tags: String,
    time_zone: String,
    settings: String,
    last_seen_us: Option<i64>,
}

impl TryFrom<StoredCamera> for CameraEntry {
    type Error = StoreError;

    fn try_from(row: StoredCamera) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::Corrupt { what: "camera" };
        Ok(Self {
            camera: Camera { id: camera_id(&row.id)?, name: row.name, start_known: row.start_known },
            source: row.source,
            enabled: row.enabled,
            location: row.location,
            gps: row.latitude.zip(row.longitude).map(|(latitude, longitude)| Gps { latitude, longitude }),
            tags: serde_json::from_str(&row.tags).map_err(corrupt)?,
            time_zone: row.time_zone,
            settings: serde_json::from_str(&row.settings).map_err(corrupt)?,
            last_seen: row.last_seen_us.map(WallTime),
        })
    }
}

/// A pass by its identity.
#[derive(FromRow)]
pub(crate) struct StoredPassState {
    id: String,
    #[sqlx(flatten)]
    pass: StoredPass,
}

impl TryFrom<StoredPassState> for PassState {
    type Error = StoreError;

    fn try_from(StoredPassState { id, pass }: StoredPassState) -> Result<Self, StoreError> {
        Ok(Self { id: PassId(id), last: pass.last(), next: Seq(pass.next_seq), pass: pass.pass()? })
    }
}

/// How far behind a pass is.
#[derive(FromRow)]
pub(crate) struct StoredBehind {
    camera: String,
    name: String,
    pass: String,
    live: bool,
    next_seq: i64,
    /// Null without footage.
    segments: Option<i64>,
    recorded_us: Option<i64>,
    counted_us: Option<i64>,
}

impl TryFrom<StoredBehind> for Behind {
    type Error = StoreError;

    fn try_from(row: StoredBehind) -> Result<Self, StoreError> {
        Ok(Self {
            camera: camera_id(&row.camera)?,
            name: row.name,
            pass: PassId(row.pass),
            live: row.live,
            next: Seq(row.next_seq),
            segments: row.segments.unwrap_or_default().unsigned_abs(),
            recorded: row.recorded_us.map(MediaTime),
            counted: row.counted_us.map(MediaTime),
        })
    }
}
