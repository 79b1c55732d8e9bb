//! The words of camcount as plain values: footage and segments, detections and tracks, lines, zones and
//! rulesets, crossings, visits and buckets, jobs and failures.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Every other crate depends on this one and
//! this one on none of them.

mod counts;
mod detection;
mod failure;
mod footage;
mod geometry;
mod ids;
mod job;
mod live;
mod pass;
mod picture;
mod pixels;
mod rollup;
pub mod rules;
mod stream;
mod time;
mod track;
mod upkeep;

pub use counts::{
    BUCKET_US, CoverageBucket, Crossing, Direction, FrameRow, LineBucket, SegmentCounts, Visit, ZoneBucket,
};
pub use detection::{BBox, CONFIDENCE_ONE, Confidence, DetectedFrame, Detection, GRID, SegmentDetections};
pub use failure::{Decision, Failure};
pub use footage::{Camera, Continuity, Recording, Segment, cut};
pub use geometry::{Point, Polygon, cross, intersection};
pub use ids::{CameraId, DetectorVersion, PassId, RulesetVersion, Seq, content_hash, segment_trace};
pub use job::{CountPass, DetectSegment, Job, JobArgs, Lane, Priority};
pub use live::{InOut, LiveCounts, SegmentCounted, Taken, ZoneInside};
pub use pass::{Detector, Pass};
pub use picture::{Fit, Frame, FrameSize, Picture, PixelFormat};
pub use pixels::Pixels;
pub use rollup::{BadGranularity, Granularity, LineSum, Sums};
pub use rules::{Anchor, Line, Policy, Ruleset, Zone};
pub use stream::{StreamSettings, Transport};
pub use time::{BadTime, MediaSpan, MediaTime, Rate, WallTime};
pub use track::{BoxF, TrackId, TrackedFrame, TrackedObject};
pub use upkeep::{RollOver, RollUp};
