//! Clips, and what is read from them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use camcount_decode::{DecodeError, Ffmpeg};
use camcount_domain::{
    CameraId, Fit, FrameSize, MediaSpan, MediaTime, Picture, PixelFormat, Rate, Recording, Seq, cut,
};
use sha2::{Digest, Sha256};

/// Every frame of any camera.
pub(crate) const EVERY: Rate = Rate { millihertz: 1_000_000 };

/// A small picture, so that tests are quick.
pub(crate) const SMALL: Picture = Picture {
    size: FrameSize { width: 96, height: 64 },
    fit: Fit::Centre { pad: 114 },
    pixels: PixelFormat::Rgb,
};

/// A frame's time in microseconds and the hash of its bytes.
pub(crate) type Look = (i64, String);

/// A real clip, or `None`, loudly, where there is none.
pub(crate) fn real(name: &str) -> Option<String> {
    let data = std::env::var_os("CAMCOUNT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = data.join("videos").join(name);
    if !path.exists() {
        eprintln!(
            "SKIPPED: no {}; set CAMCOUNT_TEST_DATA to the folder with the test footage",
            path.display()
        );
        return None;
    }
    Some(path.display().to_string())
}

/// A folder for made clips.
pub(crate) struct Studio(tempfile::TempDir);

impl Studio {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes `name` from a moving test picture of `seconds` at `fps`, encoded as the further arguments say.
    pub(crate) fn shoot(&self, name: &str, seconds: u32, fps: u32, args: &[&str]) -> String {
        let scene = format!("testsrc2=s=320x240:r={fps}:d={seconds}");
        self.ffmpeg(name, &[&["-f", "lavfi", "-i", &scene], args].concat())
    }

    /// Makes `name` as FFmpeg is told.
    pub(crate) fn ffmpeg(&self, name: &str, args: &[&str]) -> String {
        let path = self.path(name);
        let done = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(args)
            .arg(&path)
            .current_dir(self.0.path())
            .status();
        assert!(done.unwrap().success(), "ffmpeg {args:?} {name}");
        path.display().to_string()
    }
}

/// A source as a recording that begins at a time of its own.
pub(crate) fn recording(ffmpeg: &Ffmpeg, source: &str) -> Recording {
    let probe = ffmpeg.probe(source).unwrap();
    let start = MediaTime(1_800_000_000_123_456);
    let end = start.plus_us(probe.duration_us.unwrap_or(0));
    Recording {
        camera: CameraId::of_footage(source),
        source: source.to_owned(),
        span: MediaSpan { start, end },
        origin_us: probe.start_us,
        frame_size: probe.frame_size,
        frame_interval_us: probe.frame_interval_us,
    }
}

/// The frames of a span, with times relative to the recording's first frame.
pub(crate) fn looks_in(
    recording: &Recording,
    span: MediaSpan,
    rate: Rate,
    picture: &Picture,
) -> Result<Vec<Look>, DecodeError> {
    let frames = Ffmpeg::default().frames(recording, span, rate, picture)?;
    frames
        .map(|frame| {
            let frame = frame?;
            assert_eq!(frame.data.len(), picture.bytes());
            let hash: String =
                Sha256::digest(&*frame.data).iter().take(8).map(|b| format!("{b:02x}")).collect();
            Ok((frame.time.since_us(recording.span.start), hash))
        })
        .collect()
}

/// All frames that are looked at, read in one go.
pub(crate) fn whole(recording: &Recording, rate: Rate) -> Vec<Look> {
    looks_in(recording, MediaSpan::ALL, rate, &SMALL).unwrap()
}

/// All frames that are looked at, read segment by segment.
pub(crate) fn in_segments(recording: &Recording, rate: Rate, length_us: i64) -> Vec<Look> {
    let segments = cut(recording.camera, recording.span, length_us, Seq(0));
    segments.flat_map(|segment| looks_in(recording, segment.frames_span(), rate, &SMALL).unwrap()).collect()
}

/// Fails unless every one of these cuts gives just the frames of the whole: the first with every frame, the
/// others with the usual rate, a low one, and so on. Returns every frame.
pub(crate) fn assert_cuts_change_nothing(source: &str, lengths_us: &[i64]) -> Vec<Look> {
    let recording = recording(&Ffmpeg::default(), source);
    let rates = [EVERY, Rate::DEFAULT, Rate { millihertz: 2_700 }];
    let every = whole(&recording, EVERY);
    assert!(every.windows(2).all(|pair| pair[0].0 < pair[1].0), "{source}: times run backwards");
    for (length_us, rate) in lengths_us.iter().zip(rates.into_iter().cycle()) {
        let looks = if rate == EVERY { every.clone() } else { whole(&recording, rate) };
        let cut = in_segments(&recording, rate, *length_us);
        if let Some(at) = (0..looks.len().max(cut.len())).find(|at| looks.get(*at) != cut.get(*at)) {
            let near = |l: &[Look]| l.iter().skip(at.saturating_sub(1)).take(3).cloned().collect::<Vec<_>>();
            panic!(
                "{source} at {rate:?} in pieces of {length_us} us: {} frames instead of {}, different from {at} \
                 on: {:?} instead of {:?}",
                cut.len(),
                looks.len(),
                near(&cut),
                near(&looks),
            );
        }
    }
    every
}

/// The times of all frames as ffprobe tells them, in microseconds since the first, rounded down.
pub(crate) fn times_by_ffprobe(source: &str) -> Vec<i64> {
    let entries = "frame=best_effort_timestamp:stream=time_base";
    let args = ["-v", "error", "-select_streams", "V:0", "-show_entries", entries, "-of", "csv"];
    let output = Command::new("ffprobe").args(args).arg(source).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let field = |line: &str| line.split(',').nth(1).map(str::to_owned).unwrap();
    let base = field(text.lines().find(|line| line.starts_with("stream,")).unwrap());
    let (num, den) = base.split_once('/').unwrap();
    let (num, den): (i128, i128) = (num.parse().unwrap(), den.parse().unwrap());
    let us = |pts: i128| (pts * num * 1_000_000).div_euclid(den) as i64;
    let frames = text.lines().filter(|line| line.starts_with("frame,"));
    let times: Vec<i64> = frames.filter_map(|line| field(line).parse().ok()).map(us).collect();
    times.iter().map(|us| us - times[0]).collect()
}
