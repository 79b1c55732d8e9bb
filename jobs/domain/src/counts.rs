//! What counting yields, all of it in whole numbers, so that sums do not depend on their order.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Confidence, MediaTime, TrackId};

/// The width of the stored buckets; wider ones are sums of these.
pub const BUCKET_US: i64 = 10_000_000;

/// Which way a line was crossed: `In` is from the left of A→B to its right, as seen on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the left of A→B to its right.
    In,
    /// From the right of A→B to its left.
    Out,
}

impl Direction {
    /// The word used in exports and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One object crossing one line in one direction at one media time: the atom of counting. Within a pass it
/// is identified by line, track, direction and ordinal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The line's name.
    pub line: String,
    /// Which way.
    pub direction: Direction,
    /// When the path met the line, interpolated.
    pub time: MediaTime,
    /// The root track: the first of the tracks that were joined to one object.
    pub track: TrackId,
    /// How many crossings of this line in this direction the root track had before.
    pub ordinal: u32,
    /// The class that the track's votes favour at this moment.
    pub class: String,
    /// The mean confidence of the votes for that class.
    pub confidence: Confidence,
    /// Whether it took joining two tracks to see it.
    pub stitched: bool,
}

/// One object's stay in one zone. Within a pass it is identified by zone, track and ordinal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The zone's name.
    pub zone: String,
    /// The root track.
    pub track: TrackId,
    /// How many visits to this zone the root track had before.
    pub ordinal: u32,
    /// The class that the track's votes favour.
    pub class: String,
    /// When it came in.
    pub entered: MediaTime,
    /// When it left, or was seen last.
    pub left: MediaTime,
    /// Of that time, how long it stood still, in microseconds.
    pub stationary_us: i64,
    /// Whether it was seen to come in, and not there already when it was first seen.
    pub saw_entry: bool,
    /// Whether it was seen to leave, and not lost inside or still there at the end of the footage.
    pub saw_exit: bool,
}

/// Crossings of one line by one class in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBucket {
    /// The line's name.
    pub line: String,
    /// The class.
    pub class: String,
    /// Start of the bucket, which is [`BUCKET_US`] long.
    pub start: MediaTime,
    /// Crossings inwards.
    pub count_in: i64,
    /// Crossings outwards.
    pub count_out: i64,
}

/// How full one zone was in one bucket, or in one period of a roll-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneBucket {
    /// The zone's name.
    pub zone: String,
    /// Start of the bucket, which is [`BUCKET_US`] long where counting made it.
    pub start: MediaTime,
    /// Objects seen to come in.
    pub entered: i64,
    /// Objects seen to leave.
    pub left: i64,
    /// Fewest objects inside in any looked-at frame.
    pub occupancy_min: i64,
    /// Most objects inside in any looked-at frame.
    pub occupancy_max: i64,
    /// Objects inside, summed over observed time, in object-microseconds.
    pub occupied_us: i64,
    /// Of these, by objects that stood still.
    pub stationary_us: i64,
}

/// How much of one bucket, or of one period of a roll-up, was really observed. What is in neither lies outside the
/// footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageBucket {
    /// Start of the bucket, which is [`BUCKET_US`] long where counting made it.
    pub start: MediaTime,
    /// Time with frames, in microseconds.
    pub observed_us: i64,
    /// Time without, in microseconds.
    pub gap_us: i64,
}

/// What one looked-at frame held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRow {
    /// When the camera saw it.
    pub time: MediaTime,
    /// Detections in it, of the wanted classes.
    pub detected: u32,
    /// Tracks seen in it.
    pub tracked: u32,
}

/// Everything that folding one segment adds to a pass. Buckets are increments: the same bucket may get more
/// from the next segment. Sums add, minima and maxima combine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentCounts {
    /// Crossings, in order of emission.
    pub crossings: Vec<Crossing>,
    /// Visits that ended.
    pub visits: Vec<Visit>,
    /// Increments of line buckets.
    pub lines: Vec<LineBucket>,
    /// Increments of zone buckets.
    pub zones: Vec<ZoneBucket>,
    /// Increments of coverage.
    pub coverage: Vec<CoverageBucket>,
    /// The looked-at frames.
    pub frames: Vec<FrameRow>,
}
