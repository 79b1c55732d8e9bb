//! Reading a pass's counts, row by row: those in their months and those that are unplaced, in one order.

use camcount_domain::{CoverageBucket, Crossing, FrameRow, LineBucket, PassId, Visit, ZoneBucket};
use futures::StreamExt;
use sqlx::{FromRow, postgres::PgRow};

use super::Postgres;
use crate::{
    Rows,
    rows::{StoredCoverage, StoredCrossing, StoredFrame, StoredLineBucket, StoredVisit, StoredZoneBucket},
};

// Columns are named, for a prepared `SELECT *` fails once a migration adds one.
/// A pass's rows of a table and its `_unplaced` one, in the order of their keys.
macro_rules! both {
    ($columns:literal, $table:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE pass = $1 UNION ALL SELECT ",
            $columns,
            " FROM ",
            $table,
            "_unplaced WHERE pass = $1 ORDER BY ",
            $order
        )
    };
}

impl Postgres {
    fn rows<'a, R, T>(&'a self, statement: &'static str, pass: &'a PassId) -> Rows<'a, T>
    where
        R: for<'r> FromRow<'r, PgRow> + Into<T> + Send + Unpin + 'a,
        T: Send + 'a,
    {
        let failed = self.failed("read counts");
        sqlx::query_as::<_, R>(statement)
            .bind(&pass.0)
            .fetch(&self.readers)
            .map(move |row| row.map(Into::into).map_err(&failed))
            .boxed()
    }

    pub(super) fn read_crossings<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Crossing> {
        self.rows::<StoredCrossing, _>(
            both!(
                "media_us, line, track, direction, ordinal, class, confidence, stitched",
                "crossings",
                "media_us, line, track, direction, ordinal"
            ),
            pass,
        )
    }

    pub(super) fn read_visits<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Visit> {
        self.rows::<StoredVisit, _>(
            both!(
                "entered_us, zone, track, ordinal, class, left_us, stationary_us, saw_entry, saw_exit",
                "visits",
                "entered_us, zone, track, ordinal"
            ),
            pass,
        )
    }

    pub(super) fn read_line_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, LineBucket> {
        self.rows::<StoredLineBucket, _>(
            both!("start_us, line, class, count_in, count_out", "line_buckets", "start_us, line, class"),
            pass,
        )
    }

    pub(super) fn read_zone_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, ZoneBucket> {
        self.rows::<StoredZoneBucket, _>(
            both!(
                "start_us, zone, entered, \"left\", occupancy_min, occupancy_max, occupied_us, stationary_us",
                "zone_buckets",
                "start_us, zone"
            ),
            pass,
        )
    }

    pub(super) fn read_coverage<'a>(&'a self, pass: &'a PassId) -> Rows<'a, CoverageBucket> {
        self.rows::<StoredCoverage, _>(both!("start_us, observed_us, gap_us", "coverage", "start_us"), pass)
    }

    pub(super) fn read_frames<'a>(&'a self, pass: &'a PassId) -> Rows<'a, FrameRow> {
        self.rows::<StoredFrame, _>(
            both!("media_us, detected::bigint, tracked::bigint", "frame_metadata", "media_us"),
            pass,
        )
    }
}
