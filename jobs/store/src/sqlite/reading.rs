//! Reading a pass's counts, row by row.

use camcount_domain::{CoverageBucket, Crossing, FrameRow, LineBucket, PassId, Visit, ZoneBucket};
use futures::StreamExt;
use sqlx::{FromRow, sqlite::SqliteRow};

use super::Sqlite;
use crate::{
    Rows,
    rows::{StoredCoverage, StoredCrossing, StoredFrame, StoredLineBucket, StoredVisit, StoredZoneBucket},
};

impl Sqlite {
    fn rows<'a, R, T>(&'a self, statement: &'static str, pass: &'a PassId) -> Rows<'a, T>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Into<T> + Send + Unpin + 'a,
        T: Send + 'a,
    {
        let failed = self.failed("read counts");
        sqlx::query_as::<_, R>(statement)
            .bind(&pass.0)
            .fetch(&self.reader)
            .map(move |row| row.map(Into::into).map_err(&failed))
            .boxed()
    }

    pub(super) fn read_crossings<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Crossing> {
        self.rows::<StoredCrossing, _>(
            "SELECT * FROM crossings WHERE pass = ? ORDER BY media_us, line, track, direction, ordinal",
            pass,
        )
    }

    pub(super) fn read_visits<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Visit> {
        self.rows::<StoredVisit, _>(
            "SELECT * FROM visits WHERE pass = ? ORDER BY entered_us, zone, track, ordinal",
            pass,
        )
    }

    pub(super) fn read_line_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, LineBucket> {
        self.rows::<StoredLineBucket, _>(
            "SELECT * FROM line_buckets WHERE pass = ? ORDER BY start_us, line, class",
            pass,
        )
    }

    pub(super) fn read_zone_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, ZoneBucket> {
        self.rows::<StoredZoneBucket, _>(
            "SELECT * FROM zone_buckets WHERE pass = ? ORDER BY start_us, zone",
            pass,
        )
    }

    pub(super) fn read_coverage<'a>(&'a self, pass: &'a PassId) -> Rows<'a, CoverageBucket> {
        self.rows::<StoredCoverage, _>("SELECT * FROM coverage WHERE pass = ? ORDER BY start_us", pass)
    }

    pub(super) fn read_frames<'a>(&'a self, pass: &'a PassId) -> Rows<'a, FrameRow> {
        self.rows::<StoredFrame, _>("SELECT * FROM frame_metadata WHERE pass = ? ORDER BY media_us", pass)
    }
}
