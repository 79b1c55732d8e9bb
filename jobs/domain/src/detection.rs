//! Detections, quantised. Rounding comes before anything else looks at them, so that noise in a model's
//! last bits cannot reach a count.

use serde::{Deserialize, Serialize};

use crate::{FrameSize, MediaTime};

/// Grid steps along each side of the picture. A step is a sixth of a pixel of 4K footage.
pub const GRID: i32 = 1 << 15;

/// [`Confidence`] of certainty.
pub const CONFIDENCE_ONE: u16 = 10_000;

/// A box in grid steps, 0..=[`GRID`] on both axes, origin at the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge.
    pub left: i32,
    /// Top edge.
    pub top: i32,
    /// Right edge.
    pub right: i32,
    /// Bottom edge.
    pub bottom: i32,
}

/// How sure a detector is, in ten-thousandths: 0..=[`CONFIDENCE_ONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidence(pub u16);

impl Confidence {
    /// From 0.0 ..= 1.0; what lies outside is clipped, and not-a-number is 0.
    #[must_use]
    pub fn from_unit(unit: f32) -> Self {
        Self((unit.clamp(0.0, 1.0) * f32::from(CONFIDENCE_ONE)).round() as u16)
    }

    /// As 0.0 ..= 1.0.
    #[must_use]
    pub fn as_unit(self) -> f64 {
        f64::from(self.0) / f64::from(CONFIDENCE_ONE)
    }
}

/// A box, class and confidence in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Detection {
    /// Where.
    pub bbox: BBox,
    /// What: an index into [`SegmentDetections::classes`].
    pub class: u16,
    /// How sure.
    pub confidence: Confidence,
}

/// All detections of one looked-at frame. A frame without any is kept too: zero is not unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectedFrame {
    /// When the camera saw it.
    pub time: MediaTime,
    /// What was in it.
    pub detections: Vec<Detection>,
}

/// The content of a detections artifact: all looked-at frames of a segment in order of media time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentDetections {
    /// Size of the camera's picture.
    pub frame_size: FrameSize,
    /// The detector's class names.
    pub classes: Vec<String>,
    /// The frames.
    pub frames: Vec<DetectedFrame>,
}
