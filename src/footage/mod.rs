//! From what is named on the command line to cameras and recordings in the store.

mod name_time;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Seek, SeekFrom},
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use camcount_decode::{Clock, Copied, DecodeError, Ffmpeg, Probe};
use camcount_domain::{Camera, CameraId, FrameSize, MediaSpan, MediaTime, Recording, content_hash};
use camcount_store::Store;

use crate::{interrupt, progress::FootageBar};

/// What a folder is searched for.
const ENDINGS: [&str; 17] = [
    "3gp", "avi", "flv", "h264", "hevc", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ts",
    "webm", "wmv", "y4m",
];

/// A longer recording is a broken clock, and would be cut into millions of segments: 31 days, for files of cameras hold
/// a day at most.
const LONGEST_RECORDING_US: i64 = 31 * 24 * 3_600_000_000;

/// How footage is registered.
pub(crate) struct Registering<'a> {
    /// The truth.
    pub store: &'a dyn Store,
    /// The way to the footage.
    pub ffmpeg: &'a Ffmpeg,
    /// Where copies of what cannot be sought go.
    pub copies: &'a Path,
    /// Media time of the first frame, if it was said.
    pub start: Option<MediaTime>,
    /// What to call the camera, if it was said.
    pub name: Option<&'a str>,
    /// The length of segments, in microseconds, if it was said.
    pub segment_us: Option<i64>,
    /// How many segments are worked on at a time.
    pub workers: NonZeroUsize,
}

/// A camera whose footage is in the store.
pub(crate) struct Registered {
    /// The camera.
    pub camera: Camera,
    /// Where its footage begins.
    pub start: MediaTime,
    /// The size of its picture.
    pub frame_size: FrameSize,
}

/// One file or stream, looked into.
struct Found {
    /// What FFmpeg opens.
    source: String,
    /// What people know it by.
    name: String,
    probe: Probe,
    /// From its first frame to its end, in microseconds.
    length_us: i64,
    /// Media time of its first frame, where that is known.
    start: Option<MediaTime>,
}

