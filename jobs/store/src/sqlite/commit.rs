//! The committing transaction: counts, fold state and cursor, all or nothing.
//!
//! Rows travel as one JSON text per table: one statement each, however many rows.

use camcount_domain::{PassId, Seq};
use serde::Serialize;

use super::{Sqlite, rollups::MARK};
use crate::{Committed, SegmentCommit, StoreError, rollups::hours_of};

const CROSSINGS: &str = "INSERT INTO crossings
        (pass, seq, line, track, direction, ordinal, media_us, class, confidence, stitched)
    SELECT ?1, ?2, value ->> 'line', value ->> 'track', value ->> 'direction', value ->> 'ordinal',
           value ->> 'time', value ->> 'class', value ->> 'confidence', value ->> 'stitched'
    FROM json_each(?3)";

const VISITS: &str = "INSERT INTO visits
        (pass, seq, zone, track, ordinal, class, entered_us, left_us, stationary_us, saw_entry, saw_exit)
    SELECT ?1, ?2, value ->> 'zone', value ->> 'track', value ->> 'ordinal', value ->> 'class',
           value ->> 'entered', value ->> 'left', value ->> 'stationary_us', value ->> 'saw_entry',
           value ->> 'saw_exit'
    FROM json_each(?3)";

// The `WHERE true` parts the upsert from the select, as SQLite's grammar asks.
const LINE_BUCKETS: &str = "INSERT INTO line_buckets (pass, start_us, line, class, count_in, count_out)
    SELECT ?1, value ->> 'start', value ->> 'line', value ->> 'class', value ->> 'count_in',
           value ->> 'count_out'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET count_in = count_in + excluded.count_in,
                              count_out = count_out + excluded.count_out";

const ZONE_BUCKETS: &str = "INSERT INTO zone_buckets
        (pass, start_us, zone, entered, left, occupancy_min, occupancy_max, occupied_us, stationary_us)
    SELECT ?1, value ->> 'start', value ->> 'zone', value ->> 'entered', value ->> 'left',
           value ->> 'occupancy_min', value ->> 'occupancy_max', value ->> 'occupied_us',
           value ->> 'stationary_us'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET entered = entered + excluded.entered, left = left + excluded.left,
        occupancy_min = min(occupancy_min, excluded.occupancy_min),
        occupancy_max = max(occupancy_max, excluded.occupancy_max),
        occupied_us = occupied_us + excluded.occupied_us,
        stationary_us = stationary_us + excluded.stationary_us";

const COVERAGE: &str = "INSERT INTO coverage (pass, start_us, observed_us, gap_us)
    SELECT ?1, value ->> 'start', value ->> 'observed_us', value ->> 'gap_us'
    FROM json_each(?3) WHERE true
    ON CONFLICT DO UPDATE SET observed_us = observed_us + excluded.observed_us,
                              gap_us = gap_us + excluded.gap_us";

const FRAMES: &str = "INSERT INTO frame_metadata (pass, media_us, detected, tracked)
    SELECT ?1, value ->> 'time', value ->> 'detected', value ->> 'tracked' FROM json_each(?3)";

/// Rows as one text; `None` of none. Written as they are read: a tree of JSON values would take ten times the memory.
fn text<R: Serialize>(rows: &[R]) -> Result<Option<String>, sqlx::Error> {
    if rows.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(rows).map(Some).map_err(|error| sqlx::Error::Encode(error.into()))
}

impl Sqlite {
    pub(super) async fn commit(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError> {
        loop {
            match self.try_commit(commit).await? {
                // The cursor got here between the fence and the look at where it stands.
                Committed::OutOfOrder { due } if due == commit.seq => {}
                committed => return Ok(committed),
            }
        }
    }

    async fn try_commit(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError> {
        let failed = self.failed("commit a segment");
        let SegmentCommit { pass, seq, counts, state } = commit;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        // The fence: only the cursor's successor moves it.
        let moved = sqlx::query(
            "UPDATE passes SET next_seq = ?1 + 1, fold_state = ?2 WHERE id = ?3 AND next_seq = ?1",
        )
        .bind(seq.0)
        .bind(state)
        .bind(&pass.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if moved.rows_affected() == 0 {
            drop(tx);
            return self.refused(pass, seq).await;
        }
        let tables = [
            (CROSSINGS, text(&counts.crossings)),
            (VISITS, text(&counts.visits)),
            (LINE_BUCKETS, text(&counts.lines)),
            (ZONE_BUCKETS, text(&counts.zones)),
            (COVERAGE, text(&counts.coverage)),
            (FRAMES, text(&counts.frames)),
            (MARK, text(&hours_of(counts))),
        ];
        for (statement, rows) in tables {
            let Some(rows) = rows.map_err(&failed)? else { continue };
            let query = sqlx::query(statement).bind(&pass.0).bind(seq.0).bind(rows);
            query.execute(&mut *tx).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        Ok(Committed::Now)
    }

    /// Why the cursor did not move.
    async fn refused(&self, pass: &PassId, seq: Seq) -> Result<Committed, StoreError> {
        let next = sqlx::query_scalar("SELECT next_seq FROM passes WHERE id = ?")
            .bind(&pass.0)
            .fetch_optional(&self.reader)
            .await
            .map_err(self.failed("read a pass's cursor"))?;
        Committed::not(pass, seq, next)
    }
}
