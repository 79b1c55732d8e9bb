//! What detection made of segments: attempts, artifacts, quarantine, and the events that tell of it.

use camcount_domain::{CameraId, DetectSegment, MediaSpan};
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::{
    Artifact, CameraEvent, EventKind, Kept, Outcome, StoreError,
    rows::{StoredEvent, StoredOutcome},
};

impl Sqlite {
    pub(super) async fn insert_artifact(
        &self,
        job: &DetectSegment,
        artifact: &Artifact,
    ) -> Result<Kept, StoreError> {
        loop {
            if self.try_insert(job, artifact).await? {
                return Ok(Kept::First);
            }
            // None when the one that was there has just been forgotten.
            if let Some(outcome) = self.outcome_of(job).await? {
                return Ok(Kept::not(outcome));
            }
        }
    }

    async fn try_insert(&self, job: &DetectSegment, artifact: &Artifact) -> Result<bool, StoreError> {
        let kept = sqlx::query(
            "INSERT INTO detections (camera, seq, detector, state, blob_key, sha256, frames, spared)
             VALUES (?, ?, ?, 'detected', ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET state = 'detected', blob_key = excluded.blob_key,
                    sha256 = excluded.sha256, frames = excluded.frames, spared = excluded.spared
                    WHERE state = 'failing'",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .bind(&artifact.blob_key)
        .bind(&artifact.sha256)
        .bind(artifact.frames)
        .bind(artifact.spared)
        .execute(&self.writer)
        .await
        .map_err(self.failed("keep an artifact"))?;
        Ok(kept.rows_affected() > 0)
    }

    pub(super) async fn outcome_of(&self, job: &DetectSegment) -> Result<Option<Outcome>, StoreError> {
        let row: Option<StoredOutcome> = sqlx::query_as(
            "SELECT state, reason, blob_key, sha256, frames, spared FROM detections
             WHERE camera = ? AND seq = ? AND detector = ? AND state <> 'failing'",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("look up a segment's detections"))?;
        row.map(Outcome::try_from).transpose()
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
            let told = tell(&mut tx, job, segment.span, EventKind::Quarantined, reason).await;
            told.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)
    }

    pub(super) async fn delete_artifact(
        &self,
        job: &DetectSegment,
        sha256: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let failed = self.failed("forget an artifact");
        let (segment, _) = self.segment_of(job.camera, job.seq).await?;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let gone = sqlx::query(
            "DELETE FROM detections
             WHERE camera = ? AND seq = ? AND detector = ? AND state = 'detected' AND sha256 = ?",
        )
        .bind(job.camera.to_string())
        .bind(job.seq.0)
        .bind(&job.detector.0)
        .bind(sha256)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if gone.rows_affected() > 0 {
            let told = tell(&mut tx, job, segment.span, EventKind::ArtifactForgotten, reason).await;
            told.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        Ok(gone.rows_affected() > 0)
    }

    pub(super) async fn events_of(&self, camera: CameraId) -> Result<Vec<CameraEvent>, StoreError> {
        let rows: Vec<StoredEvent> = sqlx::query_as(
            "SELECT kind, start_us, end_us, detector, detail FROM camera_events WHERE camera = ?
             ORDER BY start_us, kind, detector",
        )
        .bind(camera.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list camera events"))?;
        rows.into_iter().map(CameraEvent::try_from).collect()
    }
}

/// Records what happened to a segment.
async fn tell(
    tx: &mut SqliteConnection,
    job: &DetectSegment,
    span: MediaSpan,
    kind: EventKind,
    detail: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO camera_events (camera, kind, start_us, end_us, detector, detail)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET detail = excluded.detail",
    )
    .bind(job.camera.to_string())
    .bind(kind.name())
    .bind(span.start.0)
    .bind(span.end.0)
    .bind(&job.detector.0)
    .bind(detail)
    .execute(tx)
    .await
    .map(drop)
}
