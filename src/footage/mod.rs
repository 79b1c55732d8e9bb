//! From what is named on the command line to cameras and recordings in the store.

use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use camcount_decode::{DecodeError, Ffmpeg};
use camcount_domain::{Camera, CameraId, FrameSize, MediaSpan, MediaTime, Recording, content_hash};
use camcount_scheduler::record::files::{self, Footage, Step};
use camcount_store::Store;

use crate::{interrupt, progress::FootageBar};

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
        look: impl FnOnce(&[Recording]) -> Result<Vec<Footage>>,
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
        for Footage { source, name, probe, length_us, start } in found {
            let begins = if all_known && self.start.is_none() { start.unwrap_or(at) } else { at };
            let begins = files::follow_on(begins, at);
            if length_us > files::LONGEST_RECORDING_US {
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

    fn folder(&self, folder: &Path, known: &[Recording]) -> Result<Vec<Footage>> {
        let files = files::videos(folder)
            .with_context(|| format!("the folder {} cannot be read", folder.display()))?;
        if files.is_empty() {
            bail!("the folder {} holds no videos ({})", folder.display(), files::ENDINGS.join(", "));
        }
        files.iter().map(|file| self.file(file, known)).collect()
    }

    fn file(&self, file: &Path, known: &[Recording]) -> Result<Footage> {
        let source = utf8(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_known = |start_us, length_us| {
            let is =
                |r: &Recording| r.source == source && r.origin_us == start_us && r.span.len_us() == length_us;
            known.iter().any(is)
        };
        let copy = self.place_of_copy(source, &fingerprint(file)?);
        self.showing(&name, |progress| {
            files::look_into(self.ffmpeg, source, &name, &copy, is_known, progress)
        })
    }

    fn stream(&self, url: &str, name: &str, file_name: &str) -> Result<Footage> {
        let probe = self.ffmpeg.probe(url)?;
        if probe.duration_us.is_none() {
            bail!("{name} declares no end; count takes footage that ends");
        }
        let start = files::of_name(file_name).or(probe.creation_time);
        let copy = self.place_of_copy(url, "");
        self.showing(name, |progress| files::copied(self.ffmpeg, url, name, &copy, start, progress))
    }

    /// Looks into footage, and shows how far it is where that takes long. An interrupt ends it, and leaves nothing
    /// half-copied.
    fn showing(
        &self,
        name: &str,
        look: impl FnOnce(files::Progress<'_>) -> Result<Footage, DecodeError>,
    ) -> Result<Footage> {
        std::fs::create_dir_all(self.copies)
            .with_context(|| format!("{} cannot be made", self.copies.display()))?;
        let mut bar: Option<(Step, FootageBar)> = None;
        let mut heeding = None;
        Ok(look(&mut |step, us, total_us| {
            heeding.get_or_insert_with(interrupt::heed);
            if bar.as_ref().is_none_or(|(shown, _)| *shown != step) {
                let what = match step {
                    Step::ReadingClock => format!("reading the clock of {name}"),
                    Step::Copying => format!("copying {name}"),
                };
                bar = Some((step, FootageBar::new(&what, total_us)));
            }
            if let Some((_, bar)) = &mut bar {
                bar.show(us, 0);
            }
            if interrupt::is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?)
    }

    /// Where a copy of `source` lies, if there is one. A file of another `fingerprint` is another source.
    fn place_of_copy(&self, source: &str, fingerprint: &str) -> PathBuf {
        self.copies.join(content_hash(&[source.as_bytes(), fingerprint.as_bytes()]))
    }
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
/// frame before it, so they are long; but what is stopped half way loses what its workers have begun, and what is broken
/// is given up by segments, so every worker gets a few, and none is longer than a minute.
fn usual_segment_us(footage_us: i64, workers: NonZeroUsize) -> i64 {
    const SHORTEST_US: i64 = 10_000_000;
    const LONGEST_US: i64 = 60_000_000;
    const A_WORKER: i64 = 3;
    let count = i64::try_from(workers.get()).unwrap_or(i64::MAX).saturating_mul(A_WORKER);
    // Rounded up, or a rest of some microseconds would be one more, in which there is no frame.
    (footage_us.saturating_add(count - 1) / count).clamp(SHORTEST_US, LONGEST_US)
}

/// What tells a file from another of the same name.
fn fingerprint(path: &Path) -> Result<String> {
    files::fingerprint(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Where copies of what cannot be sought lie in a data folder.
pub(crate) fn copies(data_dir: &Path) -> PathBuf {
    data_dir.join("copies")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footage_is_cut_without_a_rest() {
        for (footage_us, workers, count) in [
            (139_400_000, 2, 6),
            (139_400_000, 1, 3),
            (100_000_001, 3, 9),
            (5_000_000, 4, 1),
            (3_600_000_000, 2, 60),
        ] {
            let segment_us = usual_segment_us(footage_us, NonZeroUsize::new(workers).unwrap());
            let segments = (footage_us as u64).div_ceil(segment_us as u64);
            assert_eq!(segments, count, "{footage_us} us for {workers}");
        }
    }
}
