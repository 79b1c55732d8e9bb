//! Devices to run models on. All are compiled in; which of them work is up to the installed ONNX Runtime.

use std::{fmt, str::FromStr};

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

use crate::DetectError;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// NVIDIA through CUDA.
    Cuda,
    /// NVIDIA through TensorRT, which builds an engine first (minutes) and times its kernels, so that two
    /// builds may differ in the last bits.
    TensorRt,
    /// Intel through OpenVINO.
    OpenVino,
    /// Apple through Core ML.
    CoreMl,
    /// Windows through DirectML.
    DirectMl,
}

impl DeviceKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino, Self::CoreMl, Self::DirectMl];

    /// The word used on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
        }
    }

    /// Whether the loaded library was built with it. It must be loaded.
    pub(crate) fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => ep::CUDA::is_available().unwrap_or(false),
            Self::TensorRt => ep::TensorRT::is_available().unwrap_or(false),
            Self::OpenVino => ep::OpenVINO::is_available().unwrap_or(false),
            Self::CoreMl => ep::CoreML::is_available().unwrap_or(false),
            Self::DirectMl => ep::DirectML::is_available().unwrap_or(false),
        }
    }
}

/// One device: `cpu`, `cuda`, `cuda:1`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Which kind.
    pub kind: DeviceKind,
    /// Which one of its kind, from 0. Only CUDA, TensorRT and DirectML number their devices.
    pub index: u16,
}

impl Device {
    /// The processor.
    pub const CPU: Self = Self { kind: DeviceKind::Cpu, index: 0 };

    /// What to register with a session, with everything switched off that makes results vary from run to
    /// run; `None` for the processor.
    pub(crate) fn provider(self) -> Option<ExecutionProviderDispatch> {
        let index = i32::from(self.index);
        // The exhaustive search picks convolution kernels by timing them: another run, other last bits.
        let search = ep::cuda::ConvAlgorithmSearch::Heuristic;
        let provider = match self.kind {
            DeviceKind::Cpu => return None,
            DeviceKind::Cuda => ep::CUDA::default()
                .with_device_id(index)
                .with_conv_algorithm_search(search)
                .with_tf32(false)
                .build(),
            DeviceKind::TensorRt => ep::TensorRT::default().with_device_id(index).build(),
            DeviceKind::OpenVino => ep::OpenVINO::default().build(),
            DeviceKind::CoreMl => ep::CoreML::default().build(),
            DeviceKind::DirectMl => ep::DirectML::default().with_device_id(index).build(),
        };
        Some(provider.error_on_failure())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => f.write_str(self.kind.as_str()),
            index => write!(f, "{}:{index}", self.kind.as_str()),
        }
    }
}

impl FromStr for Device {
    type Err = DetectError;

    fn from_str(text: &str) -> Result<Self, DetectError> {
        let bad = || DetectError::BadDevice { text: text.to_owned() };
        let (word, index) = match text.split_once(':') {
            Some((word, index)) => (word, Some(index.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        let word = word.to_ascii_lowercase();
        let kind = DeviceKind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(bad)?;
        let numbered = matches!(kind, DeviceKind::Cuda | DeviceKind::TensorRt | DeviceKind::DirectMl);
        if index.is_some() && !numbered {
            return Err(bad());
        }
        Ok(Self { kind, index: index.unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_they_are_read() {
        for text in ["cpu", "cuda", "cuda:3", "tensorrt", "openvino", "coreml", "directml:1"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cpu:1", "cuda:", "cuda:-1", "cuda:x", "openvino:GPU"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }
}
