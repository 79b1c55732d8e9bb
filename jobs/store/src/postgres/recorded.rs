//! What recorders note.

use async_trait::async_trait;
use camcount_domain::{CameraId, MediaTime, WallTime};

use super::Postgres;
use crate::{
    CameraEvent, Recorded, StoreError, StreamQuality,
    recorded::QUALITY_KEPT_US,
    rows::{StoredQuality, of_camera},
};

#[async_trait]
impl Recorded for Postgres {
    async fn footage_end(&self, camera: CameraId) -> Result<Option<MediaTime>, StoreError> {
        // Segments follow one another, so that the last one ends last.
        let end_us: Option<i64> = sqlx::query_scalar(
            "SELECT end_us FROM segments WHERE camera = $1::uuid ORDER BY seq DESC LIMIT 1",
        )
        .bind(camera.to_string())
        .fetch_optional(&self.verbs)
        .await
        .map_err(self.failed("find the end of footage"))?;
        Ok(end_us.map(MediaTime))
    }

    async fn note_event(&self, camera: CameraId, event: &CameraEvent) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO camera_events (camera, kind, start_us, end_us, detector, detail)
             VALUES ($1::uuid, $2, $3, $4, $5, $6)
             ON CONFLICT (camera, start_us, kind, detector)
             DO UPDATE SET end_us = excluded.end_us, detail = excluded.detail",
        )
        .bind(camera.to_string())
        .bind(event.kind.name())
        .bind(event.span.start.0)
        .bind(event.span.end.0)
        .bind(event.detector.as_ref().map_or("", |detector| &detector.0))
        .bind(&event.detail)
        .execute(&self.verbs)
        .await
        .map_err(|error| of_camera(error, camera, self.failed("note an event")))
        .map(drop)
    }

    async fn note_quality(&self, camera: CameraId, quality: &StreamQuality) -> Result<(), StoreError> {
        let row = StoredQuality::from(*quality);
        sqlx::query(
            "WITH old AS (DELETE FROM stream_quality WHERE camera = $1::uuid AND minute_us < $2 - $9)
             INSERT INTO stream_quality
                (camera, minute_us, bits_per_second, rate_mhz, latency_us, jitter_us, missing, score_permille)
             VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (camera, minute_us) DO UPDATE SET
                bits_per_second = excluded.bits_per_second, rate_mhz = excluded.rate_mhz,
                latency_us = excluded.latency_us, jitter_us = excluded.jitter_us, missing = excluded.missing,
                score_permille = excluded.score_permille",
        )
        .bind(camera.to_string())
        .bind(row.minute_us)
        .bind(row.bits_per_second)
        .bind(row.rate_mhz)
        .bind(row.latency_us)
        .bind(row.jitter_us)
        .bind(row.missing)
        .bind(row.score_permille)
        .bind(QUALITY_KEPT_US)
        .execute(&self.verbs)
        .await
        .map_err(|error| of_camera(error, camera, self.failed("note how a stream did")))
        .map(drop)
    }

    async fn stream_quality(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Vec<StreamQuality>, StoreError> {
        let rows: Vec<StoredQuality> = sqlx::query_as(
            "SELECT minute_us, bits_per_second, rate_mhz, latency_us, jitter_us, missing, score_permille
             FROM stream_quality WHERE camera = $1::uuid AND minute_us >= $2 AND minute_us < $3 ORDER BY minute_us",
        )
        .bind(camera.to_string())
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("read how a stream did"))?;
        rows.into_iter().map(StreamQuality::try_from).collect()
    }
}
