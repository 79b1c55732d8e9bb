//! Frames as detectors want them, and the way back from their coordinates to the camera's picture.

use serde::{Deserialize, Serialize};

use crate::{BBox, GRID, MediaTime, Pixels};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameSize {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// How the bytes of a picture are laid out; rows from top to bottom, no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// Three bytes a pixel: red, green, blue.
    Rgb,
    /// Three bytes a pixel: blue, green, red.
    Bgr,
    /// One plane of bytes after the other: green, blue, red.
    GbrPlanes,
    /// One byte a pixel: luma.
    Gray,
}

impl PixelFormat {
    /// Bytes of one pixel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr | Self::GbrPlanes => 3,
            Self::Gray => 1,
        }
    }
}

/// How the camera's picture is brought to the wanted size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Each axis on its own.
    Stretch,
    /// Aspect kept, at the top left, the rest filled with `pad` (0..=255 in every channel).
    TopLeft {
        /// The fill.
        pad: u8,
    },
    /// Aspect kept, in the middle, the rest filled with `pad`.
    Centre {
        /// The fill.
        pad: u8,
    },
}

/// The pictures that a detector wants to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Picture {
    /// Their size.
    pub size: FrameSize,
    /// How the camera's picture comes to that size.
    pub fit: Fit,
    /// Their bytes.
    pub pixels: PixelFormat,
}

impl Picture {
    /// Bytes of one picture.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.size.width as usize * self.size.height as usize * self.pixels.bytes()
    }

    /// Where the camera's picture of `source` pixels lies in this one: left, top, width, height in whole
    /// pixels. Even for odd sizes it is at least one pixel and inside.
    #[must_use]
    pub fn placement(&self, source: FrameSize) -> (u32, u32, u32, u32) {
        let (w, h) = (f64::from(self.size.width), f64::from(self.size.height));
        let scale = (w / f64::from(source.width.max(1))).min(h / f64::from(source.height.max(1)));
        let fitted = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
        let (fw, fh) = (fitted(source.width, self.size.width), fitted(source.height, self.size.height));
        match self.fit {
            Fit::Stretch => (0, 0, self.size.width, self.size.height),
            Fit::TopLeft { .. } => (0, 0, fw, fh),
            Fit::Centre { .. } => ((self.size.width - fw) / 2, (self.size.height - fh) / 2, fw, fh),
        }
    }

    /// A box in this picture's pixels (left, top, right, bottom) as a box in the camera's picture of
    /// `source` pixels, clipped to it and put on the grid. `None` when it is empty, outside or not finite.
    #[must_use]
    pub fn to_source(&self, pixels: [f32; 4], source: FrameSize) -> Option<BBox> {
        if pixels.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let (left, top, width, height) = self.placement(source);
        let snap = |value: f32, offset: u32, extent: u32| {
            let unit = (f64::from(value) - f64::from(offset)) / f64::from(extent);
            (unit * f64::from(GRID)).round().clamp(0.0, f64::from(GRID)) as i32
        };
        let bbox = BBox {
            left: snap(pixels[0], left, width),
            top: snap(pixels[1], top, height),
            right: snap(pixels[2], left, width),
            bottom: snap(pixels[3], top, height),
        };
        (bbox.left < bbox.right && bbox.top < bbox.bottom).then_some(bbox)
    }
}

/// One picture of a camera, scaled and laid out as a [`Picture`] asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When the camera saw it.
    pub time: MediaTime,
    /// [`Picture::bytes`] bytes.
    pub data: Pixels,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letterboxed_boxes_come_back() {
        let source = FrameSize { width: 480, height: 360 };
        let size = FrameSize { width: 416, height: 416 };
        let picture = Picture { size, fit: Fit::Centre { pad: 114 }, pixels: PixelFormat::Rgb };
        assert_eq!(picture.placement(source), (0, 52, 416, 312));
        let whole = picture.to_source([0.0, 52.0, 416.0, 364.0], source).unwrap();
        assert_eq!(whole, BBox { left: 0, top: 0, right: GRID, bottom: GRID });
        assert_eq!(picture.to_source([0.0, 0.0, 416.0, 50.0], source), None);
        assert_eq!(picture.to_source([f32::NAN, 0.0, 1.0, 1.0], source), None);
    }
}
