//! Broken footage, and children that misbehave.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use camcount_decode::{DecodeError, Ffmpeg, HwAccel, Options};
use camcount_domain::{FrameSize, MediaSpan, Picture};
use rustix::process::{Pid, Signal, kill_process};

use crate::footage::{EVERY, SMALL, Studio, in_segments, real, recording, whole};

/// So large that only a few frames fit between FFmpeg and us.
const LARGE: Picture = Picture { size: FrameSize { width: 800, height: 600 }, ..SMALL };

fn impatient() -> Ffmpeg {
    Ffmpeg::new(Options { stall: Duration::from_secs(1), ..Options::default() })
}

/// Starts reading a clip, sends the child a signal after the first frame, and returns how it ended.
fn after_signal(signal: Signal) -> DecodeError {
    let studio = Studio::new();
    let source = studio.shoot("clip.mp4", 60, 15, &["-c:v", "libx264", "-preset", "ultrafast"]);
    let recording = recording(&Ffmpeg::default(), &source);
    let mut frames = impatient().frames(&recording, MediaSpan::ALL, EVERY, &LARGE).unwrap();
    frames.next().unwrap().unwrap();
    let pid = frames.pid().unwrap();
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    let results: Vec<_> = frames.by_ref().collect();
    assert!(results.len() < 800, "the child went on: {} frames", results.len());
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the child is still there");
    assert!(frames.next().is_none() && frames.pid().is_none());
    results.into_iter().find_map(Result::err).unwrap()
}

#[test]
fn a_stalled_child_is_killed() {
    let error = after_signal(Signal::STOP);
    assert!(matches!(error, DecodeError::Stalled { .. }), "{error}");
    assert!(!error.is_environment() && error.to_string().contains("clip.mp4"));
}

#[test]
fn a_killed_child_is_an_error_and_no_end() {
    let error = after_signal(Signal::KILL);
    assert!(
        matches!(&error, DecodeError::Broken { status, .. } if status == "killed by signal 9"),
        "{error}"
    );
}

