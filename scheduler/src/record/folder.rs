//! A folder of recordings as a camera, on a disk or in a bucket: new files are found, brought away and registered, in the
//! order of their times.
//!
//! What is known lies in the store: a file is known by the fingerprint in the name of its object. A file is taken when
//! it is whole: it has not changed for a while, and its container says where it ends. Objects of a bucket always are. One that begins before the end of
//! the footage that is there already cannot be appended; that is noted once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use camcount_blob::{BlobError, S3Options, S3Shelf, keys};
use camcount_decode::{DecodeError, Probe};
use camcount_domain::{Camera, CameraId, MediaSpan, MediaTime, Recording, content_hash};
use camcount_store::{CameraEvent, EventKind, StoreError};
use tokio_util::sync::CancellationToken;

use super::{
    Ports,
    deliver::wait,
    files::{self, Footage},
    run::gap,
};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same of a bucket, where each look is paid for.
const LOOK_INTO_BUCKET_EVERY: Duration = Duration::from_secs(10);
/// A file that has not changed for so long is not written any more, as long as its container is closed.
const STILL: Duration = Duration::from_secs(4);
/// One whose container was never closed, or that cannot be read, is taken for what it is after so long.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Why a look at the folder ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the folder {} cannot be read", place.display())]
    Folder {
        place: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("a file cannot be read")]
    Decode(#[from] DecodeError),
    #[error("the bucket of recordings cannot be read")]
    Bucket(#[source] BlobError),
    #[error("blob storage did not take a file")]
    Blobs(#[from] BlobError),
    #[error("the store did not take a file")]
    Store(#[from] StoreError),
    #[error("it was stopped")]
    Stopped,
}

/// What of a file is another when it was written to.
#[derive(Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Of an object.
    tag: Option<String>,
}

/// A file as it was seen last.
struct Seen {
    stamp: Stamp,
    since: Instant,
    /// Nothing is to be done with it as long as it stays so.
    done: bool,
}

/// Where files come.
pub(crate) enum Shelf {
    /// A folder.
    Folder(PathBuf),
    /// A folder of a bucket, which is opened when it is first looked into.
    Bucket(Box<S3Options>, Option<S3Shelf>),
}

impl Shelf {
    /// What a camera's source names, unless it is a stream; buckets are reached as `s3` says.
    pub(crate) fn of(source: &str, s3: &S3Options) -> Option<Self> {
        match s3.at(source) {
            Some(options) => Some(Self::Bucket(Box::new(options), None)),
            None if source.contains("://") => None,
            None => Some(Self::Folder(PathBuf::from(source))),
        }
    }

    async fn files(&mut self) -> Result<Files, Trouble> {
        match self {
            Self::Folder(folder) => in_folder(folder),
            Self::Bucket(options, shelf) => {
                let shelf = match shelf {
                    Some(shelf) => shelf,
                    none => none.insert(S3Shelf::open(options).await.map_err(Trouble::Bucket)?),
                };
                in_bucket(shelf).await
            }
        }
    }

    /// What FFmpeg opens to read a file.
    async fn source(&self, at: &str) -> Result<String, Trouble> {
        match self {
            Self::Bucket(_, Some(shelf)) => shelf.source(at).await.map_err(Trouble::Bucket),
            _ => Ok(at.to_owned()),
        }
    }
}

struct Watching {
    ports: Ports,
    camera: Camera,
    shelf: Shelf,
    segment_us: i64,
    stop: CancellationToken,
    /// By paths, or keys.
    seen: BTreeMap<String, Seen>,
    /// Fingerprints of what the store has; `None` before it was asked.
    known: Option<BTreeSet<String>>,
}

/// Watches `shelf` until `stop`, cutting what comes into segments of `segment_us`.
pub(crate) async fn watch(
    ports: Ports,
    camera: Camera,
    shelf: Shelf,
    segment_us: i64,
    stop: CancellationToken,
) {
    let stopped = stop.clone();
    let look_every = match &shelf {
        Shelf::Folder(_) => LOOK_EVERY,
        Shelf::Bucket(..) => LOOK_INTO_BUCKET_EVERY,
    };
    let mut watching =
        Watching { ports, camera, shelf, segment_us, stop, seen: BTreeMap::new(), known: None };
    let mut failures = 0;
    while !stopped.is_cancelled() {
        let pause = match watching.look().await {
            Ok(()) => {
                failures = 0;
                look_every
            }
            Err(Trouble::Stopped) => return,
            Err(error) => {
                failures += 1;
                let error = &error as &dyn std::error::Error;
                if failures == 1 {
                    tracing::warn!(camera = watching.camera.name, error, "a folder waits");
                }
                wait(failures, watching.camera.id)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped.cancelled() => {}
        }
    }
}

impl Watching {
    async fn look(&mut self) -> Result<(), Trouble> {
        if self.known.is_none() {
            let recordings = self.ports.store.recordings(self.camera.id).await?;
            self.known =
                Some(recordings.iter().map(|(_, recording)| fingerprint_of(&recording.source)).collect());
        }
        let mut waiting = self.waiting().await?;
        // Those whose names tell no time last; their containers may.
        waiting.sort_by_key(|at| (files::of_name(name_of(at)).unwrap_or(MediaTime::MAX), at.clone()));
        for at in waiting {
            if self.stop.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            // What comes later waits for what is being written.
            if !self.take(&at).await? {
                break;
            }
        }
        Ok(())
    }

    /// The files that something may have to be done with.
    async fn waiting(&mut self) -> Result<Vec<String>, Trouble> {
        let files = self.shelf.files().await?;
        self.seen.retain(|at, _| files.contains_key(at));
        for (at, stamp) in files {
            let now = || Seen { stamp: stamp.clone(), since: Instant::now(), done: false };
            let seen = self.seen.entry(at).or_insert_with(now);
            if seen.stamp != stamp {
                *seen = now();
            }
        }
        Ok(self.seen.iter().filter(|(_, seen)| !seen.done).map(|(at, _)| at.clone()).collect())
    }

    /// Takes a file, if it is whole; returns false when it is not.
    async fn take(&mut self, at: &str) -> Result<bool, Trouble> {
        let Some(seen) = self.seen.get_mut(at) else { return Ok(true) };
        let (still, name) = (seen.since.elapsed(), name_of(at).to_owned());
        // Of an object it is known without reading it; it is whole, and has another tag when it is another.
        let fingerprint = seen
            .stamp
            .tag
            .as_ref()
            .map(|tag| content_hash(&[name.as_bytes(), &seen.stamp.bytes.to_le_bytes(), tag.as_bytes()]));
        let known = self.known.get_or_insert_default();
        if fingerprint.as_ref().is_some_and(|fingerprint| known.contains(fingerprint)) {
            seen.done = true;
            return Ok(true);
        }
        if still < STILL && fingerprint.is_none() {
            return Ok(false);
        }
        let given_up = still >= GIVEN_UP;
        let source = self.shelf.source(at).await?;
        let looking = Looking {
            ports: self.ports.clone(),
            camera: self.camera.id,
            known: if fingerprint.is_some() { BTreeSet::new() } else { known.clone() },
            fingerprint,
            source: source.clone(),
            name: name.clone(),
            given_up,
            stop: self.stop.clone(),
        };
        let looked = tokio::task::spawn_blocking(move || looking.look()).await;
        let looked = looked.unwrap_or(Err(DecodeError::Stopped { source_name: name.clone() }));
        let taken = match looked {
            Ok(Looked::Known) => Ok(()),
            Ok(Looked::Open) => return Ok(false),
            Ok(Looked::Found(found, fingerprint)) => {
                let taken = self.register(&found, &fingerprint, found.source != source).await;
                if let Some(made) = Path::new(&found.source).parent().filter(|_| found.source != source) {
                    // The copy was made for this, in a folder of its own.
                    let _ = fs::remove_dir_all(made);
                }
                // One that was refused may come again under another name.
                taken.map(|appended| {
                    self.known.get_or_insert_default().extend(appended.then_some(fingerprint));
                })
            }
            Err(error) if error.is_environment() => return Err(error.into()),
            Err(_) if !given_up => return Ok(false),
            Err(error) => self.note(EventKind::Lost, None, format!("{name}: {error}")).await,
        };
        taken?;
        if let Some(seen) = self.seen.get_mut(at) {
            seen.done = true;
        }
        Ok(true)
    }

    /// Brings a file away and appends it; false when it was refused.
    async fn register(&self, found: &Footage, fingerprint: &str, is_copy: bool) -> Result<bool, Trouble> {
        let name = &found.name;
        let Some(start) = found.start else {
            let detail =
                format!("{name}: nobody knows when it begins; name it like gate_2026-05-01_08-00-00.mp4");
            return self.refuse(None, detail).await;
        };
        if found.length_us > files::LONGEST_RECORDING_US {
            let detail = format!("{name} says that it is longer than a month, so its clock is wrong");
            return self.refuse(Some(start), detail).await;
        }
        let end = self.ports.store.footage_end(self.camera.id).await?;
        let begins = end.map_or(start, |end| files::follow_on(start, end));
        let refused = |end: MediaTime| {
            format!("{name} begins at {begins}, before {end}, where the footage ended already")
        };
        if let Some(end) = end.filter(|end| begins < *end) {
            return self.refuse(Some(begins), refused(end)).await;
        }
        let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let ending = if is_copy { "mkv" } else { &ending };
        let key = keys::recording(self.camera.id, begins, fingerprint, ending);
        let file = File::open(&found.source)
            .map_err(|source| Trouble::Folder { place: found.source.clone().into(), source })?;
        self.ports.blobs.put_stream(&key, Box::new(file)).await?;
        let recording = Recording {
            camera: self.camera.id,
            source: format!("{}{key}", keys::SOURCE),
            span: MediaSpan { start: begins, end: begins.plus_us(found.length_us) },
            origin_us: found.probe.start_us,
            frame_size: found.probe.frame_size,
            frame_interval_us: found.probe.frame_interval_us,
        };
        match self.ports.store.add_recording(&recording, self.segment_us).await {
            Ok(_) => {}
            Err(StoreError::Overlap { end, .. }) => {
                self.ports.blobs.delete(&key).await?;
                return self.refuse(Some(begins), refused(end)).await;
            }
            Err(error) => return Err(error.into()),
        }
        tracing::info!(camera = self.camera.name, file = name, "footage appended");
        let interval_us = found.probe.frame_interval_us;
        if let Some(end) = end.filter(|end| begins.since_us(*end) > interval_us.saturating_mul(2)) {
            let span = MediaSpan { start: end, end: begins };
            let event = gap(span, format!("there is no file of the time before {name}"));
            self.ports.store.note_event(self.camera.id, &event).await?;
        }
        self.ports.store.saw_camera(self.camera.id, (self.ports.clock)()).await?;
        Ok(true)
    }

    async fn refuse(&self, start: Option<MediaTime>, detail: String) -> Result<bool, Trouble> {
        self.note(EventKind::Refused, start, detail).await.map(|()| false)
    }

    async fn note(&self, kind: EventKind, start: Option<MediaTime>, detail: String) -> Result<(), Trouble> {
        tracing::warn!(camera = self.camera.name, detail, "a file is left out");
        let at = match start {
            Some(start) => start,
            None => self.ports.store.footage_end(self.camera.id).await?.unwrap_or_default(),
        };
        let event = CameraEvent { kind, span: MediaSpan { start: at, end: at }, detector: None, detail };
        Ok(self.ports.store.note_event(self.camera.id, &event).await?)
    }
}

/// The files in a folder, with size and time of the last change.
fn in_folder(folder: &Path) -> Result<Files, Trouble> {
    let failed = |source| Trouble::Folder { place: folder.to_owned(), source };
    let mut found = Files::new();
    for path in files::videos(folder).map_err(failed)? {
        // One that is gone again is no footage.
        if let (Some(at), Ok(meta)) = (path.to_str(), fs::metadata(&path)) {
            let stamp = Stamp { bytes: meta.len(), modified: meta.modified().ok(), tag: None };
            found.insert(at.to_owned(), stamp);
        }
    }
    Ok(found)
}

/// The objects on a shelf that look like videos, in folders of it as well.
async fn in_bucket(shelf: &S3Shelf) -> Result<Files, Trouble> {
    let mut found = Files::new();
    let mut after: Option<String> = None;
    loop {
        let page = shelf.list(after.as_deref()).await.map_err(Trouble::Bucket)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.name.clone());
        let videos = page.into_iter().filter(|object| files::is_video(Path::new(&object.name)));
        found.extend(videos.map(|object| {
            (object.name, Stamp { bytes: object.bytes, modified: None, tag: Some(object.tag) })
        }));
    }
}

/// By paths, or names in the bucket.
type Files = BTreeMap<String, Stamp>;

/// What a file turned out to be.
enum Looked {
    /// The store has it.
    Known,
    /// It is being written.
    Open,
    /// It is footage, with this fingerprint.
    Found(Box<Footage>, String),
}

/// A file to be looked into.
struct Looking {
    ports: Ports,
    camera: CameraId,
    fingerprint: Option<String>,
    source: String,
    name: String,
    known: BTreeSet<String>,
    given_up: bool,
    stop: CancellationToken,
}

impl Looking {
    fn look(self) -> Result<Looked, DecodeError> {
        let unreadable = |error: std::io::Error| DecodeError::NotFound {
            source_name: self.name.clone(),
            detail: error.to_string(),
        };
        let fingerprint = match self.fingerprint {
            Some(fingerprint) => fingerprint,
            None => files::fingerprint(Path::new(&self.source)).map_err(unreadable)?,
        };
        if self.known.contains(&fingerprint) {
            return Ok(Looked::Known);
        }
        // A container that was never closed does not say where it ends.
        let is_open = |probe: Probe| probe.seeks_exactly && probe.duration_us.is_none();
        if !self.given_up && is_open(self.ports.ffmpeg.probe(&self.source)?) {
            return Ok(Looked::Open);
        }
        let copies = self.ports.spool.run_folder(self.camera);
        let copies = copies.map_err(|error| unreadable(std::io::Error::other(error)))?;
        // It stays only when there is a copy in it.
        let _ = fs::remove_dir(&copies);
        let mut going = |step, _, _| {
            if step == files::Step::Copying {
                // What cannot be made is told of by the copying.
                let _ = fs::create_dir_all(&copies);
            }
            if self.stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let copy = copies.join(format!("{fingerprint}.mkv"));
        let found =
            files::look_into(&self.ports.ffmpeg, &self.source, &self.name, &copy, |_, _| false, &mut going)?;
        Ok(Looked::Found(Box::new(found), fingerprint))
    }
}

/// What people call a file.
fn name_of(at: &str) -> &str {
    at.rsplit('/').next().unwrap_or(at)
}

/// The fingerprint in the name of an object, see [`keys::recording`].
fn fingerprint_of(source: &str) -> String {
    let stem = name_of(source).split('.').next().unwrap_or_default();
    stem.rsplit('-').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_folders_prefixes_or_streams() {
        let of = |source: &str| Shelf::of(source, &S3Options::default());
        assert!(matches!(of("/srv/yard"), Some(Shelf::Folder(path)) if path == Path::new("/srv/yard")));
        assert!(
            matches!(of("s3://nvr/yard"), Some(Shelf::Bucket(options, None)) if options.prefix == "yard/")
        );
        assert!(of("rtsp://10.0.0.7/live").is_none());
    }

    #[test]
    fn a_file_is_known_by_the_name_of_its_object() {
        let camera = CameraId::of_footage("yard");
        for start in [MediaTime(-5), MediaTime(1_777_622_400_000_000)] {
            let key = keys::recording(camera, start, "0123456789abcdef", "mp4");
            assert_eq!(fingerprint_of(&format!("{}{key}", keys::SOURCE)), "0123456789abcdef");
        }
    }
}
