//! The committing transaction: counts, fold state and cursor, all or nothing.
//!
//! It first moves the cursor, and so holds the pass's row: of commits that race, the second waits, and then finds
//! the cursor gone. That also makes it safe to ask, and not to lock, which months are open. See `partitions.rs`.

use camcount_domain::{PassId, SegmentCounts, Seq};
use sqlx::PgConnection;

use super::{
    Postgres, again, frames,
    places::{Open, Places, into},
};
use crate::{Committed, SegmentCommit, StoreError, rollups::hours_of};

const CROSSINGS: [&str; 2] = into!(
    "INSERT INTO ",
    "crossings",
    " (pass, seq, line, track, direction, ordinal, media_us, class, confidence, stitched)
    SELECT $1, $2, * FROM json_to_recordset($3::json)
        AS r (line text, track bigint, direction text, ordinal bigint, time bigint, class text,
              confidence bigint, stitched boolean)"
);

const VISITS: [&str; 2] = into!(
    "INSERT INTO ",
    "visits",
    " (pass, seq, zone, track, ordinal, class, entered_us, left_us, stationary_us, saw_entry, saw_exit)
    SELECT $1, $2, * FROM json_to_recordset($3::json)
        AS r (zone text, track bigint, ordinal bigint, class text, entered bigint, \"left\" bigint,
              stationary_us bigint, saw_entry boolean, saw_exit boolean)"
);

// Increments of one bucket are added up first: a statement must not meet a row twice.
const LINE_BUCKETS: [&str; 2] = into!(
    "INSERT INTO ",
    "line_buckets",
    " AS b (pass, start_us, line, class, count_in, count_out)
    SELECT $1, start, line, class, sum(count_in), sum(count_out) FROM json_to_recordset($3::json)
        AS r (start bigint, line text, class text, count_in bigint, count_out bigint)
    GROUP BY start, line, class
    ON CONFLICT (pass, start_us, line, class) DO UPDATE
        SET count_in = b.count_in + excluded.count_in, count_out = b.count_out + excluded.count_out"
);

const ZONE_BUCKETS: [&str; 2] = into!(
    "INSERT INTO ",
    "zone_buckets",
    " AS b (pass, start_us, zone, entered, \"left\", occupancy_min, occupancy_max, occupied_us, stationary_us)
    SELECT $1, start, zone, sum(entered), sum(\"left\"), min(occupancy_min), max(occupancy_max),
           sum(occupied_us), sum(stationary_us)
    FROM json_to_recordset($3::json)
        AS r (start bigint, zone text, entered bigint, \"left\" bigint, occupancy_min bigint,
              occupancy_max bigint, occupied_us bigint, stationary_us bigint)
    GROUP BY start, zone
    ON CONFLICT (pass, start_us, zone) DO UPDATE
        SET entered = b.entered + excluded.entered, \"left\" = b.\"left\" + excluded.\"left\",
            occupancy_min = least(b.occupancy_min, excluded.occupancy_min),
            occupancy_max = greatest(b.occupancy_max, excluded.occupancy_max),
            occupied_us = b.occupied_us + excluded.occupied_us,
            stationary_us = b.stationary_us + excluded.stationary_us"
);

const COVERAGE: [&str; 2] = into!(
    "INSERT INTO ",
    "coverage",
    " AS b (pass, start_us, observed_us, gap_us)
    SELECT $1, start, sum(observed_us), sum(gap_us) FROM json_to_recordset($3::json)
        AS r (start bigint, observed_us bigint, gap_us bigint)
    GROUP BY start
    ON CONFLICT (pass, start_us) DO UPDATE
        SET observed_us = b.observed_us + excluded.observed_us, gap_us = b.gap_us + excluded.gap_us"
);

const FRAMES: [&str; 2] =
    into!("COPY ", "frame_metadata", " (pass, media_us, detected, tracked) FROM STDIN (FORMAT binary)");

/// What is to be rolled up anew.
const MARK: &str = "INSERT INTO dirty_hours (pass, hour_us, seq) SELECT $1, unnest($3::bigint[]), $2
    ON CONFLICT (pass, hour_us) DO UPDATE SET seq = excluded.seq";

impl Postgres {
    pub(super) async fn commit(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError> {
        loop {
            match again(|| self.try_commit(commit)).await? {
                // The cursor got here between the fence and the look at where it stands.
                Committed::OutOfOrder { due } if due == commit.seq => {}
                committed => return Ok(committed),
            }
        }
    }

    async fn try_commit(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError> {
        let failed = self.failed("commit a segment");
        let SegmentCommit { pass, seq, counts, state } = commit;
        let mut tx = self.verbs.begin().await.map_err(&failed)?;
        // The fence: only the cursor's successor moves it.
        let moved = sqlx::query(
            "UPDATE passes SET next_seq = next_seq + 1, fold_state = $3 WHERE id = $1 AND next_seq = $2",
        )
        .bind(&pass.0)
        .bind(seq.0)
        .bind(state)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        if moved.rows_affected() == 0 {
            let next = sqlx::query_scalar("SELECT next_seq FROM passes WHERE id = $1")
                .bind(&pass.0)
                .fetch_optional(&mut *tx)
                .await
                .map_err(&failed)?;
            return Committed::not(pass, seq, next);
        }
        store(&mut tx, pass, seq, counts).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(Committed::Now)
    }
}

/// Stores the rows, those of open months there and the others aside.
async fn store(
    tx: &mut PgConnection,
    pass: &PassId,
    seq: Seq,
    counts: &SegmentCounts,
) -> Result<(), sqlx::Error> {
    let SegmentCounts { crossings, visits, lines, zones, coverage, frames } = counts;
    let times = || {
        (crossings.iter().map(|row| row.time))
            .chain(visits.iter().map(|row| row.entered))
            .chain(lines.iter().map(|row| row.start))
            .chain(zones.iter().map(|row| row.start))
            .chain(coverage.iter().map(|row| row.start))
            .chain(frames.iter().map(|row| row.time))
    };
    let Some(open) = Open::to(tx, pass, times).await? else { return Ok(()) };
    let mut places = Places { tx, pass, about: seq.0, open: &open };
    places.insert(CROSSINGS, crossings, |row| row.time).await?;
    places.insert(VISITS, visits, |row| row.entered).await?;
    places.insert(LINE_BUCKETS, lines, |row| row.start).await?;
    places.insert(ZONE_BUCKETS, zones, |row| row.start).await?;
    places.insert(COVERAGE, coverage, |row| row.start).await?;
    let (inside, outside): (Vec<_>, Vec<_>) = frames.iter().partition(|row| open.holds(row.time));
    for (statement, rows) in FRAMES.into_iter().zip([inside, outside]) {
        if !rows.is_empty() {
            frames::copy(places.tx, statement, pass, rows).await?;
        }
    }
    let hours = hours_of(counts);
    if !hours.is_empty() {
        sqlx::query(MARK).bind(&pass.0).bind(seq.0).bind(hours).execute(places.tx).await?;
    }
    Ok(())
}