impl Registering<'_> {
    /// Registers `input`, a file, a folder or a URL, as a camera.
    pub(crate) async fn register(&self, input: &str) -> Result<Registered> {
        if input.contains("://") {
            let (name, file_name) = names_of_url(input);
            let key = format!("stream {}", utf8(&self.place_of_copy(input, ""))?);
            return self.enter(&key, &name, |_| Ok(vec![self.stream(input, &name, file_name)?])).await;
        }
        let path = Path::new(input);
        let absolute = std::fs::canonicalize(path)
            .with_context(|| format!("{input} cannot be opened; check the name and who may read it"))?;
        let name = path.file_stem().or_else(|| absolute.file_stem()).unwrap_or_default().to_string_lossy();
        if absolute.is_dir() {
            let key = format!("folder {}", absolute.display());
            self.enter(&key, &name, |known| self.folder(&absolute, known)).await
        } else {
            let key = format!("file {} {}", absolute.display(), fingerprint(&absolute)?);
            self.enter(&key, &name, |known| Ok(vec![self.file(&absolute, known)?])).await
        }
    }

    /// Enters the camera that `key` identifies, with the footage that `look` finds. It is told what of it is in the
    /// store already.
    async fn enter(
        &self,
        key: &str,
        default_name: &str,
        look: impl FnOnce(&[Recording]) -> Result<Vec<Found>>,
    ) -> Result<Registered> {
        let id = CameraId::of_footage(&format!("{key} {:?}", self.start));
        let known = self.store.recordings(id).await?;
        let known: Vec<_> = known.into_iter().map(|(_, recording)| recording).collect();
        let mut found = tokio::task::block_in_place(|| look(&known))?;
        // Only clocks that all agree to be known order the footage; otherwise its names do.
        let all_known = found.iter().all(|f| f.start.is_some());
        if all_known {
            found.sort_by_key(|f| f.start);
        }
        let start_known = self.start.is_some() || all_known;
        let name = self.name.unwrap_or(default_name).to_owned();
        let camera = Camera { id, name, start_known };
        self.store.register_camera(&camera).await?;

        let mut at = self.start.unwrap_or_default();
        let mut first: Option<(MediaTime, FrameSize)> = None;
        let footage_us = found.iter().fold(0_i64, |sum, f| sum.saturating_add(f.length_us));
        let segment_us = self.segment_us.unwrap_or_else(|| usual_segment_us(footage_us, self.workers));
        for Found { source, name, probe, length_us, start } in found {
            let begins = if all_known && self.start.is_none() { start.unwrap_or(at) } else { at };
            // Clocks of recorders that cut files without a gap overlap by their rounding.
            let begins = if begins < at && at.since_us(begins) <= 1_000_000 { at } else { begins };
            if length_us > LONGEST_RECORDING_US {
                let days = length_us / (24 * 3_600_000_000);
                bail!("{name} says that it is {days} days long, so its clock is wrong; split or convert it");
            }
            let recording = Recording {
                camera: camera.id,
                source,
                span: MediaSpan { start: begins, end: begins.plus_us(length_us) },
                origin_us: probe.start_us,
                frame_size: probe.frame_size,
                frame_interval_us: probe.frame_interval_us,
            };
            if let Some(before) = known.iter().find(|r| r.source == recording.source)
                && *before != recording
            {
                bail!("{name} is not what it was when it was first counted; use another --data-dir");
            }
            self.store.add_recording(&recording, segment_us).await?;
            at = recording.span.end;
            first.get_or_insert((begins, probe.frame_size));
        }
        let (start, frame_size) = first.context("there is no footage")?;
        Ok(Registered { camera, start, frame_size })
    }

    fn folder(&self, folder: &Path, known: &[Recording]) -> Result<Vec<Found>> {
        let unreadable = || format!("the folder {} cannot be read", folder.display());
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(folder).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            if path.is_file() && ENDINGS.contains(&ending.as_str()) {
                files.insert(path);
            }
        }
        if files.is_empty() {
            bail!("the folder {} holds no videos ({})", folder.display(), ENDINGS.join(", "));
        }
        files.iter().map(|file| self.file(file, known)).collect()
    }

    fn file(&self, file: &Path, known: &[Recording]) -> Result<Found> {
        let source = utf8(file)?.to_owned();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let probe = self.ffmpeg.probe(&source)?;
        let start = name_time::of_name(&name).or(probe.creation_time);
        let declared = probe.duration_us.filter(|_| probe.seeks_exactly);
        // What was found to end when it declares need not be read again, however often it is counted.
        if let Some(length_us) = declared
            && known
                .iter()
                .any(|r| r.source == source && r.origin_us == probe.start_us && r.span.len_us() == length_us)
        {
            return Ok(Found { source, name, probe, length_us, start });
        }
        let copy = self.place_of_copy(&source, &fingerprint(file)?);
        if let Some(declared_us) = declared.filter(|_| !copy.exists()) {
            let clock = self.clock(&source, &probe, &name)?;
            if !clock.goes_back() {
                let probe = probe.starting_at(clock.start_us);
                let length_us = match probe.duration_us {
                    Some(declared_us) if clock.last_us < declared_us => declared_us,
                    _ => clock.last_us.saturating_add(probe.frame_interval_us),
                };
                return Ok(Found { source, name, probe, length_us, start });
            }
            self.copying(&name, declared_us, |report| self.ffmpeg.mend(&source, &clock, &copy, report))?;
        }
        self.copied(&source, &copy, name, start)
    }

    fn stream(&self, url: &str, name: &str, file_name: &str) -> Result<Found> {
        let probe = self.ffmpeg.probe(url)?;
        if probe.duration_us.is_none() {
            bail!("{name} declares no end; count takes footage that ends");
        }
        let start = name_time::of_name(file_name).or(probe.creation_time);
        self.copied(url, &self.place_of_copy(url, ""), name.to_owned(), start)
    }

    /// Reads the clock of a file.
    fn clock(&self, source: &str, probe: &Probe, name: &str) -> Result<Clock> {
        let mut bar =
            FootageBar::new(&format!("reading the clock of {name}"), probe.duration_us.unwrap_or_default());
        let _heeding = interrupt::heed();
        Ok(self.ffmpeg.clock(source, probe, |us| {
            bar.show(us, 0);
            unless_interrupted()
        })?)
    }

    /// The copy of what cannot be sought, made if it is not there yet.
    fn copied(&self, source: &str, copy: &Path, name: String, start: Option<MediaTime>) -> Result<Found> {
        if !copy.exists() {
            let total_us = self.ffmpeg.probe(source)?.duration_us.unwrap_or_default();
            self.copying(&name, total_us, |report| self.ffmpeg.copy(source, copy, report))?;
        }
        let source = utf8(copy)?.to_owned();
        let probe = self.ffmpeg.probe(&source)?;
        let length_us = probe.duration_us.unwrap_or_default();
        Ok(Found { source, name, probe, length_us, start })
    }

    /// Copies what `copy` says, and shows how far it is. An interrupt ends it, and leaves nothing half-copied.
    fn copying(
        &self,
        name: &str,
        total_us: i64,
        copy: impl FnOnce(&mut dyn FnMut(Copied) -> ControlFlow<()>) -> Result<Copied, DecodeError>,
    ) -> Result<()> {
        std::fs::create_dir_all(self.copies)
            .with_context(|| format!("{} cannot be made", self.copies.display()))?;
        let mut bar = FootageBar::new(&format!("copying {name}"), total_us);
        let _heeding = interrupt::heed();
        copy(&mut |copied| {
            bar.show(copied.media_us, 0);
            unless_interrupted()
        })?;
        Ok(())
    }

    /// Where a copy of `source` lies, if there is one. A file of another `fingerprint` is another source.
    fn place_of_copy(&self, source: &str, fingerprint: &str) -> PathBuf {
        self.copies.join(content_hash(&[source.as_bytes(), fingerprint.as_bytes()]))
    }
}

