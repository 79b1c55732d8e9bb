//! Roll-ups: dirty hours, what they are made of, and storing the sums.

use async_trait::async_trait;
use camcount_domain::{BUCKET_US, Granularity, MediaSpan, PassId, Sums};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{Sqlite, passes::ids};
use crate::{
    Counted, Dirty, RolledUp, Rollups, Scope, StoreError,
    rollups::{StoredCounted, StoredDirty, StoredLineSum, by_pass, sums},
    rows::{StoredCoverage, StoredZoneBucket},
};

/// Marks hours; for the committing transaction.
pub(super) const MARK: &str = "INSERT INTO dirty_hours (pass, hour_us, seq)
    SELECT ?1, value, ?2 FROM json_each(?3) WHERE true ON CONFLICT DO UPDATE SET seq = excluded.seq";

const LINES: &str = "INSERT INTO line_rollups
        (pass, granularity, start_us, line, class, count_in, count_out, confidence_sum)
    SELECT ?1, ?2, value ->> 'start', value ->> 'line', value ->> 'class', value ->> 'count_in',
           value ->> 'count_out', value ->> 'confidence_sum'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET count_in = excluded.count_in, count_out = excluded.count_out,
                              confidence_sum = excluded.confidence_sum";

const ZONES: &str = "INSERT INTO zone_rollups
        (pass, granularity, start_us, zone, entered, left, occupancy_min, occupancy_max, occupied_us, stationary_us)
    SELECT ?1, ?2, value ->> 'start', value ->> 'zone', value ->> 'entered', value ->> 'left',
           value ->> 'occupancy_min', value ->> 'occupancy_max', value ->> 'occupied_us', value ->> 'stationary_us'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET entered = excluded.entered, left = excluded.left,
        occupancy_min = excluded.occupancy_min, occupancy_max = excluded.occupancy_max,
        occupied_us = excluded.occupied_us, stationary_us = excluded.stationary_us";

const COVERAGE: &str = "INSERT INTO coverage_rollups (pass, granularity, start_us, observed_us, gap_us)
    SELECT ?1, ?2, value ->> 'start', value ->> 'observed_us', value ->> 'gap_us'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET observed_us = excluded.observed_us, gap_us = excluded.gap_us";

/// A camera's calendar has changed: its roll-ups go, and are made anew from all that it has.
pub(super) async fn recut(tx: &mut SqliteConnection, camera: &str) -> Result<(), sqlx::Error> {
    for statement in [
        "UPDATE passes SET rollup_version = rollup_version + 1 WHERE camera = ?",
        "DELETE FROM line_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = ?)",
        "DELETE FROM zone_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = ?)",
        "DELETE FROM coverage_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = ?)",
        "INSERT INTO dirty_hours (pass, hour_us, seq)
         SELECT DISTINCT p.id, b.start_us - (b.start_us % 3600000000 + 3600000000) % 3600000000, p.next_seq - 1
         FROM passes p JOIN coverage b ON b.pass = p.id WHERE p.camera = ? ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(statement).bind(camera).execute(&mut *tx).await?;
    }
    Ok(())
}

