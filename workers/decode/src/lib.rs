//! FFmpeg: footage in, model-sized frames with true media times out.
//!
//! This is the only crate that knows FFmpeg. It runs the `ffmpeg` and `ffprobe` programs as child processes;
//! everything blocks, so callers use threads that may block. What it promises: the frames of a recording, their
//! times and their bytes are the same however the recording is cut into spans.

mod clock;
mod copy;
mod detour;
mod encode;
mod error;
mod frames;
mod health;
mod live;
mod log;
mod options;
mod probe;
mod process;
mod scaling;
mod slots;
mod source;
mod written;

pub use clock::Clock;
pub use copy::Copied;
pub use encode::VideoWriter;
pub use error::DecodeError;
pub use frames::Frames;
pub use live::{Came, Live, LiveOptions, Packet};
pub use options::{Ffmpeg, HwAccel, Options, UnknownHwAccel};
pub use probe::Probe;
pub use scaling::scaling;
pub use slots::Slots;
pub use source::redact;
