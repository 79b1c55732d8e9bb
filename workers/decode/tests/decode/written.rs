//! Videos that are written can be read back.

use std::fs;

use camcount_decode::{DecodeError, Ffmpeg, VideoWriter};
use camcount_domain::{Fit, FrameSize, MediaSpan, MediaTime, Picture, PixelFormat, Rate};

use crate::footage::{EVERY, Studio, recording};

const SIZE: FrameSize = FrameSize { width: 63, height: 48 };

#[test]
fn frames_come_back_as_they_went() {
    let studio = Studio::new();
    let ffmpeg = Ffmpeg::default();
    let path = studio.path("out.mp4");
    let created: MediaTime = "2026-05-01T08:00:00Z".parse().unwrap();
    let mut writer =
        VideoWriter::create(&ffmpeg, &path, SIZE, Rate { millihertz: 12_500 }, Some(created)).unwrap();
    for n in 0..30_u8 {
        writer.write(&vec![n * 8; 63 * 48 * 3]).unwrap();
    }
    assert!(matches!(writer.write(&[0; 5]), Err(DecodeError::FrameSize { got: 5, .. })));
    assert!(!path.exists());
    let bytes = writer.finish().unwrap();
    assert_eq!(bytes, fs::metadata(&path).unwrap().len());

    let probe = ffmpeg.probe(&path.display().to_string()).unwrap();
    assert_eq!(probe.frame_size, FrameSize { width: 64, height: 48 });
    assert_eq!((probe.frame_interval_us, probe.start_us), (80_000, 0));
    assert_eq!(probe.creation_time, Some(created));
    let recording = recording(&ffmpeg, &path.display().to_string());
    let picture =
        Picture { size: FrameSize { width: 64, height: 48 }, fit: Fit::Stretch, pixels: PixelFormat::Gray };
    let frames: Vec<_> =
        ffmpeg.frames(&recording, MediaSpan::ALL, EVERY, &picture).unwrap().map(Result::unwrap).collect();
    assert_eq!(frames.len(), 30);
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!(frame.time.since_us(recording.span.start), n as i64 * 80_000);
        assert!(
            frame.data[64 * 20 + 20].abs_diff(n as u8 * 8) <= 4,
            "frame {n}: {}",
            frame.data[64 * 20 + 20]
        );
    }
}

#[test]
fn a_video_that_is_not_finished_leaves_nothing() {
    let studio = Studio::new();
    let path = studio.path("out.mp4");
    let mut writer =
        VideoWriter::create(&Ffmpeg::default(), &path, SIZE, Rate { millihertz: 10_000 }, None).unwrap();
    writer.write(&vec![0; 63 * 48 * 3]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(studio.path("")).unwrap().count(), 0);
}
