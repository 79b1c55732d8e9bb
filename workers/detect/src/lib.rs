//! Frames in, quantised detections out: the only crate that knows ONNX Runtime, and a detector that needs
//! no model at all.
//!
//! Detection is stateless. What is found in a frame depends on the frame, on what [`Detect::describe`]
//! spells out, for the motion detector on the [`Backdrop`] of the frame's block of media time, and behind a
//! [`Gate`] on the frames of its slot. It does not depend on other frames, on the order in which they are looked
//! at, or on how many threads did.

mod classes;
mod cut;
mod device;
mod error;
mod explanation;
mod gate;
mod graph;
mod input;
mod layouts;
mod library;
mod model;
mod motion;
mod network;
mod onnx;
mod service;
mod suppress;
mod throughput;
mod ticket;

use std::sync::Arc;

use camcount_domain::{Detector, Frame, FrameSize, Picture, Rate, Recording};

pub use device::{Device, DeviceKind};
pub use error::DetectError;
pub use explanation::Explanation;
pub use gate::{Gate, Gated};
pub use library::{Installation, installation};
pub use motion::{Backdrop, BackdropWanted, MotionDetector};
pub use onnx::{OnnxDetector, OnnxOptions, layout_names};
pub use throughput::inference_alone;
pub use ticket::Ticket;

/// A detector as the job runtime sees it.
pub trait Detect: Send + Sync {
    /// Everything that the detections depend on, when looking at `rate`.
    fn describe(&self, rate: Rate) -> Detector;

    /// The frames that it wants of a camera whose picture is `source` pixels.
    fn picture(&self, source: FrameSize) -> Picture;

    /// The backdrop that it wants to be given with every frame, if any.
    fn backdrop(&self) -> Option<BackdropWanted>;

    /// What decides which frames of a recording it is spared; `None` when it is to be given all of them.
    fn gate(&self, recording: &Recording) -> Option<Gate> {
        let _ = recording;
        None
    }

    /// Hands in a frame of a camera whose picture is `source` pixels. Blocks while the detector has enough
    /// waiting; the answer is in the ticket.
    fn submit(&self, frame: Frame, source: FrameSize, backdrop: Option<Arc<Backdrop>>) -> Ticket;
}
