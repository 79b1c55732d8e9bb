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
use camcount_decode::{Ffmpeg, Probe};
use camcount_domain::{Camera, CameraId, FrameSize, MediaSpan, MediaTime, Recording, content_hash};
use camcount_store::Store;

use crate::{interrupt, progress::FootageBar};

/// What a folder is searched for.
const ENDINGS: [&str; 17] = [
    "3gp", "avi", "flv", "h264", "hevc", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ts",
    "webm", "wmv", "y4m",
];

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
    /// Media time of its first frame, where that is known.
    start: Option<MediaTime>,
}

impl Registering<'_> {
    /// Registers `input`, a file, a folder or a URL, as a camera.
    pub(crate) async fn register(&self, input: &str) -> Result<Registered> {
        let (key, default_name, found) = if input.contains("://") {
            let found = tokio::task::block_in_place(|| self.stream(input))?;
            (format!("stream {}", found.source), found.name.clone(), vec![found])
        } else {
            let path = Path::new(input);
            let absolute = std::fs::canonicalize(path)
                .with_context(|| format!("{input} cannot be opened; check the name and who may read it"))?;
            let name = path.file_stem().or_else(|| absolute.file_stem()).unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            if absolute.is_dir() {
                let found = tokio::task::block_in_place(|| self.folder(&absolute))?;
                (format!("folder {}", absolute.display()), name, found)
            } else {
                let key = format!("file {} {}", absolute.display(), fingerprint(&absolute)?);
                let found = tokio::task::block_in_place(|| self.file(&absolute))?;
                (key, name, vec![found])
            }
        };
        self.enter(&key, self.name.unwrap_or(&default_name), found).await
    }

    async fn enter(&self, key: &str, name: &str, mut found: Vec<Found>) -> Result<Registered> {
        // Only clocks that all agree to be known order the footage; otherwise its names do.
        let all_known = found.iter().all(|f| f.start.is_some());
        if all_known {
            found.sort_by_key(|f| f.start);
        }
        let start_known = self.start.is_some() || all_known;
        let key = format!("{key} {:?}", self.start);
        let camera = Camera { id: CameraId::of_footage(&key), name: name.to_owned(), start_known };
        self.store.register_camera(&camera).await?;

        let mut at = self.start.unwrap_or_default();
        let mut first: Option<(MediaTime, FrameSize)> = None;
        let known = self.store.recordings(camera.id).await?;
        let footage_us = found.iter().filter_map(|f| f.probe.duration_us).sum();
        let segment_us = self.segment_us.unwrap_or_else(|| usual_segment_us(footage_us, self.workers));
        for Found { source, name, probe, start } in found {
            let begins = if all_known && self.start.is_none() { start.unwrap_or(at) } else { at };
            // Clocks of recorders that cut files without a gap overlap by their rounding.
            let begins = if begins < at && at.since_us(begins) <= 1_000_000 { at } else { begins };
            let length_us = probe.duration_us.unwrap_or_default().max(0);
            let recording = Recording {
                camera: camera.id,
                source,
                span: MediaSpan { start: begins, end: begins.plus_us(length_us) },
                origin_us: probe.start_us,
                frame_size: probe.frame_size,
                frame_interval_us: probe.frame_interval_us,
            };
            if let Some((_, before)) = known.iter().find(|(_, r)| r.source == recording.source)
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

    fn folder(&self, folder: &Path) -> Result<Vec<Found>> {
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
        files.iter().map(|file| self.file(file)).collect()
    }

    fn file(&self, file: &Path) -> Result<Found> {
        let source = file.to_str().with_context(|| format!("{} is no UTF-8 path", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut probe = self.ffmpeg.probe(source)?;
        let start = name_time::of_name(&name).or(probe.creation_time);
        let mut source = source.to_owned();
        if !probe.seeks_exactly || probe.duration_us.is_none() {
            (source, probe) = self.copy(&source, &fingerprint(file)?, &name)?;
        }
        Ok(Found { source, name, probe, start })
    }

    fn stream(&self, url: &str) -> Result<Found> {
        let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
        let file = path.rsplit('/').next().unwrap_or("stream");
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let probe = self.ffmpeg.probe(url)?;
        if probe.duration_us.is_none() {
            bail!("{name} declares no end; count takes footage that ends");
        }
        let start = name_time::of_name(file).or(probe.creation_time);
        let (source, probe) = self.copy(url, "", &name)?;
        Ok(Found { source, name, probe, start })
    }

    /// Copies what cannot be sought, once, and looks into the copy.
    fn copy(&self, source: &str, fingerprint: &str, name: &str) -> Result<(String, Probe)> {
        let key = content_hash(&[source.as_bytes(), fingerprint.as_bytes()]);
        let copy = self.copies.join(key);
        if !copy.exists() {
            std::fs::create_dir_all(self.copies)
                .with_context(|| format!("{} cannot be made", self.copies.display()))?;
            let total_us = self.ffmpeg.probe(source)?.duration_us.unwrap_or_default();
            let mut bar = FootageBar::new(&format!("copying {name}"), total_us);
            // An interrupt ends the copying, and FFmpeg with it, and leaves nothing half-copied.
            let _heeding = interrupt::heed();
            self.ffmpeg.copy(source, &copy, |copied| {
                bar.show(copied.media_us, 0);
                if interrupt::is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        let copy = copy.to_str().context("the data folder's path is not UTF-8")?.to_owned();
        let probe = self.ffmpeg.probe(&copy)?;
        Ok((copy, probe))
    }
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
