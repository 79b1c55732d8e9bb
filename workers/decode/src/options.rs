//! Where FFmpeg is and how it is run.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use ffmpeg_sidecar::{command::FfmpegCommand, log_parser::try_parse_version};

use crate::{DecodeError, process};

/// What decodes: the processor, or a device that FFmpeg knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HwAccel {
    /// The processor. The only one whose frames are the same bytes on every machine.
    #[default]
    None,
    /// Whatever FFmpeg finds, or else the processor.
    Auto,
    /// NVIDIA.
    Cuda,
    /// Intel and AMD on Linux.
    Vaapi,
    /// Intel Quick Sync.
    Qsv,
    /// Apple.
    VideoToolbox,
    /// Direct3D 11.
    D3d11va,
    /// Vulkan.
    Vulkan,
}

impl HwAccel {
    const ALL: [(Self, &str); 8] = [
        (Self::None, "none"),
        (Self::Auto, "auto"),
        (Self::Cuda, "cuda"),
        (Self::Vaapi, "vaapi"),
        (Self::Qsv, "qsv"),
        (Self::VideoToolbox, "videotoolbox"),
        (Self::D3d11va, "d3d11va"),
        (Self::Vulkan, "vulkan"),
    ];
}

impl fmt::Display for HwAccel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(accel, _)| accel == self).map_or("none", |(_, name)| name))
    }
}

/// Why a text names no hardware decoder.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no hardware decoder; choose none, auto, cuda, vaapi, qsv, videotoolbox, d3d11va or vulkan")]
pub struct UnknownHwAccel(String);

impl FromStr for HwAccel {
    type Err = UnknownHwAccel;

    fn from_str(text: &str) -> Result<Self, UnknownHwAccel> {
        let known = Self::ALL.iter().find(|(_, name)| text.eq_ignore_ascii_case(name));
        known.map(|(accel, _)| *accel).ok_or_else(|| UnknownHwAccel(text.to_owned()))
    }
}

/// How FFmpeg is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `ffmpeg` program; a bare name is looked up in the PATH.
    pub ffmpeg: PathBuf,
    /// The `ffprobe` program.
    pub ffprobe: PathBuf,
    /// What decodes.
    pub hwaccel: HwAccel,
    /// A child that shows no sign of life for this long is killed.
    pub stall: Duration,
    /// Threads of one decoder. One by default: a worker decodes several segments at once, so more only get in
    /// each other's way; and with frame threads, what FFmpeg makes of broken footage depends on their timing.
    pub threads: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            hwaccel: HwAccel::None,
            stall: Duration::from_secs(30),
            threads: 1,
        }
    }
}

/// FFmpeg, ready to be run. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ffmpeg {
    pub(crate) options: Arc<Options>,
}

impl Ffmpeg {
    /// FFmpeg as `options` say. Nothing is run yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options: Arc::new(options) }
    }

    /// The version of the `ffmpeg` program.
    ///
    /// # Errors
    /// [`DecodeError::FfmpegMissing`] when it, or `ffprobe`, cannot be run.
    pub fn check(&self) -> Result<String, DecodeError> {
        self.version(&self.options.ffprobe)?;
        self.version(&self.options.ffmpeg)
    }

    fn version(&self, program: &Path) -> Result<String, DecodeError> {
        let mut command = FfmpegCommand::new_with_path(program);
        command.arg("-version");
        let output = process::output(command, "-version", self.options.stall)?;
        let text = String::from_utf8_lossy(&output);
        // "ffprobe version …" reads like "ffmpeg version …".
        let line = text.lines().next().unwrap_or_default().replacen("ffprobe", "ffmpeg", 1);
        try_parse_version(&line).ok_or_else(|| DecodeError::NotFfmpeg { program: program.into() })
    }

    /// An `ffmpeg` command that asks nothing and prints no statistics.
    pub(crate) fn command(&self) -> FfmpegCommand {
        let mut command = FfmpegCommand::new_with_path(&self.options.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-nostats"]);
        command
    }

    /// The arguments, before `-i`, that make it decode as it should.
    pub(crate) fn decode_with(&self, command: &mut FfmpegCommand) {
        command.args(["-threads", &self.options.threads.max(1).to_string()]);
        if self.options.hwaccel != HwAccel::None {
            command.hwaccel(self.options.hwaccel.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_decoders_are_read_as_they_are_printed() {
        for (accel, _) in HwAccel::ALL {
            assert_eq!(accel.to_string().parse::<HwAccel>().unwrap(), accel);
        }
        assert!("gpu".parse::<HwAccel>().unwrap_err().to_string().contains("vaapi"));
    }

    #[test]
    fn check_tells_the_version_or_how_to_install() {
        assert!(!Ffmpeg::default().check().unwrap().is_empty());
        let missing = Ffmpeg::new(Options { ffmpeg: "no-such-ffmpeg".into(), ..Options::default() });
        let error = missing.check().unwrap_err();
        assert!(error.is_environment() && error.to_string().contains("apt-get install ffmpeg"), "{error}");
        let other = Ffmpeg::new(Options { ffmpeg: "/bin/echo".into(), ..Options::default() });
        assert!(matches!(other.check(), Err(DecodeError::NotFfmpeg { .. })));
    }
}
