//! What can go wrong, told apart by whose fault it is.

use std::{io, path::PathBuf, time::Duration};

/// Why footage could not be read or written. Sources are named without passwords or queries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The program is not there.
    #[error(
        "{} is not installed; install FFmpeg (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg) \
         or say where it is",
        program.display()
    )]
    FfmpegMissing {
        /// The program that was looked for.
        program: PathBuf,
    },
    /// The program is there, and is not FFmpeg.
    #[error("{} does not answer like FFmpeg; install FFmpeg or say where it is", program.display())]
    NotFfmpeg {
        /// The program that was run.
        program: PathBuf,
    },
    /// The program is there but cannot be started, or not be talked to.
    #[error("{} cannot be run", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The hardware decoder cannot be used.
    #[error(
        "this machine cannot decode with the hardware decoder {hwaccel:?} ({detail}); choose another or none"
    )]
    HwAccelMissing {
        /// The decoder asked for.
        hwaccel: String,
        /// FFmpeg's words.
        detail: String,
    },
    /// No space is left.
    #[error("no space is left to write {}; free some", path.display())]
    NoSpace {
        /// What was written.
        path: PathBuf,
    },
    /// A file of ours cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The footage is not there, or not for us to read.
    #[error("{source_name} cannot be opened ({detail}); check the name and who may read it")]
    NotFound {
        /// The footage.
        source_name: String,
        /// Why.
        detail: String,
    },
    /// The file has no bytes.
    #[error("{source_name} is empty; was it copied to its end?")]
    Empty {
        /// The footage.
        source_name: String,
    },
    /// There is no picture in it.
    #[error("{source_name} holds no video, only {holds}; give a video file")]
    NoVideo {
        /// The footage.
        source_name: String,
        /// What is in it instead.
        holds: String,
    },
    /// It is no footage that FFmpeg can read.
    #[error(
        "{source_name} cannot be read as video ({detail}); play it in another program to see if it is whole"
    )]
    Unreadable {
        /// The footage.
        source_name: String,
        /// FFmpeg's words.
        detail: String,
    },
    /// Its frames have no times that could be true.
    #[error(
        "the time stamps of {source_name} make no sense ({detail}); if its frame rate is known, convert it, like \
         ffmpeg -r 25 -i IN -c:v libx264 OUT.mp4"
    )]
    BadClock {
        /// The footage.
        source_name: String,
        /// What is wrong with them.
        detail: String,
    },
    /// Reading it stopped before its end: a disk or network that fails.
    #[error("reading {source_name} broke off ({detail}); check the disk or network that it comes from")]
    BrokeOff {
        /// The footage.
        source_name: String,
        /// FFmpeg's words.
        detail: String,
    },
    /// FFmpeg gave up on it or crashed.
    #[error("FFmpeg failed on {source_name}: {status} ({detail})")]
    Broken {
        /// The footage.
        source_name: String,
        /// How the child ended.
        status: String,
        /// FFmpeg's last words.
        detail: String,
    },
    /// FFmpeg showed no sign of life and was killed.
    #[error("FFmpeg stalled on {source_name}: nothing came for {} s; it was killed", stall.as_secs_f64())]
    Stalled {
        /// The footage.
        source_name: String,
        /// The patience that it had.
        stall: Duration,
    },
    /// The caller had enough.
    #[error("reading {source_name} was stopped")]
    Stopped {
        /// The footage.
        source_name: String,
    },
    /// A picture was handed over whose bytes do not fit its size.
    #[error("a frame of {got} bytes was given for {}, which takes {wanted}", path.display())]
    FrameSize {
        /// The video being written.
        path: PathBuf,
        /// Bytes of one frame.
        wanted: usize,
        /// Bytes given.
        got: usize,
    },
}

impl DecodeError {
    /// Whether the machine is at fault, and not the footage: the same footage may do well elsewhere or later,
    /// and no attempt at it should be counted.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        matches!(
            self,
            Self::FfmpegMissing { .. }
                | Self::NotFfmpeg { .. }
                | Self::Spawn { .. }
                | Self::HwAccelMissing { .. }
                | Self::NoSpace { .. }
                | Self::Write { .. }
                | Self::Stopped { .. }
        )
    }

    /// Writing `path` failed.
    pub(crate) fn write(path: &std::path::Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path: path.into() },
            _ => Self::Write { path: path.into(), source },
        }
    }
}
