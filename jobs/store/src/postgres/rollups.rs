//! Roll-ups: dirty hours, what they are made of, and storing the sums.

use async_trait::async_trait;
use camcount_domain::{BUCKET_US, Granularity, MediaSpan, PassId, Sums};
use sqlx::{FromRow, PgConnection, postgres::PgRow};

use super::{
    Postgres, again,
    passes::ids,
    places::{Open, Places, into},
};
use crate::{
    Counted, Dirty, RolledUp, Rollups, Scope, StoreError,
    rollups::{StoredCounted, StoredDirty, StoredLineSum, by_pass, sums},
    rows::{StoredCoverage, StoredZoneBucket},
};

const LINES: [&str; 2] = into!(
    "INSERT INTO ",
    "line_rollups",
    " (pass, granularity, start_us, line, class, count_in, count_out, confidence_sum)
    SELECT $1, $2, * FROM json_to_recordset($3::json)
        AS r (start bigint, line text, class text, count_in bigint, count_out bigint, confidence_sum bigint)
    ON CONFLICT (pass, granularity, start_us, line, class) DO UPDATE
        SET count_in = excluded.count_in, count_out = excluded.count_out, confidence_sum = excluded.confidence_sum"
);

const ZONES: [&str; 2] = into!(
    "INSERT INTO ",
    "zone_rollups",
    " (pass, granularity, start_us, zone, entered, \"left\", occupancy_min, occupancy_max, occupied_us, stationary_us)
    SELECT $1, $2, * FROM json_to_recordset($3::json)
        AS r (start bigint, zone text, entered bigint, \"left\" bigint, occupancy_min bigint,
              occupancy_max bigint, occupied_us bigint, stationary_us bigint)
    ON CONFLICT (pass, granularity, start_us, zone) DO UPDATE
        SET entered = excluded.entered, \"left\" = excluded.\"left\",
            occupancy_min = excluded.occupancy_min, occupancy_max = excluded.occupancy_max,
            occupied_us = excluded.occupied_us, stationary_us = excluded.stationary_us"
);

const COVERAGE: [&str; 2] = into!(
    "INSERT INTO ",
    "coverage_rollups",
    " (pass, granularity, start_us, observed_us, gap_us)
    SELECT $1, $2, * FROM json_to_recordset($3::json) AS r (start bigint, observed_us bigint, gap_us bigint)
    ON CONFLICT (pass, granularity, start_us) DO UPDATE
        SET observed_us = excluded.observed_us, gap_us = excluded.gap_us"
);

/// A pass's rows of a span, of a table and its `_unplaced` one, in the order of their keys.
macro_rules! within {
    ($columns:literal, $table:literal, $of:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " b WHERE ",
            $of,
            " UNION ALL SELECT ",
            $columns,
            " FROM ",
            $table,
            "_unplaced b WHERE ",
            $of,
            " ORDER BY ",
            $order
        )
    };
}

const BUCKETS_OF_ZONES: &str = within!(
    "start_us, zone, entered, \"left\", occupancy_min, occupancy_max, occupied_us, stationary_us",
    "zone_buckets",
    "pass = $1 AND start_us >= $2 AND start_us < $3",
    "start_us, zone"
);
const BUCKETS_OF_COVERAGE: &str = within!(
    "start_us, observed_us, gap_us",
    "coverage",
    "pass = $1 AND start_us >= $2 AND start_us < $3",
    "start_us"
);
const ROLLUPS_OF_LINES: &str = within!(
    "line, class, start_us, count_in, count_out, confidence_sum",
    "line_rollups",
    "pass = $1 AND granularity = $4 AND start_us >= $2 AND start_us < $3",
    "start_us, line, class"
);
const ROLLUPS_OF_ZONES: &str = within!(
    "start_us, zone, entered, \"left\", occupancy_min, occupancy_max, occupied_us, stationary_us",
    "zone_rollups",
    "pass = $1 AND granularity = $4 AND start_us >= $2 AND start_us < $3",
    "start_us, zone"
);
const ROLLUPS_OF_COVERAGE: &str = within!(
    "start_us, observed_us, gap_us",
    "coverage_rollups",
    "pass = $1 AND granularity = $4 AND start_us >= $2 AND start_us < $3",
    "start_us"
);

