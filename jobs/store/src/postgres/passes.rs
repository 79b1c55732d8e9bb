//! Passes: opening them, and what is due for them.

use camcount_domain::{CountPass, DetectSegment, Pass, PassId, Seq};

use sqlx::PgConnection;

use super::Postgres;
use crate::{
    NextFold, PassProgress, Scope, StoreError,
    rows::{StoredDue, StoredPass, StoredProgress},
};

impl Postgres {
    pub(super) async fn insert_pass(&self, pass: &Pass) -> Result<PassId, StoreError> {
        Self::insert_pass_in(&mut *self.verbs.acquire().await.map_err(self.failed("open a pass"))?, pass)
            .await
            .map_err(self.failed("open a pass"))?;
        Ok(pass.id())
    }

    pub(super) async fn insert_pass_in(
        connection: &mut PgConnection,
        pass: &Pass,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO passes (id, camera, detector, ruleset, range_start_us, range_end_us, first_seq,
                                 last_seq, live, next_seq)
             VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $8 IS NULL, $7)
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
        // The window keeps the search next to the cursor, however long the footage is; both tables that it looks
        // into for every pass are read in their keys' indexes only.
        let rows: Vec<StoredDue> = sqlx::query_as(
            "SELECT due.camera::text AS camera, due.seq, due.detector
             FROM (SELECT DISTINCT w.seq - p.next_seq AS ahead, p.camera, p.detector, w.seq FROM passes p
                   CROSS JOIN LATERAL (
                       SELECT s.seq FROM segments s
                       WHERE s.camera = p.camera AND s.seq >= p.next_seq AND s.seq < p.next_seq + $1
                         AND s.seq <= coalesce(p.last_seq, s.seq)
                         AND NOT EXISTS (SELECT FROM detections d
                                         WHERE d.camera = s.camera AND d.seq = s.seq AND d.detector = p.detector
                                           AND d.state <> 'failing')) w
                   WHERE NOT p.finished AND ($2::text[] IS NULL OR p.id = ANY ($2))
                     AND ($3::boolean IS NULL OR p.live = $3)) due
             ORDER BY due.ahead, due.camera, due.detector",
        )
        .bind(i64::from(per_pass))
        .bind(ids(scope))
        .bind(scope.live())
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("find due detections"))?;
        rows.into_iter().map(DetectSegment::try_from).collect()
    }

    pub(super) async fn counts_due(&self, scope: Scope<'_>) -> Result<Vec<CountPass>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT p.id, p.next_seq FROM passes p
             JOIN detections d ON d.camera = p.camera AND d.seq = p.next_seq AND d.detector = p.detector
             WHERE d.state <> 'failing' AND NOT p.finished AND ($1::text[] IS NULL OR p.id = ANY ($1))
               AND ($2::boolean IS NULL OR p.live = $2)
             ORDER BY p.id",
        )
        .bind(ids(scope))
        .bind(scope.live())
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("find due counts"))?;
        Ok(rows.into_iter().map(|(id, next)| CountPass { pass: PassId(id), next: Seq(next) }).collect())
    }

    pub(super) async fn fold_due(&self, id: &PassId) -> Result<Option<NextFold>, StoreError> {
        let row: StoredPass = sqlx::query_as(
            "SELECT camera::text, detector, ruleset, range_start_us, range_end_us, first_seq, last_seq, live,
                    next_seq, fold_state
             FROM passes WHERE id = $1",
        )
        .bind(&id.0)
        .fetch_optional(&self.verbs)
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
                    count(*) FILTER (WHERE d.state = 'detected') AS detected,
                    count(*) FILTER (WHERE d.frames = 0) AS empty,
                    count(*) FILTER (WHERE d.state = 'quarantined') AS quarantined,
                    coalesce(sum(d.frames), 0)::bigint AS frames,
                    coalesce(sum(d.spared), 0)::bigint AS spared,
                    coalesce(sum(s.end_us - s.start_us) FILTER (WHERE d.state = 'detected'), 0)::bigint
                        AS detected_us,
                    sum(s.end_us - s.start_us)::bigint AS total_us,
                    p.next_seq - p.first_seq AS counted,
                    p.finished
             FROM passes p
             JOIN segments s ON s.camera = p.camera AND s.seq >= p.first_seq
                            AND s.seq <= coalesce(p.last_seq, s.seq)
             LEFT JOIN detections d ON d.camera = s.camera AND d.seq = s.seq AND d.detector = p.detector
             WHERE p.id = $1 GROUP BY p.id",
        )
        .bind(&id.0)
        .fetch_optional(&self.verbs)
        .await
        .map_err(self.failed("read a pass's progress"))?
        .ok_or_else(|| StoreError::NoPass(id.clone()))?;
        Ok(row.into())
    }
}

/// The passes in `scope`; `None` for all.
pub(super) fn ids(scope: Scope<'_>) -> Option<Vec<&str>> {
    match scope {
        Scope::All | Scope::Live | Scope::Backfill => None,
        Scope::Passes(passes) => Some(passes.iter().map(|pass| pass.0.as_str()).collect()),
    }
}
