//! Files of footage: which there are in a folder, and what one of them is. Whoever counts files and whoever watches a
//! folder of them agree by asking here.

mod name_time;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use camcount_decode::{DecodeError, Ffmpeg, Probe, redact};
use camcount_domain::{MediaTime, content_hash};

pub use name_time::of_name;

/// What a folder is searched for.
pub const ENDINGS: [&str; 17] = [
    "3gp", "avi", "flv", "h264", "hevc", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ts",
    "webm", "wmv", "y4m",
];

/// A longer recording is a broken clock, and would be cut into millions of segments: 31 days, for files of cameras hold
/// a day at most.
pub const LONGEST_RECORDING_US: i64 = 31 * 24 * 3_600_000_000;

/// Clocks of recorders that cut files without a gap overlap by their rounding, by no more than this.
const ROUNDING_US: i64 = 1_000_000;

/// One file or stream, looked into.
#[derive(Clone, Debug)]
pub struct Footage {
    /// What FFmpeg opens: the file, or a copy that can be sought and whose clock goes on.
    pub source: String,
    /// What people know it by.
    pub name: String,
    /// What it is.
    pub probe: Probe,
    /// From its first frame to its end, in microseconds.
    pub length_us: i64,
    /// Media time of its first frame, where that is known.
    pub start: Option<MediaTime>,
}

/// What takes long in looking into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its clock is read.
    ReadingClock,
    /// It is copied.
    Copying,
}

/// Told how far it is, in microseconds of media time out of all there is, which may be unknown and then 0. What takes
/// long ends when it breaks.
pub type Progress<'a> = &'a mut dyn FnMut(Step, i64, i64) -> ControlFlow<()>;

/// Whether a name is that of a video.
#[must_use]
pub fn is_video(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    ENDINGS.contains(&ending.as_str())
}

/// The files in `folder` that look like videos, in the order of their names.
///
/// # Errors
/// When it cannot be read.
pub fn videos(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && is_video(&path) {
            files.insert(path);
        }
    }
    Ok(files)
}

/// What tells a file from another of the same name: its size, its first and its last mebibyte.
///
/// # Errors
/// When it cannot be read.
pub fn fingerprint(path: &Path) -> io::Result<String> {
    const EDGE: u64 = 1 << 20;
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    file.by_ref().take(EDGE).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(size.saturating_sub(EDGE)))?;
    file.take(EDGE).read_to_end(&mut tail)?;
    Ok(content_hash(&[&size.to_le_bytes(), &head, &tail]))
}

/// Where footage begins whose clock says `begins`, behind what ends `at`.
#[must_use]
pub fn follow_on(begins: MediaTime, at: MediaTime) -> MediaTime {
    if begins < at && at.since_us(begins) <= ROUNDING_US { at } else { begins }
}

/// Looks into the file `source`, which people know by `name`. What cannot be sought, or whose clock is set back, is
/// copied to `copy`, unless a copy is there. It is read from end to end, unless `is_known`, told where its clock begins
/// and how long it says that it is, knows that this is so.
///
/// # Errors
/// Those of [`Ffmpeg::probe`], [`Ffmpeg::clock`], [`Ffmpeg::mend`] and [`Ffmpeg::copy`].
pub fn look_into(
    ffmpeg: &Ffmpeg,
    source: &str,
    name: &str,
    copy: &Path,
    is_known: impl Fn(i64, i64) -> bool,
    progress: Progress<'_>,
) -> Result<Footage, DecodeError> {
    let probe = ffmpeg.probe(source)?;
    let start = of_name(name).or(probe.creation_time);
    let declared = probe.duration_us.filter(|_| probe.seeks_exactly);
    let found = |probe, length_us| Footage {
        source: source.to_owned(),
        name: name.to_owned(),
        probe,
        length_us,
        start,
    };
    // What was found to end when it declares need not be read again, however often it is counted.
    if let Some(length_us) = declared.filter(|length_us| is_known(probe.start_us, *length_us)) {
        return Ok(found(probe, length_us));
    }
    if let Some(declared_us) = declared.filter(|_| !copy.exists()) {
        begin(source, Step::ReadingClock, declared_us, progress)?;
        let clock = ffmpeg.clock(source, &probe, |us| progress(Step::ReadingClock, us, declared_us))?;
        if !clock.goes_back() {
            let probe = probe.starting_at(clock.start_us);
            let length_us = match probe.duration_us {
                Some(declared_us) if clock.last_us < declared_us => declared_us,
                _ => clock.last_us.saturating_add(probe.frame_interval_us),
            };
            return Ok(found(probe, length_us));
        }
        begin(source, Step::Copying, declared_us, progress)?;
        let copied =
            &mut |copied: camcount_decode::Copied| progress(Step::Copying, copied.media_us, declared_us);
        ffmpeg.mend(source, &clock, copy, copied)?;
    }
    copied(ffmpeg, source, name, copy, start, progress)
}

/// Says that something begins that takes long.
fn begin(source: &str, step: Step, total_us: i64, progress: Progress<'_>) -> Result<(), DecodeError> {
    match progress(step, 0, total_us) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(DecodeError::Stopped { source_name: redact(source) }),
    }
}

/// The copy of what cannot be sought, made if it is not there yet.
///
/// # Errors
/// Those of [`Ffmpeg::probe`] and [`Ffmpeg::copy`].
pub fn copied(
    ffmpeg: &Ffmpeg,
    source: &str,
    name: &str,
    copy: &Path,
    start: Option<MediaTime>,
    progress: Progress<'_>,
) -> Result<Footage, DecodeError> {
    if !copy.exists() {
        let total_us = ffmpeg.probe(source)?.duration_us.unwrap_or_default();
        begin(source, Step::Copying, total_us, progress)?;
        ffmpeg.copy(source, copy, |copied| progress(Step::Copying, copied.media_us, total_us))?;
    }
    let source = copy.to_string_lossy().into_owned();
    let probe = ffmpeg.probe(&source)?;
    let length_us = probe.duration_us.unwrap_or_default();
    Ok(Footage { source, name: name.to_owned(), probe, length_us, start })
}
