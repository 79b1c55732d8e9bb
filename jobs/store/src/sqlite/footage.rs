//! Cameras, detectors, rulesets, recordings and their segments.

use camcount_domain::{
    Camera, CameraId, Detector, DetectorVersion, MediaSpan, Recording, Ruleset, RulesetVersion, Segment, Seq,
    cut,
};
use sqlx::Row;

use super::Sqlite;
use crate::{
    Added, StoreError,
    rows::{StoredDetector, StoredRecording, StoredSegment, follows, ruleset},
};

impl Sqlite {
    pub(super) async fn insert_camera(&self, camera: &Camera) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO cameras (id, name, start_known) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET name = excluded.name",
        )
        .bind(camera.id.to_string())
        .bind(&camera.name)
        .bind(camera.start_known)
        .execute(&self.writer)
        .await
        .map_err(self.failed("register a camera"))?;
        Ok(())
    }

    pub(super) async fn insert_detector(&self, detector: &Detector) -> Result<DetectorVersion, StoreError> {
        let version = detector.version();
        sqlx::query(
            "INSERT INTO detectors (version, name, sha256, layout, settings, rate_mhz, classes)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&version.0)
        .bind(&detector.name)
        .bind(&detector.sha256)
        .bind(&detector.layout)
        .bind(&detector.settings)
        .bind(detector.rate.millihertz)
        .bind(serde_json::json!(detector.classes).to_string())
        .execute(&self.writer)
        .await
        .map_err(self.failed("register a detector"))?;
        Ok(version)
    }

    pub(super) async fn read_detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError> {
        let row: StoredDetector = sqlx::query_as(
            "SELECT name, sha256, layout, settings, rate_mhz, classes FROM detectors WHERE version = ?",
        )
        .bind(&version.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("read a detector"))?
        .ok_or_else(|| StoreError::NoDetector(version.clone()))?;
        row.try_into()
    }

    pub(super) async fn insert_ruleset(&self, ruleset: &Ruleset) -> Result<RulesetVersion, StoreError> {
        let version = ruleset.version();
        sqlx::query("INSERT INTO rulesets (version, content) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&version.0)
            .bind(serde_json::json!(ruleset).to_string())
            .execute(&self.writer)
            .await
            .map_err(self.failed("register a ruleset"))?;
        Ok(version)
    }

    pub(super) async fn read_ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError> {
        let content: String = sqlx::query_scalar("SELECT content FROM rulesets WHERE version = ?")
            .bind(&version.0)
            .fetch_optional(&self.reader)
            .await
            .map_err(self.failed("read a ruleset"))?
            .ok_or_else(|| StoreError::NoRuleset(version.clone()))?;
        ruleset(&content)
    }

    pub(super) async fn append_recording(
        &self,
        recording: &Recording,
        segment_us: i64,
    ) -> Result<Added, StoreError> {
        let failed = self.failed("add a recording");
        let camera = recording.camera.to_string();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let there = sqlx::query(
            "SELECT min(s.seq) AS first, max(s.seq) AS last FROM recordings r
             JOIN segments s ON s.camera = r.camera AND s.recording = r.first_seq
             WHERE r.camera = ? AND r.source = ? GROUP BY r.first_seq",
        )
        .bind(&camera)
        .bind(&recording.source)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
        if let Some(row) = there {
            return Ok(Added::AlreadyThere { first: Seq(row.get("first")), last: Seq(row.get("last")) });
        }
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM cameras WHERE id = ?")
            .bind(&camera)
            .fetch_optional(&mut *tx)
            .await
            .map_err(&failed)?;
        if known.is_none() {
            return Err(StoreError::NoCamera(recording.camera));
        }
        let (end_us, last_seq): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT max(end_us), max(seq) FROM segments WHERE camera = ?")
                .bind(&camera)
                .fetch_one(&mut *tx)
                .await
                .map_err(&failed)?;
        follows(recording, end_us)?;
        let first = Seq(last_seq.map_or(0, |seq| seq + 1));
        sqlx::query(
            "INSERT INTO recordings (camera, first_seq, source, start_us, end_us, origin_us, width, height,
                                     frame_interval_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&camera)
        .bind(first.0)
        .bind(&recording.source)
        .bind(recording.span.start.0)
        .bind(recording.span.end.0)
        .bind(recording.origin_us)
        .bind(recording.frame_size.width)
        .bind(recording.frame_size.height)
        .bind(recording.frame_interval_us)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        let mut last = first;
        for segment in cut(recording.camera, recording.span, segment_us, first) {
            last = segment.seq;
            sqlx::query(
                "INSERT INTO segments (camera, seq, recording, start_us, end_us, first, last)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&camera)
            .bind(segment.seq.0)
            .bind(first.0)
            .bind(segment.span.start.0)
            .bind(segment.span.end.0)
            .bind(segment.first)
            .bind(segment.last)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        Ok(Added::New { first, last })
    }

    pub(super) async fn last_recording_of(&self, camera: CameraId) -> Result<Option<Recording>, StoreError> {
        let row: Option<StoredRecording> = sqlx::query_as(
            "SELECT first_seq, source, start_us AS recording_start_us, end_us AS recording_end_us,
                    origin_us, width, height, frame_interval_us
             FROM recordings WHERE camera = ? ORDER BY first_seq DESC LIMIT 1",
        )
        .bind(camera.to_string())
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("look up the last recording"))?;
        Ok(row.map(|row| row.of(camera).1))
    }

    pub(super) async fn recordings_of(&self, camera: CameraId) -> Result<Vec<(Seq, Recording)>, StoreError> {
        let rows: Vec<StoredRecording> = sqlx::query_as(
            "SELECT first_seq, source, start_us AS recording_start_us, end_us AS recording_end_us,
                    origin_us, width, height, frame_interval_us
             FROM recordings WHERE camera = ? ORDER BY first_seq",
        )
        .bind(camera.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("list recordings"))?;
        Ok(rows.into_iter().map(|row| row.of(camera)).collect())
    }

    pub(super) async fn ends_of(
        &self,
        camera: CameraId,
        span: MediaSpan,
    ) -> Result<Option<(Segment, Segment)>, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT min(seq), max(seq) FROM segments
             WHERE camera = ? AND start_us < ? AND max(end_us, start_us + 1) > ?",
        )
        .bind(camera.to_string())
        .bind(span.end.0)
        .bind(span.start.0)
        .fetch_one(&self.reader)
        .await
        .map_err(self.failed("find segments"))?;
        match (first, last) {
            (Some(first), Some(last)) => Ok(Some((
                self.segment_of(camera, Seq(first)).await?.0,
                self.segment_of(camera, Seq(last)).await?.0,
            ))),
            _ => Ok(None),
        }
    }

    pub(super) async fn segment_of(
        &self,
        camera: CameraId,
        seq: Seq,
    ) -> Result<(Segment, Recording), StoreError> {
        let row: StoredSegment = sqlx::query_as(
            "SELECT s.start_us, s.end_us, s.first, s.last, r.first_seq, r.source, r.start_us AS recording_start_us,
                    r.end_us AS recording_end_us, r.origin_us, r.width, r.height, r.frame_interval_us
             FROM segments s JOIN recordings r ON r.camera = s.camera AND r.first_seq = s.recording
             WHERE s.camera = ? AND s.seq = ?",
        )
        .bind(camera.to_string())
        .bind(seq.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("read a segment"))?
        .ok_or(StoreError::NoSegment { camera, seq })?;
        Ok(row.of(camera, seq))
    }
}