/// Crossings of a bucket begin in it, and lie aside where it does.
const BUCKETS_OF_LINES: &str = "
    WITH sure AS (
        SELECT media_us - ((media_us % $4) + $4) % $4 AS start_us, line, class, sum(confidence)::bigint AS sum
        FROM (SELECT media_us, line, class, confidence FROM crossings
              WHERE pass = $1 AND media_us >= $2 AND media_us < $3 + $4
              UNION ALL
              SELECT media_us, line, class, confidence FROM crossings_unplaced
              WHERE pass = $1 AND media_us >= $2 AND media_us < $3 + $4) c
        GROUP BY 1, 2, 3
    )
    SELECT b.line, b.class, b.start_us, b.count_in, b.count_out, coalesce(sure.sum, 0) AS confidence_sum
    FROM (SELECT line, class, start_us, count_in, count_out FROM line_buckets
          WHERE pass = $1 AND start_us >= $2 AND start_us < $3
          UNION ALL
          SELECT line, class, start_us, count_in, count_out FROM line_buckets_unplaced
          WHERE pass = $1 AND start_us >= $2 AND start_us < $3) b
    LEFT JOIN sure USING (start_us, line, class)
    ORDER BY b.start_us, b.line, b.class";

impl Postgres {
    /// Rows of a pass in a span. `about` is what the statement asks for beside these.
    async fn within<'q, R, A>(
        &self,
        statement: &'static str,
        pass: &'q PassId,
        span: MediaSpan,
        about: Option<A>,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
        A: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + 'q,
    {
        let query = sqlx::query_as::<_, R>(statement).bind(&pass.0).bind(span.start.0).bind(span.end.0);
        let query = match about {
            Some(about) => query.bind(about),
            None => query,
        };
        query.fetch_all(&self.verbs).await.map_err(self.failed("read roll-ups"))
    }

    async fn try_store_rollups(
        &self,
        taken: &Dirty,
        rollups: &[(Granularity, Sums)],
    ) -> Result<RolledUp, StoreError> {
        let failed = self.failed("store roll-ups");
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        // The fence, which also holds the pass's row, as commits do.
        let moved = sqlx::query(
            "UPDATE passes SET rollup_version = rollup_version + 1 WHERE id = $1 AND rollup_version = $2",
        )
        .bind(&taken.pass.0)
        .bind(taken.version)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if moved.rows_affected() == 0 {
            return Ok(RolledUp::Stale);
        }
        let times = || rollups.iter().flat_map(|(_, sums)| sums.coverage.iter().map(|row| row.start));
        if let Some(open) = Open::to(&mut tx, &taken.pass, times).await.map_err(&failed)? {
            for (granularity, Sums { lines, zones, coverage }) in rollups {
                let about = granularity.as_str();
                let mut places = Places { tx: &mut tx, pass: &taken.pass, about, open: &open };
                places.insert(LINES, lines, |row| row.start).await.map_err(&failed)?;
                places.insert(ZONES, zones, |row| row.start).await.map_err(&failed)?;
                places.insert(COVERAGE, coverage, |row| row.start).await.map_err(&failed)?;
            }
        }
        let (hours, seqs): (Vec<_>, Vec<_>) = taken.hours.iter().map(|(hour, seq)| (hour.0, seq.0)).unzip();
        sqlx::query(
            "DELETE FROM dirty_hours d USING unnest($2::bigint[], $3::bigint[]) AS taken (hour_us, seq)
             WHERE d.pass = $1 AND d.hour_us = taken.hour_us AND d.seq = taken.seq",
        )
        .bind(&taken.pass.0)
        .bind(hours)
        .bind(seqs)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(RolledUp::Now)
    }
}

