//! What detection made of segments: attempts, artifacts, quarantine, and the events that tell of it.

use camcount_domain::{CameraId, DetectSegment, DetectorVersion, MediaSpan, MediaTime};
use sqlx::{Row, SqliteConnection};

use super::Sqlite;
use crate::{Artifact, CameraEvent, EventKind, Kept, Outcome, StoreError};

/// Kinds of events as they are stored.
const KINDS: [(EventKind, &str); 2] =
    [(EventKind::Quarantined, "quarantined"), (EventKind::ArtifactForgotten, "artifact_forgotten")];

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
        let rows = sqlx::query(
            "SELECT kind, start_us, end_us, detector, detail FROM camera_events WHERE camera = ?
             ORDER BY start_us, kind, detector",
        )
        .bind(camera.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list camera events"))?;
        rows.iter()
            .map(|row| {
                let kind: &str = row.get("kind");
                let known = KINDS.iter().find(|(_, name)| *name == kind);
                Ok(CameraEvent {
                    kind: known.ok_or(StoreError::Corrupt { what: "kind of event" })?.0,
                    span: MediaSpan {
                        start: MediaTime(row.get("start_us")),
                        end: MediaTime(row.get("end_us")),
                    },
                    detector: DetectorVersion(row.get("detector")),
                    detail: row.get("detail"),
                })
            })
            .collect()
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
    .bind(KINDS.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name))
    .bind(span.start.0)
    .bind(span.end.0)
    .bind(&job.detector.0)
    .bind(detail)
    .execute(tx)
    .await
    .map(drop)
}
