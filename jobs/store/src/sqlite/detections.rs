//! What detection made of segments: attempts, artifacts, quarantine.

use camcount_domain::{CameraId, DetectSegment, DetectorVersion, MediaSpan, MediaTime};
use sqlx::Row;

use super::Sqlite;
use crate::{Artifact, CameraEvent, Kept, Outcome, StoreError};

impl Sqlite {
    pub(super) async fn insert_artifact(
        &self,
        job: &DetectSegment,
        artifact: &Artifact,
    ) -> Result<Kept, StoreError> {
        let kept = sqlx::query(
            "INSERT INTO detections (camera, seq, detector, state, blob_key, sha256, frames)
             VALUES (?, ?, ?, 'detected', ?, ?, ?)
             ON CONFLICT DO UPDATE SET state = 'detected', blob_key = excluded.blob_key,
                    sha256 = excluded.sha256, frames = excluded.frames WHERE state = 'failing'",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .bind(&artifact.blob_key)
        .bind(&artifact.sha256)
        .bind(artifact.frames)
        .execute(&self.writer)
        .await
        .map_err(self.failed("keep an artifact"))?;
        if kept.rows_affected() > 0 {
            return Ok(Kept::First);
        }
        match self.outcome_of(job).await? {
            Some(Outcome::Detected(winner)) => Ok(Kept::AlreadyThere(winner)),
            Some(Outcome::Quarantined(_)) => Ok(Kept::Quarantined),
            None => Err(StoreError::Corrupt { what: "detection" }),
        }
    }

    pub(super) async fn outcome_of(&self, job: &DetectSegment) -> Result<Option<Outcome>, StoreError> {
        let row = sqlx::query(
            "SELECT state, reason, blob_key, sha256, frames FROM detections
             WHERE camera = ? AND seq = ? AND detector = ? AND state <> 'failing'",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("look up a segment's detections"))?;
        Ok(row.map(|row| match row.get::<&str, _>("state") {
            "detected" => Outcome::Detected(Artifact {
                blob_key: row.get("blob_key"),
                sha256: row.get("sha256"),
                frames: row.get("frames"),
            }),
            _ => Outcome::Quarantined(row.get::<Option<String>, _>("reason").unwrap_or_default()),
        }))
    }

    pub(super) async fn add_failure(&self, job: &DetectSegment, reason: &str) -> Result<u32, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO detections (camera, seq, detector, state, attempts, reason)
             VALUES (?, ?, ?, 'failing', 1, ?)
             ON CONFLICT DO UPDATE SET attempts = attempts + 1,
                    reason = CASE state WHEN 'failing' THEN excluded.reason ELSE reason END
             RETURNING attempts",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .bind(reason)
        .fetch_one(&self.writer)
        .await
        .map_err(self.failed("note a failed attempt"))
    }

    pub(super) async fn give_up(&self, job: &DetectSegment, reason: &str) -> Result<(), StoreError> {
        let failed = self.failed("quarantine a segment");
        let (segment, _) = self.segment_of(job.camera, job.seq).await?;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let given_up = sqlx::query(
            "INSERT INTO detections (camera, seq, detector, state, reason) VALUES (?, ?, ?, 'quarantined', ?)
             ON CONFLICT DO UPDATE SET state = 'quarantined', reason = excluded.reason
             WHERE state = 'failing'",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .bind(reason)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if given_up.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO camera_events (camera, kind, start_us, end_us, detector, detail)
                 VALUES (?, 'quarantined', ?, ?, ?, ?) ON CONFLICT DO UPDATE SET detail = excluded.detail",
            )
            .bind(job.camera.to_string())
            .bind(segment.span.start.0)
            .bind(segment.span.end.0)
            .bind(&job.detector.0)
            .bind(reason)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)
    }

    pub(super) async fn events_of(&self, camera: CameraId) -> Result<Vec<CameraEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, start_us, end_us, detector, detail FROM camera_events WHERE camera = ?
             ORDER BY start_us, kind, detector",
        )
        .bind(camera.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list camera events"))?;
        let event = |row: &sqlx::sqlite::SqliteRow| CameraEvent {
            kind: row.get("kind"),
            span: MediaSpan { start: MediaTime(row.get("start_us")), end: MediaTime(row.get("end_us")) },
            detector: DetectorVersion(row.get("detector")),
            detail: row.get("detail"),
        };
        Ok(rows.iter().map(event).collect())
    }
}
