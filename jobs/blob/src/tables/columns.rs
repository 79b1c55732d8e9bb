//! What the tables hold: the one place that says which columns there are, what they are called and where
//! their values come from. Parquet and CSV are both written from here.

use camcount_domain::{
    BUCKET_US, CoverageBucket, Crossing, FrameRow, LineBucket, MediaTime, Visit, ZoneBucket,
};

/// A kind of row.
pub trait Record: Sized + 'static {
    /// The table's name, and that of its files.
    const TABLE: &'static str;
    /// Its own columns, in order; before them goes the camera, after them ruleset and detector.
    const COLUMNS: &'static [Column<Self>];
}

/// A column of a kind of row.
pub struct Column<R: 'static> {
    /// Its name, with its unit; no word that SQL keeps for itself.
    pub name: &'static str,
    /// Its type and its values.
    pub read: Read<R>,
}

/// A type, and how a row's value of it is read.
pub enum Read<R: 'static> {
    /// Parquet: timestamp in µs, UTC. CSV: RFC 3339.
    Time(fn(&R) -> MediaTime),
    /// Text.
    Text(fn(&R) -> &str),
    /// A whole number of 64 bits.
    Whole(fn(&R) -> i64),
    /// A floating point number of 64 bits.
    Real(fn(&R) -> f64),
    /// True or false.
    Flag(fn(&R) -> bool),
}

use Read::{Flag, Real, Text, Time, Whole};

const fn column<R>(name: &'static str, read: Read<R>) -> Column<R> {
    Column { name, read }
}

/// Track ids count from 1, far below the end of the signed numbers that every reader understands.
fn whole(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

impl Record for Crossing {
    const TABLE: &'static str = "crossings";
    const COLUMNS: &'static [Column<Self>] = &[
        column("media_time", Time(|row| row.time)),
        column("line", Text(|row| &row.line)),
        column("direction", Text(|row| row.direction.as_str())),
        column("class", Text(|row| &row.class)),
        column("confidence", Real(|row| row.confidence.as_unit())),
        column("track", Whole(|row| whole(row.track.0))),
        column("ordinal", Whole(|row| i64::from(row.ordinal))),
        column("stitched", Flag(|row| row.stitched)),
    ];
}

impl Record for Visit {
    const TABLE: &'static str = "visits";
    const COLUMNS: &'static [Column<Self>] = &[
        column("entered_time", Time(|row| row.entered)),
        column("left_time", Time(|row| row.left)),
        column("zone", Text(|row| &row.zone)),
        column("class", Text(|row| &row.class)),
        column("dwell_us", Whole(|row| row.left.since_us(row.entered))),
        column("stationary_us", Whole(|row| row.stationary_us)),
        column("saw_entry", Flag(|row| row.saw_entry)),
        column("saw_exit", Flag(|row| row.saw_exit)),
        column("track", Whole(|row| whole(row.track.0))),
        column("ordinal", Whole(|row| i64::from(row.ordinal))),
    ];
}

impl Record for LineBucket {
    const TABLE: &'static str = "line_counts";
    const COLUMNS: &'static [Column<Self>] = &[
        column("bucket_start", Time(|row| row.start)),
        column("bucket_end", Time(|row| row.start.plus_us(BUCKET_US))),
        column("line", Text(|row| &row.line)),
        column("class", Text(|row| &row.class)),
        column("count_in", Whole(|row| row.count_in)),
        column("count_out", Whole(|row| row.count_out)),
    ];
}

impl Record for ZoneBucket {
    const TABLE: &'static str = "zone_counts";
    const COLUMNS: &'static [Column<Self>] = &[
        column("bucket_start", Time(|row| row.start)),
        column("bucket_end", Time(|row| row.start.plus_us(BUCKET_US))),
        column("zone", Text(|row| &row.zone)),
        column("count_entered", Whole(|row| row.entered)),
        column("count_left", Whole(|row| row.left)),
        column("occupancy_min", Whole(|row| row.occupancy_min)),
        column("occupancy_max", Whole(|row| row.occupancy_max)),
        column("occupied_us", Whole(|row| row.occupied_us)),
        column("stationary_us", Whole(|row| row.stationary_us)),
    ];
}

impl Record for CoverageBucket {
    const TABLE: &'static str = "coverage";
    const COLUMNS: &'static [Column<Self>] = &[
        column("bucket_start", Time(|row| row.start)),
        column("bucket_end", Time(|row| row.start.plus_us(BUCKET_US))),
        column("observed_us", Whole(|row| row.observed_us)),
        column("gap_us", Whole(|row| row.gap_us)),
    ];
}

impl Record for FrameRow {
    const TABLE: &'static str = "frames";
    const COLUMNS: &'static [Column<Self>] = &[
        column("media_time", Time(|row| row.time)),
        column("detected", Whole(|row| i64::from(row.detected))),
        column("tracked", Whole(|row| i64::from(row.tracked))),
    ];
}
