//! Clocks of files: where they end, and where they are set back.

use std::{fs, ops::ControlFlow};

use camcount_decode::{Clock, DecodeError, Ffmpeg};

use crate::footage::{EVERY, Studio, assert_cuts_change_nothing, real, recording, whole};

fn clock(source: &str) -> Result<Clock, DecodeError> {
    let ffmpeg = Ffmpeg::default();
    ffmpeg.clock(source, &ffmpeg.probe(source)?, |_| ControlFlow::Continue(()))
}

#[test]
fn clocks_of_real_clips_are_plain() {
    for name in [
        "vtest_pets09s2l1_480x360.mp4",
        "vtest_pets09s2l1_480x360.avi",
        "bgslib_cars_640x360.avi",
        "street_people_1280x720.mp4",
        "traffic_topdown_640x360.mp4",
    ] {
        let Some(source) = real(name) else { return };
        let clock = clock(&source).unwrap();
        let last_us = whole(&recording(&Ffmpeg::default(), &source), EVERY).last().unwrap().0;
        assert_eq!((clock.last_us, clock.goes_back()), (last_us, false), "{name}");
    }
}

#[test]
fn no_way_to_encode_looks_like_a_clock_that_is_set_back() {
    let studio = Studio::new();
    let made: [(&str, &[&str]); 8] = [
        ("open.mkv", &["-c:v", "libx264", "-x264-params", "open-gop=1:bframes=5:b-pyramid=normal:keyint=40"]),
        ("many.mp4", &["-c:v", "libx264", "-x264-params", "bframes=16:b-adapt=0:keyint=40"]),
        ("refresh.mp4", &["-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=40"]),
        ("hevc.mkv", &["-c:v", "libx265", "-x265-params", "open-gop=1:bframes=8:keyint=40:log-level=none"]),
        ("fragments.mp4", &["-c:v", "libx264", "-g", "20", "-movflags", "frag_keyframe+empty_moov"]),
        ("mpeg2.mkv", &["-c:v", "mpeg2video", "-bf", "2"]),
        ("packed.avi", &["-c:v", "mpeg4", "-bf", "2"]),
        (
            "vp9.webm",
            &["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-auto-alt-ref", "1"],
        ),
    ];
    for (name, args) in made {
        let clock = clock(&studio.shoot(name, 4, 15, args)).unwrap();
        assert!(!clock.goes_back(), "{name}: {clock:?}");
        // AVI counts packets, one of which may hold two frames.
        assert!((3_860_000..3_940_000).contains(&clock.last_us), "{name}: {clock:?}");
    }
    studio.shoot("long.mp4", 6, 15, &["-c:v", "libx264", "-g", "60"]);
    let edited = studio.ffmpeg("edited.mp4", &["-ss", "2.5", "-i", "long.mp4", "-c", "copy"]);
    assert!(!clock(&edited).unwrap().goes_back());
}

/// Recorders that begin anew write their clock from its start into the same file.
#[test]
fn where_a_clock_is_set_back_a_copy_goes_on() {
    let studio = Studio::new();
    let ffmpeg = Ffmpeg::default();
    let fragments = ["-movflags", "frag_keyframe+empty_moov", "-bf", "0"];
    for (name, more) in
        [("plain.mkv", &["-bf", "0"][..]), ("reordered.mkv", &["-bf", "3"]), ("fragments.mp4", &fragments)]
    {
        let source = studio.shoot(name, 4, 15, &[&["-c:v", "libx264", "-g", "30"], more].concat());
        let once = whole(&recording(&ffmpeg, &source), EVERY);
        let mut bytes = fs::read(&source).unwrap();
        let atom = |name| bytes.windows(4).position(|word| word == name).map(|at| at - 4);
        // A second header of MP4 would be ignored.
        let (from, to) = (atom(b"moof").unwrap_or(0), atom(b"mfra").unwrap_or(bytes.len()));
        bytes.splice(to.., bytes[from..to].to_vec());
        fs::write(&source, bytes).unwrap();

        let clock = clock(&source).unwrap();
        assert!(clock.goes_back(), "{name}");
        let copy = studio.path("copy.mkv");
        ffmpeg.mend(&source, &clock, &copy, |_| ControlFlow::Continue(())).unwrap();
        let looks = assert_cuts_change_nothing(&copy.display().to_string(), &[1_433_211]);
        assert_eq!(looks.len(), 120, "{name}");
        let pictures = |looks: &[(i64, String)]| looks.iter().map(|look| look.1.clone()).collect::<Vec<_>>();
        assert_eq!(pictures(&looks[..60]), pictures(&once), "{name}");
        assert_eq!(pictures(&looks[60..]), pictures(&once), "{name}");
        let steps: Vec<i64> = looks.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(steps.iter().all(|step| (60_000..=140_000).contains(step)), "{name}: {steps:?}");
    }
}

#[test]
fn a_clock_that_stands_still_is_refused() {
    let studio = Studio::new();
    studio.shoot("plain.mkv", 2, 15, &["-c:v", "libx264", "-bf", "0"]);
    for name in ["still.mkv", "still.mp4"] {
        let source = studio.ffmpeg(name, &["-i", "plain.mkv", "-c", "copy", "-bsf:v", "setts=ts=0"]);
        let error = clock(&source).unwrap_err();
        assert!(
            matches!(&error, DecodeError::BadClock { detail, .. } if detail.contains("30 frames")),
            "{error}"
        );
        assert!(!error.is_environment() && error.to_string().contains("ffmpeg -r"), "{error}");
    }
}
