//! Footage to look at: made by FFmpeg once a build, or real where it is at hand.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use camcount_decode::Ffmpeg;
use camcount_domain::{CameraId, MediaSpan, MediaTime, Recording, content_hash};

/// Twelve seconds at 10 frames/s in which a white block walks to the right, over and over, through the
/// middle of the picture.
pub(crate) fn walk() -> &'static Path {
    static WALK: OnceLock<PathBuf> = OnceLock::new();
    WALK.get_or_init(|| made("walk", "320x240", "12", "x='mod(t*80,350)-30':y=90"))
}

/// The same in a smaller picture, and the other way.
pub(crate) fn small_walk() -> &'static Path {
    static WALK: OnceLock<PathBuf> = OnceLock::new();
    WALK.get_or_init(|| made("small-walk", "240x240", "12", "x='240-mod(t*60,270)':y=90"))
}

/// As the first one, but for half a second more than twenty.
pub(crate) fn long_walk() -> &'static Path {
    static WALK: OnceLock<PathBuf> = OnceLock::new();
    WALK.get_or_init(|| made("long-walk", "320x240", "20.5", "x='mod(t*80,350)-30':y=90"))
}

/// As the first one, but once, and standing before the middle for the second third of the time.
pub(crate) fn halting_walk() -> &'static Path {
    static WALK: OnceLock<PathBuf> = OnceLock::new();
    WALK.get_or_init(|| made("halting-walk", "320x240", "12", "x='35*(min(t,4)+max(t-8,0))-20':y=90"))
}

fn made(name: &str, size: &str, duration_s: &str, place: &str) -> PathBuf {
    let version = content_hash(&[size.as_bytes(), duration_s.as_bytes(), place.as_bytes()]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{version}.mp4"));
    if path.exists() {
        return path;
    }
    // Other test processes may be at it too: the last one wins, and all wrote the same.
    let aside = path.with_extension(format!("{}.mp4", std::process::id()));
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &format!("color=gray:s={size}:r=10:d={duration_s}")])
        .args(["-f", "lavfi", "-i", &format!("color=white:s=30x60:r=10:d={duration_s}")])
        .args(["-filter_complex", &format!("[0][1]overlay={place}"), "-g", "10", "-preset", "ultrafast"])
        .arg(&aside)
        .status();
    assert!(made.unwrap().success(), "{name} could not be made");
    fs::rename(&aside, &path).unwrap();
    path
}

/// Real pedestrians, where the test data are at hand.
pub(crate) fn pedestrians() -> Option<PathBuf> {
    let data = env::var_os("CAMCOUNT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = data.join("videos/vtest_pets09s2l1_480x360.mp4");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there; set CAMCOUNT_TEST_DATA", path.display());
        return None;
    }
    Some(path)
}

/// The file as a recording that starts at `start`.
pub(crate) fn recording(camera: CameraId, path: &Path, start: MediaTime) -> Recording {
    let source = path.to_str().unwrap().to_owned();
    let probe = Ffmpeg::default().probe(&source).unwrap();
    Recording {
        camera,
        source,
        span: MediaSpan { start, end: start.plus_us(probe.duration_us.unwrap()) },
        origin_us: probe.start_us,
        frame_size: probe.frame_size,
        frame_interval_us: probe.frame_interval_us,
    }
}