#[test]
fn dropping_the_frames_ends_the_child() {
    let studio = Studio::new();
    let source = studio.shoot("clip.mp4", 20, 15, &[]);
    let ffmpeg = Ffmpeg::default();
    let mut frames = ffmpeg.frames(&recording(&ffmpeg, &source), MediaSpan::ALL, EVERY, &LARGE).unwrap();
    frames.next().unwrap().unwrap();
    let pid = frames.pid().unwrap();
    drop(frames);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_caller_who_has_enough_waits_for_nothing() {
    let studio = Studio::new();
    let source = studio.shoot("clip.mp4", 60, 15, &["-c:v", "libx264", "-preset", "ultrafast"]);
    let ffmpeg = Ffmpeg::default();
    let enough = Arc::new(AtomicBool::new(false));
    let frames = ffmpeg.frames(&recording(&ffmpeg, &source), MediaSpan::ALL, EVERY, &LARGE).unwrap();
    let mut frames = frames.until({
        let enough = Arc::clone(&enough);
        move || enough.load(Ordering::Relaxed)
    });
    frames.next().unwrap().unwrap();
    let pid = frames.pid().unwrap();
    // No frame comes any more, and for half a minute nobody would call the child stalled.
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::STOP).unwrap();
    enough.store(true, Ordering::Relaxed);
    let error = frames.find_map(Result::err).unwrap();
    assert!(matches!(error, DecodeError::Stopped { .. }) && error.is_environment(), "{error}");
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_slow_caller_is_no_stalled_child() {
    let studio = Studio::new();
    let source = studio.shoot("clip.mp4", 4, 15, &[]);
    let ffmpeg = Ffmpeg::new(Options { stall: Duration::from_millis(1500), ..Options::default() });
    let recording = recording(&Ffmpeg::default(), &source);
    let mut frames = ffmpeg.frames(&recording, MediaSpan::ALL, EVERY, &LARGE).unwrap();
    frames.next().unwrap().unwrap();
    // The one thing that can only be shown by letting time pass.
    std::thread::park_timeout(Duration::from_millis(3500));
    assert_eq!(frames.filter(Result::is_ok).count(), 59);
}

#[test]
fn what_is_no_footage_is_named_with_a_remedy() {
    let studio = Studio::new();
    let ffmpeg = Ffmpeg::default();
    let probe = |name: &str| ffmpeg.probe(&studio.path(name).display().to_string()).unwrap_err();

    let error = probe("missing.mp4");
    assert!(
        matches!(error, DecodeError::NotFound { .. }) && error.to_string().contains("missing.mp4"),
        "{error}"
    );
    fs::create_dir(studio.path("folder.mp4")).unwrap();
    assert!(matches!(probe("folder.mp4"), DecodeError::NotFound { .. }));
    fs::write(studio.path("empty.mp4"), "").unwrap();
    assert!(matches!(probe("empty.mp4"), DecodeError::Empty { .. }));
    fs::write(studio.path("text.mp4"), "these are the words of no camera\n".repeat(99)).unwrap();
    let error = probe("text.mp4");
    assert!(
        matches!(error, DecodeError::Unreadable { .. }) && error.to_string().contains("text.mp4"),
        "{error}"
    );
    studio.ffmpeg("sound.mp4", &["-f", "lavfi", "-i", "sine=d=1"]);
    let error = probe("sound.mp4");
    assert!(matches!(&error, DecodeError::NoVideo { holds, .. } if holds == "audio"), "{error}");
    // A song with a cover picture is no video either.
    studio.ffmpeg("cover.png", &["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1"]);
    let cover = ["-i", "sound.mp4", "-i", "cover.png", "-map", "0", "-map", "1", "-c", "copy"];
    studio.ffmpeg("song.mp4", &[&cover[..], &["-disposition:v:0", "attached_pic"]].concat());
    assert!(matches!(probe("song.mp4"), DecodeError::NoVideo { .. }));

    studio.shoot("whole.mp4", 2, 15, &[]);
    let bytes = fs::read(studio.path("whole.mp4")).unwrap();
    fs::write(studio.path("cut.mp4"), &bytes[..bytes.len() / 2]).unwrap();
    let error = probe("cut.mp4");
    assert!(error.to_string().contains("moov atom not found"), "{error}");
    assert!(!error.is_environment());
}

#[test]
fn truncated_footage_is_read_as_far_as_it_goes() {
    let studio = Studio::new();
    let args = ["-c:v", "libx264", "-g", "20"];
    for (name, more) in
        [("a.mkv", &[][..]), ("a.ts", &[]), ("a.avi", &[]), ("a.mp4", &["-movflags", "+faststart"])]
    {
        let source = studio.shoot(name, 8, 15, &[&args[..], more].concat());
        let all = whole(&recording(&Ffmpeg::default(), &source), EVERY);
        let bytes = fs::read(&source).unwrap();
        fs::write(&source, &bytes[..bytes.len() / 2]).unwrap();
        let half = recording(&Ffmpeg::default(), &source);
        let looks = whole(&half, EVERY);
        assert!((30..90).contains(&looks.len()), "{name}: {}", looks.len());
        // The last frames may be damaged where the file ends.
        assert_eq!(looks[..looks.len() - 5], all[..looks.len() - 5], "{name}");
        if name != "a.ts" {
            assert_eq!(in_segments(&half, EVERY, 1_433_211), looks, "{name}");
        }
    }
}

#[test]
fn garbage_in_the_middle_costs_no_more_than_its_group_of_pictures() {
    let Some(source) = real("vtest_pets09s2l1_480x360.mp4") else { return };
    let studio = Studio::new();
    let ffmpeg = Ffmpeg::default();
    let all = whole(&recording(&ffmpeg, &source), EVERY);
    let mut bytes = fs::read(&source).unwrap();
    let middle = bytes.len() / 2;
    for (n, byte) in bytes[middle..middle + 20_000].iter_mut().enumerate() {
        *byte = (n * n % 251) as u8;
    }
    let broken = studio.path("broken.mp4");
    fs::write(&broken, bytes).unwrap();
    let recording = recording(&ffmpeg, &broken.display().to_string());
    let looks = whole(&recording, EVERY);
    let same = looks.iter().filter(|look| all.contains(look)).count();
    assert!(looks.len() > 780 && same > 500, "{} frames, {same} of them unharmed", looks.len());
    let cut = in_segments(&recording, EVERY, 3_700_000);
    eprintln!("{} {} {}", looks.len(), cut.len(), cut.iter().filter(|l| !looks.contains(l)).count());
    assert_eq!(cut, looks);
}

#[test]
fn a_hardware_decoder_that_is_not_there_is_the_machines_fault() {
    let studio = Studio::new();
    let source = studio.shoot("clip.mp4", 1, 15, &[]);
    // No machine has both.
    let errors = [HwAccel::VideoToolbox, HwAccel::D3d11va]
        .map(|hwaccel| Ffmpeg::new(Options { hwaccel, ..Options::default() }).probe(&source).unwrap_err());
    assert!(errors.iter().any(DecodeError::is_environment), "{errors:?}");
}
