//! A folder of recordings as a camera, on a disk or in blob storage: new files are found, brought away and registered, in
//! the order of their times.
//!
//! What is known lies in the store: a file is known by the fingerprint in the name of its object. A file is taken when
//! it is whole: it has not changed for a while, and its container says where it ends. One that begins before the end of
//! the footage that is there already cannot be appended; that is noted once.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use camcount_blob::{BlobError, keys};
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
    #[error("blob storage did not take a file")]
    Blobs(#[from] BlobError),
    #[error("the store did not take a file")]
    Store(#[from] StoreError),
    #[error("it was stopped")]
    Stopped,
}

/// A file as it was seen last.
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    since: Instant,
    /// Nothing is to be done with it as long as it stays so.
    done: bool,
}

/// Where files come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// A folder.
    Folder(PathBuf),
    /// The objects of blob storage whose keys begin so.
    Objects(String),
}

impl Shelf {
    /// What a camera's source names, unless it is a stream.
    pub(crate) fn of(source: &str) -> Option<Self> {
        match source.split_once("://") {
            None => Some(Self::Folder(PathBuf::from(source))),
            Some(("blob", prefix)) => Some(Self::Objects(prefix.to_owned())),
            Some(_) => None,
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
    known: Option<Vec<String>>,
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
    let mut watching =
        Watching { ports, camera, shelf, segment_us, stop, seen: BTreeMap::new(), known: None };
    let mut failures = 0;
    while !stopped.is_cancelled() {
        let pause = match watching.look().await {
            Ok(()) => {
                failures = 0;
                LOOK_EVERY
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
        let files = match &self.shelf {
            Shelf::Folder(folder) => in_folder(folder)?,
            Shelf::Objects(prefix) => in_blobs(&self.ports, prefix).await?,
        };
        self.seen.retain(|at, _| files.contains_key(at));
        for (at, (size, modified)) in files {
            let now = || Seen { size, modified, since: Instant::now(), done: false };
            let seen = self.seen.entry(at).or_insert_with(now);
            if (seen.size, seen.modified) != (size, modified) {
                *seen = now();
            }
        }
        Ok(self.seen.iter().filter(|(_, seen)| !seen.done).map(|(at, _)| at.clone()).collect())
    }

    /// Takes a file, if it is whole; returns false when it is not.
    async fn take(&mut self, at: &str) -> Result<bool, Trouble> {
        let Some(still) = self.seen.get(at).map(|seen| seen.since.elapsed()) else { return Ok(true) };
        let is_object = matches!(self.shelf, Shelf::Objects(_));
        if still < STILL && !is_object {
            return Ok(false);
        }
        let given_up = still >= GIVEN_UP || is_object;
        let name = name_of(at).to_owned();
        let source = if is_object { self.ports.blobs.source(at).await? } else { at.to_owned() };
        let looking = Looking {
            ports: self.ports.clone(),
            camera: self.camera.id,
            // Objects are written once, so that the name tells one from another.
            fingerprint: is_object.then(|| content_hash(&[at.as_bytes()])),
            source: source.clone(),
            name: name.clone(),
            known: self.known.clone().unwrap_or_default(),
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
            found.insert(at.to_owned(), (meta.len(), meta.modified().ok()));
        }
    }
    Ok(found)
}

/// The objects under a prefix.
async fn in_blobs(ports: &Ports, prefix: &str) -> Result<Files, Trouble> {
    const PAGE: usize = 1000;
    let mut found = Files::new();
    let mut after: Option<String> = None;
    loop {
        let page = ports.blobs.list(prefix, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        let videos = page.into_iter().filter(|key| files::is_video(Path::new(key)));
        found.extend(videos.map(|key| (key, (0, None))));
    }
}

type Files = BTreeMap<String, (u64, Option<SystemTime>)>;

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
    known: Vec<String>,
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
        assert_eq!(Shelf::of("/srv/yard"), Some(Shelf::Folder("/srv/yard".into())));
        assert_eq!(Shelf::of("blob://nvr/yard/"), Some(Shelf::Objects("nvr/yard/".into())));
        assert_eq!(Shelf::of("rtsp://10.0.0.7/live"), None);
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