/// A camera's calendar has changed: its roll-ups go, and are made anew from all that it has.
pub(super) async fn recut(tx: &mut PgConnection, camera: &str) -> Result<(), sqlx::Error> {
    for statement in [
        // It also holds the passes' rows, so nobody commits or rolls up meanwhile.
        "UPDATE passes SET rollup_version = rollup_version + 1 WHERE camera = $1::uuid",
        "DELETE FROM line_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "DELETE FROM line_rollups_unplaced WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "DELETE FROM zone_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "DELETE FROM zone_rollups_unplaced WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "DELETE FROM coverage_rollups WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "DELETE FROM coverage_rollups_unplaced WHERE pass IN (SELECT id FROM passes WHERE camera = $1::uuid)",
        "INSERT INTO dirty_hours (pass, hour_us, seq)
         SELECT DISTINCT p.id, b.start_us - (b.start_us % 3600000000 + 3600000000) % 3600000000, p.next_seq - 1
         FROM passes p JOIN (SELECT pass, start_us FROM coverage UNION ALL
                             SELECT pass, start_us FROM coverage_unplaced) b ON b.pass = p.id
         WHERE p.camera = $1::uuid ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(statement).bind(camera).execute(&mut *tx).await?;
    }
    Ok(())
}

#[async_trait]
impl Rollups for Postgres {
    async fn counted(&self, of: Option<&str>) -> Result<Vec<Counted>, StoreError> {
        let rows: Vec<StoredCounted> = sqlx::query_as(
            "SELECT p.id, c.name, c.time_zone, p.ruleset, p.detector
             FROM passes p JOIN cameras c ON c.id = p.camera
             WHERE $1::text IS NULL OR p.id = $1 OR c.name = $1 OR c.id::text = $1
             ORDER BY c.name, c.id, p.first_seq, p.id",
        )
        .bind(of)
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("find passes"))?;
        Ok(rows.into_iter().map(Counted::from).collect())
    }

    async fn dirty(&self, scope: Scope<'_>, hours: u32) -> Result<Vec<Dirty>, StoreError> {
        let rows: Vec<StoredDirty> = sqlx::query_as(
            "SELECT d.pass, c.time_zone, p.rollup_version, d.hour_us, d.seq
             FROM (SELECT DISTINCT pass FROM dirty_hours WHERE $2::text[] IS NULL OR pass = ANY ($2)) has
             JOIN passes p ON p.id = has.pass
             JOIN cameras c ON c.id = p.camera
             CROSS JOIN LATERAL (SELECT pass, hour_us, seq FROM dirty_hours
                                 WHERE pass = has.pass ORDER BY hour_us LIMIT $1) d
             ORDER BY d.pass, d.hour_us",
        )
        .bind(i64::from(hours))
        .bind(ids(scope))
        .fetch_all(&self.verbs)
        .await
        .map_err(self.failed("find dirty hours"))?;
        Ok(by_pass(rows))
    }

    async fn bucket_sums(&self, pass: &PassId, span: MediaSpan) -> Result<Sums, StoreError> {
        let none = None::<i64>;
        let lines = self.within::<StoredLineSum, _>(BUCKETS_OF_LINES, pass, span, Some(BUCKET_US)).await?;
        let zones = self.within::<StoredZoneBucket, _>(BUCKETS_OF_ZONES, pass, span, none).await?;
        let coverage = self.within::<StoredCoverage, _>(BUCKETS_OF_COVERAGE, pass, span, none).await?;
        Ok(sums(lines, zones, coverage))
    }

    async fn rollups(
        &self,
        pass: &PassId,
        granularity: Granularity,
        span: MediaSpan,
    ) -> Result<Sums, StoreError> {
        let about = Some(granularity.as_str());
        let lines = self.within::<StoredLineSum, _>(ROLLUPS_OF_LINES, pass, span, about).await?;
        let zones = self.within::<StoredZoneBucket, _>(ROLLUPS_OF_ZONES, pass, span, about).await?;
        let coverage = self.within::<StoredCoverage, _>(ROLLUPS_OF_COVERAGE, pass, span, about).await?;
        Ok(sums(lines, zones, coverage))
    }

    async fn store_rollups(
        &self,
        taken: &Dirty,
        rollups: &[(Granularity, Sums)],
    ) -> Result<RolledUp, StoreError> {
        again(|| self.try_store_rollups(taken, rollups)).await
    }
}
