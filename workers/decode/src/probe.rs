//! What a source of footage is: its container, its clock and its picture.

use std::{process::Stdio, time::Duration};

use camcount_domain::{FrameSize, MediaTime};
use ffmpeg_sidecar::command::FfmpegCommand;
use serde::Deserialize;

use crate::{
    DecodeError, Ffmpeg, HwAccel,
    log::{Shown, shown, to_us},
    process,
    source::{self, Place},
};

/// What is known about a source before its frames are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// FFmpeg's name of the container, like `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// FFmpeg's name of the video codec, like `h264`.
    pub codec: String,
    /// From the first frame to the end that the container declares, in microseconds. `None` when it declares
    /// none, like a live stream.
    pub duration_us: Option<i64>,
    /// The container's presentation time of the first frame that can be decoded, in microseconds.
    pub start_us: i64,
    /// The picture as shown: rotated as its metadata say, pixels made square.
    pub frame_size: FrameSize,
    /// The usual time between two frames in microseconds, as declared; at least 1.
    pub frame_interval_us: i64,
    /// When the recording was made, if the container says so.
    pub creation_time: Option<MediaTime>,
    /// Whether it is a local file of which any span can be read on its own. Otherwise it must be copied
    /// first, see [`Ffmpeg::copy`].
    pub seeks_exactly: bool,
    /// The unit of the packets' time stamps: numerator and denominator of a second.
    pub(crate) time_base: (i64, i64),
    /// How many frames at most are decoded before a frame that is shown before them.
    pub(crate) reorder: usize,
}

/// The containers in which a local file is sought exactly.
///
/// MPEG-TS is missing since its clock wraps and jumps; raw streams, since they have no clock at all.
const SEEKABLE: [&str; 3] = ["mov", "matroska", "avi"];

/// What is assumed when a container declares no rate, like ffmpeg does: 25 frames/s.
const DEFAULT_INTERVAL_US: i64 = 40_000;

/// ffprobe's answer, as far as it matters.
#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Format,
}

#[derive(Deserialize)]
struct Format {
    format_name: String,
    duration: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
pub(crate) struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    time_base: Option<String>,
    #[serde(default)]
    has_b_frames: usize,
    duration: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Default, Deserialize)]
struct Tags {
    creation_time: Option<String>,
}

impl Answer {
    /// Whether the container is one of `names`; FFmpeg knows some by several names at once.
    pub(crate) fn is(&self, names: &[&str]) -> bool {
        self.format.format_name.split(',').any(|name| names.contains(&name))
    }

    /// Whether it has no clock: its packets say nothing of when they are to be shown.
    pub(crate) fn is_timeless(&self) -> bool {
        self.is(&["mpjpeg", "mjpeg", "image2", "jpeg_pipe", "h264", "hevc"])
    }

    /// The first stream that is a moving picture: what FFmpeg calls `V:0`.
    fn video(&self) -> Option<&Stream> {
        let moving =
            |s: &&Stream| s.codec_type.as_deref() == Some("video") && s.disposition.attached_pic == 0;
        self.streams.iter().find(moving)
    }

    /// The video stream, or an error that says what there is instead.
    pub(crate) fn video_or_error(&self, source: &str) -> Result<&Stream, DecodeError> {
        let none = || DecodeError::NoVideo { source_name: source::redact(source), holds: self.holds() };
        self.video().ok_or_else(none)
    }

    fn holds(&self) -> String {
        let what = |s: &Stream| s.codec_type.clone().unwrap_or_else(|| "data".to_owned());
        let mut kinds: Vec<String> = self.streams.iter().map(what).collect();
        kinds.dedup();
        if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" and ") }
    }
}

/// What the first decoded frame tells.
#[derive(Clone, Copy, Debug)]
struct FirstFrame {
    start_us: i64,
    size: FrameSize,
}

impl Probe {
    /// The same, of a source whose first frame is at `start_us`, though nobody can decode it.
    #[must_use]
    pub fn starting_at(mut self, start_us: i64) -> Self {
        let end_us = self.duration_us.map(|us| us.saturating_add(from_us(&self.container, self.start_us)));
        self.duration_us = end_us.map(|us| (us - from_us(&self.container, start_us)).max(0));
        self.start_us = start_us;
        self
    }
}

/// Where a container counts its declared duration from: Matroska's header declares where the footage ends, counted
/// from zero; the others, how long it is.
fn from_us(container: &str, start_us: i64) -> i64 {
    if container.contains("matroska") { start_us.max(0) } else { 0 }
}

impl Ffmpeg {
    /// What `source`, a path or a URL, is. Reads its head and decodes its first frame.
    ///
    /// # Errors
    /// Those of the footage name it and what to do: it is missing, empty, no video, unreadable. A failing or
    /// missing FFmpeg is the environment's fault.
    pub fn probe(&self, source: &str) -> Result<Probe, DecodeError> {
        let answer = self.ask(source)?;
        let video = answer.video_or_error(source)?;
        let first = self.first_frame(source)?;
        let rate = |text: &Option<String>| text.as_deref().and_then(interval_us);
        let frame_interval_us =
            rate(&video.avg_frame_rate).or_else(|| rate(&video.r_frame_rate)).unwrap_or(DEFAULT_INTERVAL_US);
        let declared = [&video.duration, &answer.format.duration];
        let duration_us = declared.into_iter().flatten().find_map(|text| seconds_us(text));
        let created = [&video.tags.creation_time, &answer.format.tags.creation_time];
        Ok(Probe {
            container: answer.format.format_name.clone(),
            codec: video.codec_name.clone().unwrap_or_default(),
            duration_us: duration_us
                .map(|us| (us - from_us(&answer.format.format_name, first.start_us)).max(0)),
            start_us: first.start_us,
            frame_size: first.size,
            frame_interval_us,
            // A clock that was never set says 1970 or, in MP4, 1904.
            creation_time: created
                .into_iter()
                .flatten()
                .find_map(|text| text.parse().ok().filter(|t: &MediaTime| t.0 > 0)),
            seeks_exactly: matches!(Place::of(source), Place::File(_)) && answer.is(&SEEKABLE),
            time_base: video.time_base.as_deref().and_then(fraction).unwrap_or((1, 1)),
            reorder: video.has_b_frames,
        })
    }

