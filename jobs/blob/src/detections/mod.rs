//! The detections artifact: all detections of a segment as one Parquet file, for camcount to fold and for
//! analysts to query.
//!
//! One row a detection; a frame without any has one row whose box is null, since zero is not unknown.
//!
//! | column | type | |
//! |---|---|---|
//! | `frame` | int | the frame's place in the segment, from 0 |
//! | `media_time` | timestamp in µs, UTC | when the camera saw it |
//! | `box_left`, `box_top`, `box_right`, `box_bottom` | float | 0..1 in the picture, origin top left; a multiple of 1/[`GRID`], so exact |
//! | `class` | text | what it is |
//! | `class_index` | int | its place in the file's list of classes |
//! | `confidence` | float | 0..1, in steps of 1/[`CONFIDENCE_ONE`] |
//!
//! The file's metadata hold the format, the frame size, the classes, and a hash of the content, so that a
//! damaged or edited file is told from a good one.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::error::Error;

use arrow_schema::{DataType, Field, Schema};
use camcount_domain::{CONFIDENCE_ONE, GRID, SegmentDetections};
use sha2::{Digest, Sha256};

use crate::{
    hex,
    parquet_file::{field, media_time},
};

pub use decode::decode;
pub use encode::encode;

/// Changes with the meaning of the columns.
const FORMAT: &str = "camcount.detections.v1";

/// The keys of the file's metadata.
mod note {
    pub(super) const FORMAT: &str = "camcount.format";
    pub(super) const FRAME_WIDTH: &str = "camcount.frame_width_px";
    pub(super) const FRAME_HEIGHT: &str = "camcount.frame_height_px";
    pub(super) const GRID: &str = "camcount.grid";
    pub(super) const CLASSES: &str = "camcount.classes";
    pub(super) const SHA256: &str = "camcount.sha256";
}

/// The SHA-256 of an artifact's bytes in hex, by which the store knows it.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What is wrong with an artifact or with what was to become one.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Encoding: a value that the format cannot hold.
    #[error("frame {frame} of the segment cannot be written: {reason}; the detector is at fault")]
    Unwritable {
        /// The frame's place in the segment.
        frame: usize,
        /// What about it.
        reason: String,
    },
    /// Decoding: a file of another kind or of another version.
    #[error("this is no detections artifact that this version reads: {reason}")]
    Foreign {
        /// What gave it away.
        reason: String,
    },
    /// Decoding: an artifact that has been damaged or edited.
    #[error("the detections artifact is damaged: {reason}; delete it and detect the segment again")]
    Damaged {
        /// What gave it away.
        reason: String,
    },
    /// The Parquet library refused.
    #[error("could not {action} the detections artifact as parquet")]
    Parquet {
        /// What was tried, as a verb.
        action: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

fn schema() -> Schema {
    let of_detection = |name, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("frame", DataType::UInt32),
        field("media_time", media_time()),
        of_detection("box_left", DataType::Float32),
        of_detection("box_top", DataType::Float32),
        of_detection("box_right", DataType::Float32),
        of_detection("box_bottom", DataType::Float32),
        of_detection("class", DataType::Utf8),
        of_detection("class_index", DataType::UInt16),
        of_detection("confidence", DataType::Float32),
    ])
}

/// A grid step as the file holds it. Both ways are exact: a 32 bit float holds 2^24 steps.
fn unit_of_step(step: i32) -> f32 {
    step as f32 / GRID as f32
}

fn step_of_unit(unit: f32) -> i32 {
    (unit * GRID as f32).round() as i32
}

fn unit_of_confidence(confidence: u16) -> f32 {
    f32::from(confidence) / f32::from(CONFIDENCE_ONE)
}

fn confidence_of_unit(unit: f32) -> u16 {
    (unit * f32::from(CONFIDENCE_ONE)).round() as u16
}

/// SHA-256 of all that an artifact says, in hex.
fn content_sha256(detections: &SegmentDetections) -> String {
    let mut sha = Sha256::new();
    let mut number = |n: i64| sha.update(n.to_le_bytes());
    number(i64::from(detections.frame_size.width));
    number(i64::from(detections.frame_size.height));
    number(detections.frames.len() as i64);
    for frame in &detections.frames {
        number(frame.time.0);
        number(frame.detections.len() as i64);
        for found in &frame.detections {
            for side in [found.bbox.left, found.bbox.top, found.bbox.right, found.bbox.bottom] {
                number(i64::from(side));
            }
            number(i64::from(found.class));
            number(i64::from(found.confidence.0));
        }
    }
    for class in &detections.classes {
        sha.update((class.len() as u64).to_le_bytes());
        sha.update(class.as_bytes());
    }
    hex(&sha.finalize())
}
