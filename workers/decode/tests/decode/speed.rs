//! How fast frames come, beside FFmpeg decoding into nothing: `cargo test --release -p camcount-decode speed --
//! --ignored --nocapture`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use camcount_decode::Ffmpeg;
use camcount_domain::{Fit, FrameSize, MediaSpan, Picture, PixelFormat, Rate};

use crate::footage::{EVERY, real, recording};

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

#[test]
#[ignore = "measures; run it on a quiet machine"]
fn speed_beside_bare_ffmpeg() {
    let ffmpeg = Ffmpeg::default();
    let picture = Picture {
        size: FrameSize { width: 416, height: 416 },
        fit: Fit::TopLeft { pad: 114 },
        pixels: PixelFormat::Rgb,
    };
    for name in ["vtest_pets09s2l1_480x360.mp4", "street_people_1280x720.mp4"] {
        let Some(source) = real(name) else { return };
        let recording = recording(&ffmpeg, &source);
        let args = ["-v", "error", "-nostdin", "-threads", "1", "-i", &source, "-an", "-f", "null", "-"];
        for rate in [EVERY, Rate::DEFAULT, Rate { millihertz: 5_000 }] {
            let (mut bare, mut ours, mut frames) = (Duration::MAX, Duration::MAX, 0);
            // In turn, so that whatever else the machine does slows both.
            for _ in 0..5 {
                bare =
                    bare.min(time(|| assert!(Command::new("ffmpeg").args(args).status().unwrap().success())));
                ours = ours.min(time(|| {
                    let all = ffmpeg.frames(&recording, MediaSpan::ALL, rate, &picture).unwrap();
                    frames = all.map(Result::unwrap).count();
                }));
            }
            eprintln!(
                "{name} at {} mHz: {frames} frames in {ours:.2?}; decoding alone {bare:.2?}; ratio {:.2}",
                rate.millihertz,
                ours.as_secs_f64() / bare.as_secs_f64()
            );
        }
    }
}
