//! A folder of recordings as a camera: new files are found, brought away and registered, in the order of their times.
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
use camcount_decode::DecodeError;
use camcount_domain::{Camera, MediaSpan, MediaTime, Recording};
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

struct Watching {
    ports: Ports,
    camera: Camera,
    folder: PathBuf,
    segment_us: i64,
    stop: CancellationToken,
    seen: BTreeMap<PathBuf, Seen>,
    /// Fingerprints of what the store has; `None` before it was asked.
    known: Option<Vec<String>>,
}

/// Watches `folder` until `stop`, cutting what comes into segments of `segment_us`.
pub(crate) async fn watch(
    ports: Ports,
    camera: Camera,
    folder: PathBuf,
    segment_us: i64,
    stop: CancellationToken,
) {
    let stopped = stop.clone();
    let mut watching =
        Watching { ports, camera, folder, segment_us, stop, seen: BTreeMap::new(), known: None };
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
        let mut waiting = self.waiting()?;
        // Those whose names tell no time last; their containers may.
        waiting.sort_by_key(|path| (start_of(path).unwrap_or(MediaTime::MAX), path.clone()));
        for path in waiting {
            if self.stop.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            // What comes later waits for what is being written.
            if !self.take(&path).await? {
                break;
            }
        }
        Ok(())
    }

    /// The files that something may have to be done with.
    fn waiting(&mut self) -> Result<Vec<PathBuf>, Trouble> {
        let failed = |source| Trouble::Folder { place: self.folder.clone(), source };
        let files = files::videos(&self.folder).map_err(failed)?;
        self.seen.retain(|path, _| files.contains(path));
        for path in files {
            // One that is gone again is no footage.
            let Ok(meta) = fs::metadata(&path) else { continue };
            let (size, modified) = (meta.len(), meta.modified().ok());
            let now = Seen { size, modified, since: Instant::now(), done: false };
            let seen = self.seen.entry(path).or_insert(now);
            if (seen.size, seen.modified) != (size, modified) {
                *seen = Seen { size, modified, since: Instant::now(), done: false };
            }
        }
        Ok(self.seen.iter().filter(|(_, seen)| !seen.done).map(|(path, _)| path.clone()).collect())
    }

    /// Takes a file, if it is whole; returns false when it is not.
    async fn take(&mut self, path: &Path) -> Result<bool, Trouble> {
        let Some(still) = self.seen.get(path).map(|seen| seen.since.elapsed()) else { return Ok(true) };
        if still < STILL {
            return Ok(false);
        }
        let given_up = still >= GIVEN_UP;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let looked = tokio::task::spawn_blocking({
            let (ports, path, name, stop) =
                (self.ports.clone(), path.to_owned(), name.clone(), self.stop.clone());
            let (camera, known) = (self.camera.id, self.known.clone().unwrap_or_default());
            move || look_into(&ports, camera, &path, &name, &known, &stop)
        });
        let looked = looked.await.unwrap_or(Err(DecodeError::Stopped { source_name: name.clone() }));
        let taken = match looked {
            Ok(Looked::Known) => Ok(()),
            Ok(Looked::Found(found, fingerprint)) => {
                // A container that was never closed does not say where it ends.
                if found.probe.duration_us.is_none() && !given_up {
                    return Ok(false);
                }
                let taken = self.register(&found, &fingerprint, path).await;
                if let Some(made) =
                    Path::new(&found.source).parent().filter(|_| found.source != path.to_string_lossy())
                {
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
        if let Some(seen) = self.seen.get_mut(path) {
            seen.done = true;
        }
        Ok(true)
    }

    /// Brings a file away and appends it; false when it was refused.
    async fn register(&self, found: &Footage, fingerprint: &str, path: &Path) -> Result<bool, Trouble> {
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
        let ending = Path::new(&found.source).extension().or(path.extension()).unwrap_or_default();
        let ending = if Path::new(&found.source) == path { ending.to_string_lossy() } else { "mkv".into() };
        let key = keys::recording(self.camera.id, begins, fingerprint, &ending.to_lowercase());
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

/// What a file turned out to be.
enum Looked {
    /// The store has it.
    Known,
    /// It is footage, with this fingerprint.
    Found(Box<Footage>, String),
}

fn look_into(
    ports: &Ports,
    camera: camcount_domain::CameraId,
    path: &Path,
    name: &str,
    known: &[String],
    stop: &CancellationToken,
) -> Result<Looked, DecodeError> {
    let unreadable = |error: std::io::Error| DecodeError::NotFound {
        source_name: path.display().to_string(),
        detail: error.to_string(),
    };
    let fingerprint = files::fingerprint(path).map_err(unreadable)?;
    if known.contains(&fingerprint) {
        return Ok(Looked::Known);
    }
    let copies = ports.spool.run_folder(camera).map_err(|error| unreadable(std::io::Error::other(error)))?;
    let source = path.to_string_lossy();
    // It is there only when there is a copy in it.
    let _ = fs::remove_dir(&copies);
    let mut going = |step, _, _| {
        if step == files::Step::Copying && !copies.exists() {
            let _ = fs::create_dir_all(&copies);
        }
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let found = files::look_into(
        &ports.ffmpeg,
        &source,
        name,
        &copies.join(format!("{fingerprint}.mkv")),
        |_, _| false,
        &mut going,
    )?;
    Ok(Looked::Found(Box::new(found), fingerprint))
}

/// What the file's name says of when it begins.
fn start_of(path: &Path) -> Option<MediaTime> {
    files::of_name(&path.file_name()?.to_string_lossy())
}

/// The fingerprint in the name of an object, see [`keys::recording`].
fn fingerprint_of(source: &str) -> String {
    let stem = source.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
    stem.rsplit('-').next().unwrap_or_default().to_owned()
}