#[async_trait]
impl Rollups for Sqlite {
    async fn counted(&self, of: Option<&str>) -> Result<Vec<Counted>, StoreError> {
        let rows: Vec<StoredCounted> = sqlx::query_as(
            "SELECT p.id, c.name, c.time_zone, p.ruleset, p.detector
             FROM passes p JOIN cameras c ON c.id = p.camera
             WHERE $1 IS NULL OR p.id = $1 OR c.name = $1 OR c.id = $1
             ORDER BY c.name, c.id, p.first_seq, p.id",
        )
        .bind(of)
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("find passes"))?;
        Ok(rows.into_iter().map(Counted::from).collect())
    }

    async fn dirty(&self, scope: Scope<'_>, hours: u32) -> Result<Vec<Dirty>, StoreError> {
        let rows: Vec<StoredDirty> = sqlx::query_as(
            "SELECT d.pass, c.time_zone, p.rollup_version, d.hour_us, d.seq
             FROM (SELECT *, row_number() OVER (PARTITION BY pass ORDER BY hour_us) AS n FROM dirty_hours
                   WHERE ?2 IS NULL OR pass IN (SELECT value FROM json_each(?2))) d
             JOIN passes p ON p.id = d.pass
             JOIN cameras c ON c.id = p.camera
             WHERE d.n <= ?1 ORDER BY d.pass, d.hour_us",
        )
        .bind(hours)
        .bind(ids(scope))
        .fetch_all(&self.reader)
        .await
        .map_err(self.failed("find dirty hours"))?;
        Ok(by_pass(rows))
    }

    async fn bucket_sums(&self, pass: &PassId, span: MediaSpan) -> Result<Sums, StoreError> {
        let failed = self.failed("read buckets");
        let lines: Vec<StoredLineSum> = sqlx::query_as(
            "SELECT b.line, b.class, b.start_us, b.count_in, b.count_out, coalesce(
                 (SELECT sum(c.confidence) FROM crossings c
                  WHERE c.pass = b.pass AND c.media_us >= b.start_us AND c.media_us < b.start_us + ?4
                    AND c.line = b.line AND c.class = b.class), 0) AS confidence_sum
             FROM line_buckets b WHERE b.pass = ?1 AND b.start_us >= ?2 AND b.start_us < ?3
             ORDER BY b.start_us, b.line, b.class",
        )
        .bind(&pass.0)
        .bind(span.start.0)
        .bind(span.end.0)
        .bind(BUCKET_US)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        let zones: Vec<StoredZoneBucket> = sqlx::query_as(
            "SELECT start_us, zone, entered, left, occupancy_min, occupancy_max, occupied_us, stationary_us
             FROM zone_buckets WHERE pass = ? AND start_us >= ? AND start_us < ? ORDER BY start_us, zone",
        )
        .bind(&pass.0)
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        let coverage: Vec<StoredCoverage> = sqlx::query_as(
            "SELECT start_us, observed_us, gap_us FROM coverage
             WHERE pass = ? AND start_us >= ? AND start_us < ? ORDER BY start_us",
        )
        .bind(&pass.0)
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        Ok(sums(lines, zones, coverage))
    }

    async fn rollups(
        &self,
        pass: &PassId,
        granularity: Granularity,
        span: MediaSpan,
    ) -> Result<Sums, StoreError> {
        let failed = self.failed("read roll-ups");
        let lines: Vec<StoredLineSum> = sqlx::query_as(
            "SELECT line, class, start_us, count_in, count_out, confidence_sum FROM line_rollups
             WHERE pass = ? AND granularity = ? AND start_us >= ? AND start_us < ? ORDER BY start_us, line, class",
        )
        .bind(&pass.0)
        .bind(granularity.as_str())
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        let zones: Vec<StoredZoneBucket> = sqlx::query_as(
            "SELECT start_us, zone, entered, left, occupancy_min, occupancy_max, occupied_us, stationary_us
             FROM zone_rollups
             WHERE pass = ? AND granularity = ? AND start_us >= ? AND start_us < ? ORDER BY start_us, zone",
        )
        .bind(&pass.0)
        .bind(granularity.as_str())
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        let coverage: Vec<StoredCoverage> = sqlx::query_as(
            "SELECT start_us, observed_us, gap_us FROM coverage_rollups
             WHERE pass = ? AND granularity = ? AND start_us >= ? AND start_us < ? ORDER BY start_us",
        )
        .bind(&pass.0)
        .bind(granularity.as_str())
        .bind(span.start.0)
        .bind(span.end.0)
        .fetch_all(&self.reader)
        .await
        .map_err(&failed)?;
        Ok(sums(lines, zones, coverage))
    }

    async fn store_rollups(
        &self,
        taken: &Dirty,
        rollups: &[(Granularity, Sums)],
    ) -> Result<RolledUp, StoreError> {
        let failed = self.failed("store roll-ups");
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let moved = sqlx::query(
            "UPDATE passes SET rollup_version = rollup_version + 1 WHERE id = ? AND rollup_version = ?",
        )
        .bind(&taken.pass.0)
        .bind(taken.version)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if moved.rows_affected() == 0 {
            return Ok(RolledUp::Stale);
        }
        for (granularity, Sums { lines, zones, coverage }) in rollups {
            let tables = [(LINES, json!(lines)), (ZONES, json!(zones)), (COVERAGE, json!(coverage))];
            for (statement, rows) in tables {
                sqlx::query(statement)
                    .bind(&taken.pass.0)
                    .bind(granularity.as_str())
                    .bind(rows.to_string())
                    .execute(&mut *tx)
                    .await
                    .map_err(&failed)?;
            }
        }
        let hours: Vec<_> = taken.hours.iter().map(|(hour, seq)| [hour.0, seq.0]).collect();
        sqlx::query(
            "DELETE FROM dirty_hours WHERE pass = ? AND (hour_us, seq) IN
                 (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
        )
        .bind(&taken.pass.0)
        .bind(json!(hours).to_string())
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(RolledUp::Now)
    }
}
