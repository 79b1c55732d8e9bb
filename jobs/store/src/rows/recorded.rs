//! What rows hold of recording.

use camcount_domain::{CameraId, WallTime};
use sqlx::FromRow;

use crate::{StoreError, StreamQuality};

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
