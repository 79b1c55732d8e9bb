//! Reading a pass's counts, row by row.

use camcount_domain::{
    Confidence, CoverageBucket, Crossing, Direction, FrameRow, LineBucket, MediaTime, PassId, TrackId, Visit,
    ZoneBucket,
};
use futures::StreamExt;
use sqlx::{Row, sqlite::SqliteRow};

use super::Sqlite;
use crate::Rows;

impl Sqlite {
    fn rows<'a, T: Send + 'a>(
        &'a self,
        statement: &'static str,
        pass: &'a PassId,
        read: fn(&SqliteRow) -> T,
    ) -> Rows<'a, T> {
        let failed = self.failed("read counts");
        sqlx::query(statement)
            .bind(&pass.0)
            .fetch(&self.reader)
            .map(move |row| row.map(|row| read(&row)).map_err(&failed))
            .boxed()
    }

    pub(super) fn read_crossings<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Crossing> {
        self.rows(
            "SELECT * FROM crossings WHERE pass = ? ORDER BY media_us, line, track, direction, ordinal",
            pass,
            |row| Crossing {
                line: row.get("line"),
                direction: match row.get("direction") {
                    "in" => Direction::In,
                    _ => Direction::Out,
                },
                time: MediaTime(row.get("media_us")),
                track: TrackId(row.get("track")),
                ordinal: row.get("ordinal"),
                class: row.get("class"),
                confidence: Confidence(row.get("confidence")),
                stitched: row.get("stitched"),
            },
        )
    }

    pub(super) fn read_visits<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Visit> {
        self.rows(
            "SELECT * FROM visits WHERE pass = ? ORDER BY entered_us, zone, track, ordinal",
            pass,
            |row| Visit {
                zone: row.get("zone"),
                track: TrackId(row.get("track")),
                ordinal: row.get("ordinal"),
                class: row.get("class"),
                entered: MediaTime(row.get("entered_us")),
                left: MediaTime(row.get("left_us")),
                stationary_us: row.get("stationary_us"),
                saw_entry: row.get("saw_entry"),
                saw_exit: row.get("saw_exit"),
            },
        )
    }

    pub(super) fn read_line_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, LineBucket> {
        self.rows("SELECT * FROM line_buckets WHERE pass = ? ORDER BY start_us, line, class", pass, |row| {
            LineBucket {
                line: row.get("line"),
                class: row.get("class"),
                start: MediaTime(row.get("start_us")),
                count_in: row.get("count_in"),
                count_out: row.get("count_out"),
            }
        })
    }

    pub(super) fn read_zone_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, ZoneBucket> {
        self.rows("SELECT * FROM zone_buckets WHERE pass = ? ORDER BY start_us, zone", pass, |row| {
            ZoneBucket {
                zone: row.get("zone"),
                start: MediaTime(row.get("start_us")),
                entered: row.get("entered"),
                left: row.get("left"),
                occupancy_min: row.get("occupancy_min"),
                occupancy_max: row.get("occupancy_max"),
                occupied_us: row.get("occupied_us"),
                stationary_us: row.get("stationary_us"),
            }
        })
    }

    pub(super) fn read_coverage<'a>(&'a self, pass: &'a PassId) -> Rows<'a, CoverageBucket> {
        self.rows("SELECT * FROM coverage WHERE pass = ? ORDER BY start_us", pass, |row| CoverageBucket {
            start: MediaTime(row.get("start_us")),
            observed_us: row.get("observed_us"),
            gap_us: row.get("gap_us"),
        })
    }

    pub(super) fn read_frames<'a>(&'a self, pass: &'a PassId) -> Rows<'a, FrameRow> {
        self.rows("SELECT * FROM frame_metadata WHERE pass = ? ORDER BY media_us", pass, |row| FrameRow {
            time: MediaTime(row.get("media_us")),
            detected: row.get("detected"),
            tracked: row.get("tracked"),
        })
    }
}