    /// Asks ffprobe about the container.
    pub(crate) fn ask(&self, source: &str) -> Result<Answer, DecodeError> {
        self.ask_within(source, self.options.stall)
    }

    /// The same, of a source that may be silent for `stall`.
    pub(crate) fn ask_within(&self, source: &str, stall: Duration) -> Result<Answer, DecodeError> {
        Place::of(source).check()?;
        let mut command = FfmpegCommand::new_with_path(&self.options.ffprobe);
        command.args(["-hide_banner", "-print_format", "json", "-show_format", "-show_streams"]);
        source::input(&mut command, source, stall);
        let bytes = process::output(command, source, stall).map_err(not_read)?;
        serde_json::from_slice(&bytes).map_err(|error| DecodeError::Unreadable {
            source_name: source::redact(source),
            detail: format!("ffprobe's answer makes no sense: {error}"),
        })
    }

    /// Decodes the first frame, just as [`Ffmpeg::frames`] does.
    fn first_frame(&self, source: &str) -> Result<FirstFrame, DecodeError> {
        let mut command = self.command();
        self.decode_with(&mut command);
        command.arg("-copyts");
        source::input(&mut command, source, self.options.stall);
        command.map("0:V:0").args(["-vf", "showinfo@first=checksum=0", "-frames:v", "1"]);
        command.fps_mode("passthrough").format("null").output("-");

        let (send, receive) = crossbeam_channel::bounded(1);
        let mut base = (1, 1);
        let process = process::start(command, source, Stdio::null(), move |log, line| {
            log.live();
            match shown(line, "first") {
                Some(Shown::TimeBase(num, den)) => base = (num, den),
                Some(Shown::Frame(Some(pts), rest)) => {
                    if let Some(size) = shown_size(rest) {
                        // Only the first one fits, and only it is wanted.
                        let _ = send.try_send(FirstFrame { start_us: to_us(pts, base), size });
                    }
                }
                _ => {}
            }
        })?;
        let first = process.next(&receive, self.options.stall)?;
        if let Some(first) = first {
            return Ok(first);
        }
        let (source_name, log) = (source::redact(source), std::sync::Arc::clone(&process.log));
        process.finish().map_err(|error| self.blame_hwaccel(error)).map_err(not_read)?;
        let detail = format!("no frame of it can be decoded: {}", log.last_words());
        Err(DecodeError::Unreadable { source_name, detail })
    }

    /// Tells a hardware decoder that cannot be used from footage that cannot.
    pub(crate) fn blame_hwaccel(&self, error: DecodeError) -> DecodeError {
        match error {
            DecodeError::Broken { detail, .. }
                if self.options.hwaccel != HwAccel::None
                    && ["Device creation failed", "hwaccel", "No device available"]
                        .iter()
                        .any(|words| detail.contains(words)) =>
            {
                DecodeError::HwAccelMissing { hwaccel: self.options.hwaccel.to_string(), detail }
            }
            other => other,
        }
    }
}

/// A child that fails at the very start could not read the source.
pub(crate) fn not_read(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Broken { source_name, detail, .. } => DecodeError::Unreadable { source_name, detail },
        other => other,
    }
}

/// The size in a line of showinfo, with pixels made square by stretching the width.
fn shown_size(line: &str) -> Option<FrameSize> {
    let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
    let (width, height) = field("s:")?.split_once('x')?;
    let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
    let aspect = field("sar:").and_then(|sar| sar.split_once('/'));
    let square = match aspect.map(|(num, den)| (num.parse::<u32>(), den.parse::<u32>())) {
        Some((Ok(num), Ok(den))) if num > 0 && den > 0 => {
            (f64::from(width) * f64::from(num) / f64::from(den)).round().max(1.0) as u32
        }
        _ => width,
    };
    (width > 0 && height > 0).then_some(FrameSize { width: square, height })
}

/// `"30000/1001"` as two numbers.
fn fraction(text: &str) -> Option<(i64, i64)> {
    let (num, den) = text.split_once('/')?;
    Some((num.parse().ok()?, den.parse().ok()?))
}

/// `"30000/1001"` as the time between two frames.
fn interval_us(rate: &str) -> Option<i64> {
    let (num, den) = fraction(rate)?;
    let us = 1_000_000_i64.checked_mul(den)?.checked_div(num)?;
    (num > 0 && den > 0).then_some(us.max(1))
}

/// `"79.505078"` in microseconds.
fn seconds_us(text: &str) -> Option<i64> {
    let us = text.parse::<f64>().ok()? * 1e6;
    (us.is_finite() && us >= 0.0).then_some(us.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates_durations_and_sizes() {
        assert_eq!(interval_us("30000/1001"), Some(33_366));
        assert_eq!((interval_us("0/0"), interval_us("x")), (None, None));
        assert_eq!((seconds_us("1.0000015"), seconds_us("N/A")), (Some(1_000_002), None));
        let size = |line| shown_size(line).map(|s| (s.width, s.height));
        assert_eq!(size("fmt:yuv420p sar:0/1 s:480x360 i:P"), Some((480, 360)));
        assert_eq!(size("fmt:yuv420p sar:12/11 s:704x576 i:P"), Some((768, 576)));
        assert_eq!(size("fmt:yuv420p"), None);
    }
}
