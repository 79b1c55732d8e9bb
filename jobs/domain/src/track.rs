//! What tracking hands to counting.

use serde::{Deserialize, Serialize};

use crate::{BBox, Confidence, GRID, MediaTime};

/// A track of one pass, numbered from 1 in the order of appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u64);

/// A box in normalised coordinates, 0..1 in the picture, as floating point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxF {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Bottom edge.
    pub bottom: f64,
}

impl BoxF {
    /// Width; negative when the edges are swapped.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Height; negative when the edges are swapped.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

impl From<BBox> for BoxF {
    fn from(b: BBox) -> Self {
        let unit = |v: i32| f64::from(v) / f64::from(GRID);
        Self { left: unit(b.left), top: unit(b.top), right: unit(b.right), bottom: unit(b.bottom) }
    }
}

/// One tracked object as seen in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackedObject {
    /// Which track.
    pub track: TrackId,
    /// Where.
    pub bbox: BoxF,
    /// What the detector took it for in this frame: an index into the classes.
    pub class: u16,
    /// How sure it was in this frame.
    pub confidence: Confidence,
}

/// The tracked objects of one looked-at frame: those seen in it, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackedFrame {
    /// When the camera saw it.
    pub time: MediaTime,
    /// Who was seen.
    pub objects: Vec<TrackedObject>,
}
