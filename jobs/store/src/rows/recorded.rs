//! Rows of what happens to cameras.

use camcount_domain::{CameraId, DetectorVersion, WallTime};
use sqlx::FromRow;

use super::span;
use crate::{CameraEvent, EventKind, StoreError, StreamQuality};

/// An event of a camera.
#[derive(FromRow)]
pub(crate) struct StoredEvent {
    kind: String,
    start_us: i64,
    end_us: i64,
    detector: String,
    detail: String,
}

impl TryFrom<StoredEvent> for CameraEvent {
    type Error = StoreError;

    fn try_from(row: StoredEvent) -> Result<Self, StoreError> {
        let kind = EventKind::ALL.into_iter().find(|kind| kind.name() == row.kind);
        Ok(Self {
            kind: kind.ok_or(StoreError::Corrupt { what: "kind of event" })?,
            span: span(row.start_us, row.end_us),
            detector: Some(row.detector).filter(|version| !version.is_empty()).map(DetectorVersion),
            detail: row.detail,
        })
    }
}

impl EventKind {
    const ALL: [Self; 7] = [
        Self::Quarantined,
        Self::ArtifactForgotten,
        Self::Gap,
        Self::ClockJump,
        Self::SpoolFull,
        Self::Refused,
        Self::Lost,
    ];

    /// How it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::ArtifactForgotten => "artifact_forgotten",
            Self::Gap => "gap",
            Self::ClockJump => "clock_jump",
            Self::SpoolFull => "spool_full",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}

/// How a stream did in a minute.
#[derive(FromRow)]
pub(crate) struct StoredQuality {
    pub(crate) minute_us: i64,
    pub(crate) bits_per_second: i64,
    pub(crate) rate_mhz: i64,
    pub(crate) latency_us: i64,
    pub(crate) jitter_us: i64,
    pub(crate) missing: i64,
    pub(crate) score_permille: i64,
}

impl From<StreamQuality> for StoredQuality {
    fn from(quality: StreamQuality) -> Self {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            minute_us: quality.minute.0,
            bits_per_second: whole(quality.bits_per_second),
            rate_mhz: whole(quality.rate_mhz),
            latency_us: whole(quality.latency_us),
            jitter_us: whole(quality.jitter_us),
            missing: whole(quality.missing),
            score_permille: i64::from(quality.score_permille.min(1000)),
        }
    }
}

impl TryFrom<StoredQuality> for StreamQuality {
    type Error = StoreError;

    fn try_from(row: StoredQuality) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt { what: "quality of a stream" };
        let whole = |number: i64| u64::try_from(number).map_err(|_| corrupt());
        Ok(Self {
            minute: WallTime(row.minute_us),
            bits_per_second: whole(row.bits_per_second)?,
            rate_mhz: whole(row.rate_mhz)?,
            latency_us: whole(row.latency_us)?,
            jitter_us: whole(row.jitter_us)?,
            missing: whole(row.missing)?,
            score_permille: u16::try_from(row.score_permille).map_err(|_| corrupt())?,
        })
    }
}

/// Tells a row of a camera that nobody registered from a database that failed.
pub(crate) fn of_camera(
    error: sqlx::Error,
    camera: CameraId,
    failed: impl Fn(sqlx::Error) -> StoreError,
) -> StoreError {
    match &error {
        sqlx::Error::Database(refused) if refused.is_foreign_key_violation() => StoreError::NoCamera(camera),
        _ => failed(error),
    }
}
