//! A detector that needs no model: what differs from the backdrop moves. For static cameras, for trying
//! camcount out, and for scenes that no model knows.
//!
//! It keeps no running background. Media time is divided into blocks, and a frame is compared with the
//! median of samples of its own block: detection stays a function of the footage alone, wherever it is cut.
//!
//! What stands still for more than half a block becomes backdrop; what then leaves, leaves a ghost behind.

mod backdrop;
mod blobs;
mod light;
mod mask;
mod shade;

use std::sync::Arc;

use camcount_domain::{
    DetectedFrame, Detection, Detector, Fit, Frame, FrameSize, Picture, PixelFormat, Rate,
};

pub use backdrop::{Backdrop, BackdropWanted};
use blobs::Blob;
use light::Light;
use mask::Mask;

use crate::{Detect, DetectError, Ticket, ticket::Answer};

/// Goes up whenever the same frame and backdrop give other detections.
const REVISION: u32 = 1;

/// The longer side of the pictures. A person of 44 lines in 640x360 footage still has 26, and most noise has
/// been averaged away; at 480 no more people are found, and grass and trees move.
const SIDE: u32 = 384;

/// Class indices.
const PERSON: u16 = 0;
const CAR: u16 = 1;

/// Finds moving people and vehicles before a static background. Looks on the thread that submits.
#[derive(Clone, Debug, Default)]
pub struct MotionDetector;

impl MotionDetector {
    /// The detector; it has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// What moves in one frame.
    fn look(&self, frame: &Frame, source: FrameSize, backdrop: Option<&Backdrop>) -> Answer {
        let picture = self.picture(source);
        let (time, wanted, got) = (frame.time, picture.bytes(), frame.data.len());
        if got != wanted {
            return Err(DetectError::WrongPicture { time, wanted, got });
        }
        let backdrop = backdrop.filter(|b| b.len() == wanted).ok_or(DetectError::NoBackdrop { time })?;
        let (_, _, width, height) = picture.placement(source);
        let size = (width as usize, height as usize);
        let stride = picture.size.width as usize;
        let scene = Scene {
            frame: crop(&frame.data, stride, size),
            median: crop(backdrop.median_level(), stride, size),
            noise: crop(backdrop.noise(), stride, size),
        };
        let blobs = find(&scene, size);
        let detections = blobs
            .iter()
            .filter_map(|blob| {
                let edges = [blob.left, blob.top, blob.right, blob.bottom].map(|edge| edge as f32);
                let bbox = picture.to_source(edges, source)?;
                let class = if blob.height() >= blob.width() { PERSON } else { CAR };
                Some(Detection { bbox, class, confidence: blob.confidence() })
            })
            .collect();
        Ok(DetectedFrame { time, detections })
    }
}

/// What a frame is compared with; all of one size, without padding.
struct Scene {
    frame: Vec<u8>,
    median: Vec<u8>,
    noise: Vec<u8>,
}

fn find(scene: &Scene, (width, height): (usize, usize)) -> Vec<Blob> {
    let light = Light::between(&scene.frame, &scene.median);
    let mut contrast = mask::contrast(scene, light);
    shade::lift(scene, light, width, &mut contrast);
    let Some(mask) = Mask::of(&contrast, width, height) else {
        return Vec::new();
    };
    blobs::find(&mask, &contrast)
}

/// The part of a picture that holds the camera's picture.
fn crop(data: &[u8], stride: usize, (width, height): (usize, usize)) -> Vec<u8> {
    data.chunks_exact(stride).take(height).flat_map(|row| &row[..width]).copied().collect()
}

impl Detect for MotionDetector {
    fn describe(&self, rate: Rate) -> Detector {
        let BackdropWanted { block_us, samples } = BackdropWanted::DEFAULT;
        Detector {
            name: "motion".to_owned(),
            sha256: String::new(),
            layout: "motion before a median backdrop".to_owned(),
            settings: format!("revision {REVISION}; side {SIDE}; block {block_us} us of {samples} samples"),
            rate,
            classes: vec!["person".to_owned(), "car".to_owned()],
        }
    }

    fn picture(&self, _source: FrameSize) -> Picture {
        let size = FrameSize { width: SIDE, height: SIDE };
        Picture { size, fit: Fit::TopLeft { pad: 0 }, pixels: PixelFormat::Gray }
    }

    fn backdrop(&self) -> Option<BackdropWanted> {
        Some(BackdropWanted::DEFAULT)
    }

    fn submit(&self, frame: Frame, source: FrameSize, backdrop: Option<Arc<Backdrop>>) -> Ticket {
        Ticket::answered(self.look(&frame, source, backdrop.as_deref()))
    }
}
