//! What passes have counted so far, counts and cursor as of one moment.

use async_trait::async_trait;
use camcount_domain::{MediaSpan, PassId};

use super::Postgres;
use crate::{
    Live, SoFar, StoreError,
    live::{StoredCovered, StoredCursor, StoredInOut},
};

const CURSOR: &str = "SELECT p.next_seq, p.fold_state,
        (SELECT s.end_us FROM segments s WHERE s.camera = p.camera AND s.seq = p.next_seq - 1
            AND p.next_seq > p.first_seq) AS counted_us
     FROM passes p WHERE p.id = $1";

const LINES: &str =
    "SELECT line, class, sum(count_in)::bigint AS count_in, sum(count_out)::bigint AS count_out
     FROM (SELECT line, class, count_in, count_out FROM line_buckets
           WHERE pass = $1 AND start_us >= $2 AND start_us < $3
           UNION ALL
           SELECT line, class, count_in, count_out FROM line_buckets_unplaced
           WHERE pass = $1 AND start_us >= $2 AND start_us < $3) b
     GROUP BY line, class";

const COVERAGE: &str = "SELECT coalesce(sum(observed_us), 0)::bigint AS observed_us,
            coalesce(sum(gap_us), 0)::bigint AS gap_us
     FROM (SELECT observed_us, gap_us FROM coverage WHERE pass = $1 AND start_us >= $2 AND start_us < $3
           UNION ALL
           SELECT observed_us, gap_us FROM coverage_unplaced
           WHERE pass = $1 AND start_us >= $2 AND start_us < $3) b";

#[async_trait]
impl Live for Postgres {
    async fn so_far(&self, pass: &PassId, within: MediaSpan) -> Result<SoFar, StoreError> {
        let failed = self.failed("read what was counted so far");
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let mut tx = self.verbs.begin_with(begin).await.map_err(&failed)?;
        let cursor: Option<StoredCursor> =
            sqlx::query_as(CURSOR).bind(&pass.0).fetch_optional(&mut *tx).await.map_err(&failed)?;
        let cursor = cursor.ok_or_else(|| StoreError::NoPass(pass.clone()))?;
        let (start, end) = (within.start.0, within.end.0);
        let lines: Vec<StoredInOut> = sqlx::query_as(LINES)
            .bind(&pass.0)
            .bind(start)
            .bind(end)
            .fetch_all(&mut *tx)
            .await
            .map_err(&failed)?;
        let covered: StoredCovered = sqlx::query_as(COVERAGE)
            .bind(&pass.0)
            .bind(start)
            .bind(end)
            .fetch_one(&mut *tx)
            .await
            .map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(cursor.with(lines, covered))
    }
}
