//! Passes: opening them, and what is due for them.

use camcount_domain::{CountPass, DetectSegment, Pass, PassId, Seq};

use sqlx::SqliteConnection;

use super::Sqlite;
use crate::{
    NextFold, PassProgress, Scope, StoreError,
    rows::{StoredDue, StoredPass, StoredProgress},
};

impl Sqlite {
    pub(super) async fn insert_pass(&self, pass: &Pass) -> Result<PassId, StoreError> {
        Self::insert_pass_in(&mut *self.writer.acquire().await.map_err(self.failed("open a pass"))?, pass)
            .await
            .map_err(self.failed("open a pass"))?;
        Ok(pass.id())
    }

    pub(super) async fn insert_pass_in(
        connection: &mut SqliteConnection,
        pass: &Pass,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO passes (id, camera, detector, ruleset, range_start_us, range_end_us, first_seq,
                                 last_seq, live, next_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 IS NULL, ?7)
             ON CONFLICT DO NOTHING",
        )
        .bind(pass.id().0)
        .bind(pass.camera.to_string())
        .bind(&pass.detector.0)
        .bind(&pass.ruleset.0)
        .bind(pass.range.start.0)
        .bind(pass.range.end.0)
        .bind(pass.first.0)
        .bind(pass.last.map(|seq| seq.0))
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(super) async fn detections_due(
        &self,
        scope: Scope<'_>,
        per_pass: u32,
    ) -> Result<Vec<DetectSegment>, StoreError> {
        // The window keeps the search next to the cursor, however long the footage is.
        let rows: Vec<StoredDue> = sqlx::query_as(
            "SELECT DISTINCT s.camera, s.seq, p.detector, s.seq - p.next_seq AS ahead FROM passes p
             JOIN segments s ON s.camera = p.camera AND s.seq >= p.next_seq AND s.seq < p.next_seq + ?1
                            AND (p.last_seq IS NULL OR s.seq <= p.last_seq)
             LEFT JOIN detections d ON d.camera = s.camera AND d.seq = s.seq AND d.detector = p.detector
             WHERE coalesce(d.state, 'failing') = 'failing'
               AND (p.last_seq IS NULL OR p.next_seq <= p.last_seq)
               AND (?2 IS NULL OR p.id IN (SELECT value FROM json_each(?2))) AND p.live = coalesce(?3, p.live)
             ORDER BY ahead, s.camera, p.detector",
        )
        .bind(per_pass)
        .bind(ids(scope))
        .bind(scope.live())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("find due detections"))?;
        rows.into_iter().map(DetectSegment::try_from).collect()
    }

    pub(super) async fn counts_due(&self, scope: Scope<'_>) -> Result<Vec<CountPass>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT p.id, p.next_seq FROM passes p
             JOIN detections d ON d.camera = p.camera AND d.seq = p.next_seq AND d.detector = p.detector
             WHERE d.state <> 'failing' AND (p.last_seq IS NULL OR p.next_seq <= p.last_seq)
               AND (?1 IS NULL OR p.id IN (SELECT value FROM json_each(?1))) AND p.live = coalesce(?2, p.live)
             ORDER BY p.id",
        )
        .bind(ids(scope))
        .bind(scope.live())
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("find due counts"))?;
        Ok(rows.into_iter().map(|(id, next)| CountPass { pass: PassId(id), next: Seq(next) }).collect())
    }

    pub(super) async fn fold_due(&self, id: &PassId) -> Result<Option<NextFold>, StoreError> {
        let row: StoredPass = sqlx::query_as("SELECT * FROM passes WHERE id = ?")
            .bind(&id.0)
            .fetch_optional(&self.reader)
            .await
            .map_err(self.failed("read a pass"))?
            .ok_or_else(|| StoreError::NoPass(id.clone()))?;
        let pass = row.pass()?;
        let Some(seq) = row.next() else { return Ok(None) };
        let job = DetectSegment { camera: pass.camera, seq, detector: pass.detector.clone() };
        let Some(outcome) = self.outcome_of(&job).await? else { return Ok(None) };
        let (segment, recording) = self.segment_of(pass.camera, seq).await?;
        Ok(Some(NextFold { segment, recording, outcome, last: row.last(), state: row.fold_state, pass }))
    }

    pub(super) async fn progress_of(&self, id: &PassId) -> Result<PassProgress, StoreError> {
        let row: StoredProgress = sqlx::query_as(
            "SELECT count(*) AS segments,
                    coalesce(sum(d.state = 'detected'), 0) AS detected,
                    coalesce(sum(d.frames = 0), 0) AS empty,
                    coalesce(sum(d.state = 'quarantined'), 0) AS quarantined,
                    coalesce(sum(d.frames), 0) AS frames,
                    coalesce(sum(d.spared), 0) AS spared,
                    coalesce(sum(CASE d.state WHEN 'detected' THEN s.end_us - s.start_us END), 0)
                        AS detected_us,
                    sum(s.end_us - s.start_us) AS total_us,
                    p.next_seq - p.first_seq AS counted,
                    p.last_seq IS NOT NULL AND p.next_seq > p.last_seq AS finished
             FROM passes p
             JOIN segments s ON s.camera = p.camera AND s.seq >= p.first_seq
                            AND (p.last_seq IS NULL OR s.seq <= p.last_seq)
             LEFT JOIN detections d ON d.camera = s.camera AND d.seq = s.seq AND d.detector = p.detector
             WHERE p.id = ? GROUP BY p.id",
        )
        .bind(&id.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(self.failed("read a pass's progress"))?
        .ok_or_else(|| StoreError::NoPass(id.clone()))?;
        Ok(row.into())
    }
}

/// The passes in `scope` as a JSON array; `None` for all.
pub(super) fn ids(scope: Scope<'_>) -> Option<String> {
    match scope {
        Scope::All | Scope::Live | Scope::Backfill => None,
        Scope::Passes(passes) => Some(serde_json::json!(passes).to_string()),
    }
}
