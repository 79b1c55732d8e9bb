//! Cutting a recording anywhere changes nothing: neither times nor bytes.

use camcount_decode::Ffmpeg;

use crate::footage::{Studio, assert_cuts_change_nothing, real, times_by_ffprobe};

const SECOND: i64 = 1_000_000;
const CUTS: [i64; 2] = [3_700_000, 2 * SECOND];

macro_rules! real_clips {
    ($($test:ident: $file:literal, $frames:literal, $cuts:expr;)*) => {$(
        #[test]
        fn $test() {
            let Some(source) = real($file) else { return };
            let looks = assert_cuts_change_nothing(&source, &$cuts);
            assert_eq!(looks.len(), $frames);
            let times: Vec<i64> = looks.iter().map(|look| look.0).collect();
            // ffprobe knows no times of the last frames of some AVI files.
            let expected = times_by_ffprobe(&source);
            assert!(expected.len() + 2 >= times.len());
            assert_eq!(&times[..expected.len()], expected);
        }
    )*};
}

real_clips! {
    vtest_in_mp4: "vtest_pets09s2l1_480x360.mp4", 795, [3_700_000, 20 * SECOND];
    vtest_in_avi: "vtest_pets09s2l1_480x360.avi", 795, [3_700_000, 20 * SECOND];
    one_by_one: "one-by-one-person-detection.mp4", 1394, [13_700_000];
    car_park: "car-detection.mp4", 377, [7_700_000, 10 * SECOND];
    traffic_at_24_fps: "traffic_topdown_640x360.mp4", 480, CUTS;
    motorway: "motorway_cars_trucks_1024x576.mp4", 307, CUTS;
    road: "road_cars_1280x720.mp4", 268, [3_700_000, 2 * SECOND];
    street_at_29_97_fps: "street_people_1280x720.mp4", 314, [2_777_777, 3_700_000];
    ms_mpeg4_in_avi: "bgslib_cars_640x360.avi", 374, CUTS;
    cyclist: "Testvideo_Cars-Cyclist_FR20_2020-01-01_00-00-00.mp4", 60, [50_000, 120_000, SECOND];
    truck: "Testvideo_Cars-Truck_FR20_2020-01-01_00-00-00.mp4", 60, [149_999, SECOND];
}

#[test]
fn both_encodings_of_vtest_hold_the_same_times() {
    let (Some(mp4), Some(avi)) = (real("vtest_pets09s2l1_480x360.mp4"), real("vtest_pets09s2l1_480x360.avi"))
    else {
        return;
    };
    let ffmpeg = Ffmpeg::default();
    let times = |source: &str| -> Vec<i64> {
        let recording = crate::footage::recording(&ffmpeg, source);
        crate::footage::whole(&recording, crate::footage::EVERY).iter().map(|look| look.0).collect()
    };
    let expected: Vec<i64> = (0..795).map(|n| n * 100_000).collect();
    assert_eq!(times(&mp4), expected);
    assert_eq!(times(&avi), expected);
    // FFmpeg gives the first frame of H.264 with B frames in AVI the time of its second packet after it.
    assert_eq!(ffmpeg.probe(&avi).unwrap().start_us, 200_000);
}

/// A clip of 5 s at 15 frames/s with few key frames, cut in many ways.
fn assert_made(name: &str, args: &[&str]) {
    let studio = Studio::new();
    let source = studio.shoot(name, 5, 15, args);
    let looks = assert_cuts_change_nothing(&source, &[433_211, SECOND]);
    assert_eq!(looks.len(), 75, "{name}");
    assert!(Ffmpeg::default().probe(&source).unwrap().seeks_exactly, "{name}");
}

#[test]
fn b_frames_and_open_groups() {
    let x264 = ["-c:v", "libx264", "-x264-params", "open-gop=1:bframes=5:b-pyramid=normal:keyint=40"];
    assert_made("open.mp4", &x264);
    assert_made("open.mkv", &x264);
    assert_made("open.avi", &x264);
}

#[test]
fn gradual_refresh_without_key_frames() {
    assert_made("refresh.mp4", &["-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=60"]);
}

#[test]
fn hevc_with_open_groups() {
    assert_made(
        "hevc.mp4",
        &["-c:v", "libx265", "-x265-params", "open-gop=1:bframes=4:keyint=40:log-level=none"],
    );
}

