//! What can go wrong, and whose fault it is.

use std::path::PathBuf;

use camcount_domain::MediaTime;

/// The failure of a library below, whose type is nobody's business outside.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a detector cannot be opened, or a frame has no detections.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// ONNX Runtime is nowhere to be found.
    #[error(
        "ONNX Runtime is not installed: run infra/setup, or name libonnxruntime with --onnxruntime or \
         ORT_DYLIB_PATH (looked at {})", list(.looked_at)
    )]
    LibraryMissing {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// What was found is no usable ONNX Runtime.
    #[error("ONNX Runtime cannot be loaded from {path}: run infra/setup for a matching version")]
    LibraryUnusable {
        /// The library.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// A process can load one ONNX Runtime only.
    #[error("ONNX Runtime {wanted} cannot be used: this process already loaded {loaded}; name the same one")]
    LibraryInUse {
        /// The one in use.
        loaded: PathBuf,
        /// The one asked for.
        wanted: PathBuf,
    },
    /// The text names no device.
    #[error("{text:?} is no device; write cpu, cuda, cuda:1, tensorrt, openvino, coreml or directml")]
    BadDevice {
        /// What was written.
        text: String,
    },
    /// This build of ONNX Runtime does not know the device.
    #[error(
        "device {device} is not in ONNX Runtime {library}, which has {}: install a build that has it, or use \
         another device", .available.join(", ")
    )]
    DeviceMissing {
        /// The device asked for.
        device: String,
        /// The library in use.
        library: PathBuf,
        /// The devices that it has.
        available: Vec<&'static str>,
    },
    /// ONNX Runtime knows the device but cannot use it, mostly for want of a driver.
    #[error("device {device} cannot be used: check its driver and libraries")]
    DeviceUnusable {
        /// The device asked for.
        device: String,
        /// Why.
        source: Cause,
    },
    /// The model's file cannot be read.
    #[error("model {path} cannot be read")]
    ModelUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no model that ONNX Runtime can load.
    #[error("{path} cannot be loaded as an ONNX model; it must be one complete file, weights included")]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// The model loads but fails on an empty picture.
    #[error("model {path} loads, but fails when run")]
    ModelFails {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// Nobody here knows what the model's outputs mean.
    #[error("model {path} has an unknown layout: {shapes}. {reasons}")]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// The inputs and outputs that it has.
        shapes: String,
        /// Why it is none of the known layouts.
        reasons: String,
    },
    /// No layout is called so.
    #[error("no layout is called {layout:?}; there are {}", .known.join(", "))]
    NoSuchLayout {
        /// The layout asked for.
        layout: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The model's classes have no names.
    #[error(
        "model {path} has {count} classes and does not name them; give {count} class names \
         (camcount model add FILE.onnx --classes NAME,NAME,…)"
    )]
    ClassesUnnamed {
        /// The file.
        path: PathBuf,
        /// How many classes.
        count: usize,
    },
    /// The model is of a kind whose graph is not understood well enough to be cut to another size.
    #[error("model {path} cannot be cut to another size")]
    Uncut {
        /// The file.
        path: PathBuf,
    },
    /// The batch does not suit the model.
    #[error("model {path} cannot run in batches of {batch}: {why}")]
    BatchRefused {
        /// The file.
        path: PathBuf,
        /// The batch asked for.
        batch: usize,
        /// What to do about it.
        why: String,
    },
    /// An option is out of range.
    #[error("{option} is {value}, and must be within 0 and 1")]
    BadOption {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: f32,
    },
    /// A thread could not be started.
    #[error("no thread for inference could be started")]
    NoThread {
        /// Why.
        source: std::io::Error,
    },
    /// The frame is not what [`Detect::picture`](crate::Detect::picture) asks for.
    #[error("the frame at {time} has {got} bytes instead of {wanted}")]
    WrongPicture {
        /// The frame.
        time: MediaTime,
        /// Bytes of the wanted picture.
        wanted: usize,
        /// Bytes of this one.
        got: usize,
    },
    /// The motion detector was given no backdrop, or one of another size.
    #[error("the frame at {time} came without the backdrop of its block")]
    NoBackdrop {
        /// The frame.
        time: MediaTime,
    },
    /// ONNX Runtime failed on this frame.
    #[error("inference failed on the frame at {time}")]
    Inference {
        /// The frame.
        time: MediaTime,
        /// Why.
        source: Cause,
    },
    /// The model's answer holds values that are no numbers.
    #[error(
        "output {output} of the model is not finite for the frame at {time}; the model or its device overflows"
    )]
    NotFinite {
        /// The frame.
        time: MediaTime,
        /// The output's name.
        output: String,
    },
    /// A bug: looking at this frame panicked.
    #[error("detection panicked on the frame at {time}: {message}")]
    Panicked {
        /// The frame.
        time: MediaTime,
        /// What the panic said.
        message: String,
    },
    /// The detector was closed before it came to this frame.
    #[error("the detector was closed before it looked at the frame")]
    Closed,
}

impl DetectError {
    /// Whether the place is at fault (a library, device or model), and not the footage: the same frame may
    /// well succeed elsewhere or later, and no attempt of its job should be used up.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        !matches!(
            self,
            Self::WrongPicture { .. }
                | Self::NoBackdrop { .. }
                | Self::Inference { .. }
                | Self::NotFinite { .. }
                | Self::Panicked { .. }
        )
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}