fn unless_interrupted() -> ControlFlow<()> {
    if interrupt::is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no UTF-8 path", path.display()))
}

/// What a stream is called, and the file name in its URL, which may tell a time.
fn names_of_url(url: &str) -> (String, &str) {
    let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    let file = path.rsplit('/').next().unwrap_or("stream");
    (Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned(), file)
}

/// How long segments are where it was not said. Every one of them costs a start of FFmpeg and decoding from the key
/// frame before it, so they are long; but every worker gets several, and what is broken is given up by segments, so
/// none is longer than a minute.
fn usual_segment_us(footage_us: i64, workers: NonZeroUsize) -> i64 {
    const SHORTEST_US: i64 = 10_000_000;
    const LONGEST_US: i64 = 60_000_000;
    const A_WORKER: i64 = 4;
    let workers = i64::try_from(workers.get()).unwrap_or(i64::MAX);
    (footage_us / workers.saturating_mul(A_WORKER)).clamp(SHORTEST_US, LONGEST_US)
}

/// What tells a file from another of the same name: its size, its first and its last mebibyte.
fn fingerprint(path: &Path) -> Result<String> {
    const EDGE: u64 = 1 << 20;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        file.by_ref().take(EDGE).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(size.saturating_sub(EDGE)))?;
        file.take(EDGE).read_to_end(&mut tail)?;
        Ok(content_hash(&[&size.to_le_bytes(), &head, &tail]))
    };
    read().with_context(|| format!("{} cannot be read", path.display()))
}

/// Where copies of what cannot be sought lie in a data folder.
pub(crate) fn copies(data_dir: &Path) -> PathBuf {
    data_dir.join("copies")
}