#[test]
fn mpeg4_with_b_frames_in_avi() {
    assert_made("packed.avi", &["-c:v", "mpeg4", "-bf", "2", "-g", "40"]);
}

#[test]
fn vp9_in_webm() {
    assert_made("vp9.webm", &["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-g", "40"]);
}

#[test]
fn clocks_that_start_elsewhere() {
    let later = ["-c:v", "libx264", "-g", "40", "-output_ts_offset", "7.3"];
    assert_made("later.mp4", &later);
    assert_made("later.mkv", &later);
    assert_made("fragments.mp4", &["-c:v", "libx264", "-g", "40", "-movflags", "frag_keyframe+empty_moov"]);
}

#[test]
fn edit_lists_that_start_between_key_frames() {
    let studio = Studio::new();
    studio.shoot("long.mp4", 10, 15, &["-c:v", "libx264", "-g", "60"]);
    let source = studio.ffmpeg("edited.mp4", &["-ss", "2.5", "-i", "long.mp4", "-c", "copy"]);
    let looks = assert_cuts_change_nothing(&source, &[433_211, SECOND]);
    assert!((112..=114).contains(&looks.len()), "{}", looks.len());
}

#[test]
fn frames_at_any_times() {
    let studio = Studio::new();
    // Steps between 7 and 126 ms, and a hole of 3 s.
    let times = "settb=1/90000,setpts='(N/15+0.03*sin(N*N)+3*gt(N,60))/TB'";
    let args = ["-vf", times, "-fps_mode", "vfr", "-enc_time_base", "1/90000", "-c:v", "libx264", "-g", "30"];
    for name in ["variable.mp4", "variable.mkv"] {
        let source = studio.shoot(name, 8, 15, &args);
        let looks = assert_cuts_change_nothing(&source, &[433_211, 290_001]);
        let times: Vec<i64> = looks.iter().map(|look| look.0).collect();
        assert_eq!(times, times_by_ffprobe(&source), "{name}");
        assert!(looks.windows(2).any(|pair| pair[1].0 - pair[0].0 > 2_900_000), "{name}");
    }
}

#[test]
fn one_frame() {
    let studio = Studio::new();
    let source = studio.shoot("one.mp4", 1, 15, &["-frames:v", "1"]);
    assert_eq!(assert_cuts_change_nothing(&source, &[10_000, SECOND]).len(), 1);
}

#[test]
fn a_picture_that_changes_its_size() {
    let studio = Studio::new();
    studio.shoot("small.ts", 3, 15, &["-c:v", "mpeg2video", "-g", "10"]);
    let scene = "testsrc2=s=640x480:r=15:d=3";
    let args = ["-f", "lavfi", "-i", scene, "-output_ts_offset", "3", "-c:v", "mpeg2video", "-g", "10"];
    studio.ffmpeg("large.ts", &args);
    studio.ffmpeg("both.ts", &["-i", "concat:small.ts|large.ts", "-c", "copy"]);
    let source = studio.ffmpeg("both.mkv", &["-i", "both.ts", "-c", "copy"]);
    assert_eq!(
        assert_cuts_change_nothing(&source, &[433_211, SECOND]).len(),
        times_by_ffprobe(&source).len()
    );
}

#[test]
fn odd_names_of_files() {
    let studio = Studio::new();
    let made = studio.shoot("plain.mp4", 1, 15, &[]);
    for name in ["2026-05-01T08:00:00.mp4", "-ss 5 100%d 'q'.mp4", "ünï código.mp4"] {
        let odd = studio.path(name);
        std::fs::rename(&made, &odd).unwrap();
        assert_eq!(assert_cuts_change_nothing(&odd.display().to_string(), &[433_211]).len(), 15, "{name}");
        std::fs::rename(&odd, &made).unwrap();
    }
}

#[test]
fn threads_change_nothing() {
    let Some(source) = real("street_people_1280x720.mp4") else { return };
    let recording = crate::footage::recording(&Ffmpeg::default(), &source);
    let by = |threads| -> Vec<_> {
        let options = camcount_decode::Options { threads, ..Default::default() };
        let ffmpeg = Ffmpeg::new(options);
        let all = camcount_domain::MediaSpan::ALL;
        let frames = ffmpeg.frames(&recording, all, crate::footage::EVERY, &crate::footage::SMALL).unwrap();
        frames.map(Result::unwrap).collect()
    };
    assert!(by(1) == by(3));
}
