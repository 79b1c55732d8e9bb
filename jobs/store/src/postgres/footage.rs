//! Cameras, detectors, rulesets, recordings and their segments.

use camcount_domain::{
    Camera, CameraId, Detector, DetectorVersion, MediaSpan, Recording, Ruleset, RulesetVersion, Segment, Seq,
    cut,
};
use sqlx::PgConnection;

use super::{Postgres, again};
use crate::{
    Added, StoreError,
    rows::{StoredDetector, StoredRecording, StoredSegment, follows, ruleset},
};

/// Segments that one statement inserts; a year of live footage in segments of 5 s is six million.
const BATCH: usize = 10_000;

impl Postgres {
    pub(super) async fn insert_camera(&self, camera: &Camera) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO cameras (id, name, start_known) VALUES ($1::uuid, $2, $3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        )
        .bind(camera.id.to_string())
        .bind(&camera.name)
        .bind(camera.start_known)
        .execute(&self.verbs)
        .await
        .map_err(self.failed("register a camera"))?;
        Ok(())
    }

    pub(super) async fn insert_detector(&self, detector: &Detector) -> Result<DetectorVersion, StoreError> {
        let version = detector.version();
        sqlx::query(
            "INSERT INTO detectors (version, name, sha256, layout, settings, rate_mhz, classes)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&version.0)
        .bind(&detector.name)
        .bind(&detector.sha256)
        .bind(&detector.layout)
        .bind(&detector.settings)
        .bind(i64::from(detector.rate.millihertz))
        .bind(serde_json::json!(detector.classes).to_string())
        .execute(&self.verbs)
        .await
        .map_err(self.failed("register a detector"))?;
        Ok(version)
    }

    pub(super) async fn read_detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError> {
        let row: StoredDetector = sqlx::query_as(
            "SELECT name, sha256, layout, settings, rate_mhz, classes FROM detectors WHERE version = $1",
        )
        .bind(&version.0)
        .fetch_optional(&self.verbs)
        .await
        .map_err(self.failed("read a detector"))?
        .ok_or_else(|| StoreError::NoDetector(version.clone()))?;
        row.try_into()
    }

    pub(super) async fn insert_ruleset(&self, ruleset: &Ruleset) -> Result<RulesetVersion, StoreError> {
        let version = ruleset.version();
        sqlx::query("INSERT INTO rulesets (version, content) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&version.0)
            .bind(serde_json::json!(ruleset).to_string())
            .execute(&self.verbs)
            .await
            .map_err(self.failed("register a ruleset"))?;
        Ok(version)
    }

    pub(super) async fn read_ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError> {
        let content: String = sqlx::query_scalar("SELECT content FROM rulesets WHERE version = $1")
            .bind(&version.0)
            .fetch_optional(&self.verbs)
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
        again(|| self.try_append(recording, segment_us)).await
    }

    async fn try_append(&self, recording: &Recording, segment_us: i64) -> Result<Added, StoreError> {
        let failed = self.failed("add a recording");
        let camera = recording.camera.to_string();
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        // One recording of a camera at a time: what is read below stays true until the end.
        sqlx::query("SELECT FROM cameras WHERE id = $1::uuid FOR NO KEY UPDATE")
            .bind(&camera)
            .fetch_optional(&mut *tx)
            .await
            .map_err(&failed)?
            .ok_or(StoreError::NoCamera(recording.camera))?;
        let there: Option<(i64, i64)> = sqlx::query_as(
            "SELECT r.first_seq, max(s.seq) FROM recordings r
             JOIN segments s ON s.camera = r.camera AND s.recording = r.first_seq
             WHERE r.camera = $1::uuid AND r.source = $2 GROUP BY r.first_seq",
        )
        .bind(&camera)
        .bind(&recording.source)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
        if let Some((first, last)) = there {
            return Ok(Added::AlreadyThere { first: Seq(first), last: Seq(last) });
        }
        let end: Option<(i64, i64)> = sqlx::query_as(
            "SELECT seq, end_us FROM segments WHERE camera = $1::uuid ORDER BY seq DESC LIMIT 1",
        )
        .bind(&camera)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
        follows(recording, end.map(|(_, end_us)| end_us))?;
        let first = Seq(end.map_or(0, |(seq, _)| seq + 1));
        sqlx::query(
            "INSERT INTO recordings (camera, first_seq, source, start_us, end_us, origin_us, width, height,
                                     frame_interval_us) VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&camera)
        .bind(first.0)
        .bind(&recording.source)
        .bind(recording.span.start.0)
        .bind(recording.span.end.0)
        .bind(recording.origin_us)
        .bind(i64::from(recording.frame_size.width))
        .bind(i64::from(recording.frame_size.height))
        .bind(recording.frame_interval_us)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        let mut last = first;
        let mut segments = cut(recording.camera, recording.span, segment_us, first).peekable();
        while segments.peek().is_some() {
            let batch: Vec<Segment> = segments.by_ref().take(BATCH).collect();
            last = batch.last().map_or(last, |segment| segment.seq);
            insert_segments(&mut tx, &camera, first, &batch).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        Ok(Added::New { first, last })
    }

    pub(super) async fn last_recording_of(&self, camera: CameraId) -> Result<Option<Recording>, StoreError> {
        let row: Option<StoredRecording> = sqlx::query_as(
            "SELECT first_seq, source, start_us AS recording_start_us, end_us AS recording_end_us,
                    origin_us, width, height, frame_interval_us
             FROM recordings WHERE camera = $1::uuid ORDER BY first_seq DESC LIMIT 1",
        )
        .bind(camera.to_string())
        .fetch_optional(&self.verbs)
        .await
        .map_err(self.failed("look up the last recording"))?;
        Ok(row.map(|row| row.of(camera).1))
    }

    pub(super) async fn recordings_of(&self, camera: CameraId) -> Result<Vec<(Seq, Recording)>, StoreError> {
        let rows: Vec<StoredRecording> = sqlx::query_as(
            "SELECT first_seq, source, start_us AS recording_start_us, end_us AS recording_end_us,
                    origin_us, width, height, frame_interval_us
             FROM recordings WHERE camera = $1::uuid ORDER BY first_seq",
        )
        .bind(camera.to_string())
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("list recordings"))?;
        Ok(rows.into_iter().map(|row| row.of(camera)).collect())
    }

    pub(super) async fn ends_of(
        &self,
        camera: CameraId,
        span: MediaSpan,
    ) -> Result<Option<(Segment, Segment)>, StoreError> {
        // Segments follow one another: what ends after the span's start starts no earlier than the last one that
        // starts at or before it.
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT seq FROM segments
                     WHERE camera = $1::uuid AND start_us < $3 AND greatest(end_us, start_us + 1) > $2
                       AND start_us >= coalesce((SELECT max(start_us) FROM segments
                                                 WHERE camera = $1::uuid AND start_us <= $2), $2)
                     ORDER BY start_us, seq LIMIT 1),
                    (SELECT seq FROM segments
                     WHERE camera = $1::uuid AND start_us < $3 AND greatest(end_us, start_us + 1) > $2
                     ORDER BY start_us DESC, seq DESC LIMIT 1)",
        )
        .bind(camera.to_string())
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_one(&self.verbs)
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
            "SELECT s.start_us, s.end_us, s.first, s.last, r.first_seq, r.source,
                    r.start_us AS recording_start_us, r.end_us AS recording_end_us, r.origin_us, r.width,
                    r.height, r.frame_interval_us
             FROM segments s JOIN recordings r ON r.camera = s.camera AND r.first_seq = s.recording
             WHERE s.camera = $1::uuid AND s.seq = $2",
        )
        .bind(camera.to_string())
        .bind(seq.0)
        .fetch_optional(&self.verbs)
        .await
        .map_err(self.failed("read a segment"))?
        .ok_or(StoreError::NoSegment { camera, seq })?;
        Ok(row.of(camera, seq))
    }
}

async fn insert_segments(
    tx: &mut PgConnection,
    camera: &str,
    recording: Seq,
    segments: &[Segment],
) -> Result<(), sqlx::Error> {
    fn column<T>(segments: &[Segment], of: impl Fn(&Segment) -> T) -> Vec<T> {
        segments.iter().map(of).collect()
    }
    sqlx::query(
        "INSERT INTO segments (camera, recording, seq, start_us, end_us, first, last)
         SELECT $1::uuid, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::boolean[])",
    )
    .bind(camera)
    .bind(recording.0)
    .bind(column(segments, |segment| segment.seq.0))
    .bind(column(segments, |segment| segment.span.start.0))
    .bind(column(segments, |segment| segment.span.end.0))
    .bind(column(segments, |segment| segment.first))
    .bind(column(segments, |segment| segment.last))
    .execute(tx)
    .await?;
    Ok(())
}
