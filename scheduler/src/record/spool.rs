//! The spool: a folder on a local disk where pieces wait until they are brought away. What is announced here survives
//! a crash.
//!
//! Every camera has a folder in it. A piece is a video and, written after it, a note that says what it is; the video
//! alone is nothing.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camcount_domain::{CameraId, Recording};
use camcount_store::CameraEvent;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another recorder has it.
    #[error("another recorder is at work in the spool {}; give this one a folder of its own", place.display())]
    Taken {
        /// The folder.
        place: PathBuf,
    },
    /// The disk does not do what it should.
    #[error("the spool {} cannot be {action}; check its disk, and who may write there", place.display())]
    Disk {
        /// The folder or file.
        place: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// A piece, or what is to be said in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What the piece is, with where its bytes will be; `None` where there are events only.
    pub(crate) recording: Option<Recording>,
    /// What happened before it or in it.
    pub(crate) events: Vec<CameraEvent>,
    /// Its size.
    pub(crate) bytes: u64,
}

/// An entry and its place.
#[derive(Clone, Debug)]
pub(crate) struct Spooled {
    pub(crate) entry: Entry,
    number: u64,
    note: PathBuf,
    pub(crate) video: PathBuf,
}

/// The spool of one recorder.
#[derive(Debug)]
pub struct Spool {
    root: PathBuf,
    most_bytes: u64,
    state: Mutex<State>,
    /// Told whenever something comes or goes.
    changed: watch::Sender<()>,
    _lock: File,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<CameraId, BTreeMap<u64, Spooled>>,
    /// The number of the last entry of a camera.
    numbers: BTreeMap<CameraId, u64>,
    bytes: u64,
    runs: u64,
}

impl Spool {
    /// Opens the folder, which is this recorder's alone, and makes it if it is missing. It is full with `most_bytes`.
    ///
    /// # Errors
    /// When it cannot be read or written, or another recorder has it.
    pub fn open(root: &Path, most_bytes: u64) -> Result<Arc<Self>, SpoolError> {
        let failed = |place: &Path, action| {
            let place = place.to_owned();
            move |source| SpoolError::Disk { place, action, source }
        };
        fs::create_dir_all(root).map_err(failed(root, "made"))?;
        let lock = File::create(root.join("lock")).map_err(failed(root, "written"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SpoolError::Taken { place: root.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(root, "locked")(source)),
        }
        let mut state = State::default();
        for folder in fs::read_dir(root).map_err(failed(root, "read"))?.flatten() {
            let name = folder.file_name();
            let Some(camera) = name.to_str().and_then(|name| name.parse().ok().map(CameraId)) else {
                continue;
            };
            let found = read_camera(&folder.path()).map_err(failed(&folder.path(), "read"))?;
            state.bytes += found.values().map(|spooled| spooled.entry.bytes).sum::<u64>();
            state.numbers.insert(camera, found.last_key_value().map_or(0, |(number, _)| *number));
            state.waiting.insert(camera, found);
        }
        let (changed, _) = watch::channel(());
        Ok(Arc::new(Self {
            root: root.to_owned(),
            most_bytes,
            state: Mutex::new(state),
            changed,
            _lock: lock,
        }))
    }

    /// The cameras of which something waits.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraId> {
        let state = self.lock();
        state.waiting.iter().filter(|(_, waiting)| !waiting.is_empty()).map(|(camera, _)| *camera).collect()
    }

    /// The end of what waits of a camera.
    pub(crate) fn footage_end(&self, camera: CameraId) -> Option<camcount_domain::MediaTime> {
        let state = self.lock();
        let ends = state.waiting.get(&camera)?.values().filter_map(|s| s.entry.recording.as_ref());
        ends.map(|recording| recording.span.end).max()
    }

    /// Whether there is no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lock().bytes >= self.most_bytes
    }

    /// Bytes that wait, and how many fit.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.lock().bytes, self.most_bytes)
    }

    /// An empty folder for the pieces of a run that are not announced yet.
    pub(crate) fn run_folder(&self, camera: CameraId) -> Result<PathBuf, SpoolError> {
        let number = {
            let mut state = self.lock();
            state.runs += 1;
            state.runs
        };
        let folder = self.root.join(camera.to_string()).join(format!("run-{number}"));
        let made = fs::remove_dir_all(&folder)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .and_then(|()| fs::create_dir_all(&folder));
        made.map_err(|source| SpoolError::Disk { place: folder.clone(), action: "written", source })?;
        Ok(folder)
    }

    /// Announces an entry, with the video that lies at `piece` if it has one. When this returns, it survives a crash.
    pub(crate) fn put(
        &self,
        camera: CameraId,
        piece: Option<&Path>,
        mut entry: Entry,
    ) -> Result<(), SpoolError> {
        let folder = self.root.join(camera.to_string());
        let number = {
            let mut state = self.lock();
            let number = state.numbers.entry(camera).or_default();
            *number += 1;
            *number
        };
        let (video, note) =
            (folder.join(format!("{number:012}.mkv")), folder.join(format!("{number:012}.json")));
        let mut write = || -> io::Result<u64> {
            fs::create_dir_all(&folder)?;
            let mut bytes = 0;
            if let Some(piece) = piece {
                let file = File::open(piece)?;
                file.sync_all()?;
                bytes = file.metadata()?.len();
                fs::rename(piece, &video)?;
            }
            entry.bytes = bytes;
            let new = note.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(&entry)?)?;
            file.sync_all()?;
            fs::rename(&new, &note)?;
            File::open(&folder)?.sync_all()?;
            Ok(bytes)
        };
        let bytes = write().map_err(|source| SpoolError::Disk {
            place: folder.clone(),
            action: "written",
            source,
        })?;
        let mut state = self.lock();
        state.waiting.entry(camera).or_default().insert(number, Spooled { entry, number, note, video });
        state.bytes += bytes;
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    /// What waits longest of a camera.
    pub(crate) fn first(&self, camera: CameraId) -> Option<Spooled> {
        self.lock().waiting.get(&camera)?.first_key_value().map(|(_, spooled)| spooled.clone())
    }

    /// Forgets what was brought away.
    pub(crate) fn remove(&self, camera: CameraId, spooled: &Spooled) -> Result<(), SpoolError> {
        let gone = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SpoolError::Disk { place: path.to_owned(), action: "emptied", source: error })
            }
            _ => Ok(()),
        };
        // The note first: a video alone is nothing.
        gone(&spooled.note)?;
        gone(&spooled.video)?;
        let mut state = self.lock();
        if let Some(gone) = state.waiting.get_mut(&camera).and_then(|w| w.remove(&spooled.number)) {
            state.bytes = state.bytes.saturating_sub(gone.entry.bytes);
        }
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    /// Changes whenever something comes or goes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits in the folder of a camera. What a crash left unannounced is removed.
fn read_camera(folder: &Path) -> io::Result<BTreeMap<u64, Spooled>> {
    let mut found = BTreeMap::new();
    let mut rest = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let is_note = path.extension().is_some_and(|ending| ending == "json");
        match number.filter(|_| is_note) {
            Some(number) => {
                let entry: Entry = serde_json::from_slice(&fs::read(&path)?)?;
                let video = path.with_extension("mkv");
                found.insert(number, Spooled { entry, number, note: path, video });
            }
            None => rest.push((number, path)),
        }
    }
    for (number, path) in rest {
        let announced = number.is_some_and(|number: u64| found.contains_key(&number));
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if !announced || path.extension().is_some_and(|ending| ending == "new") {
            fs::remove_file(&path)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use camcount_domain::{FrameSize, MediaSpan, MediaTime};

    use super::*;

    fn entry(camera: CameraId, start: i64) -> Entry {
        let span = MediaSpan { start: MediaTime(start), end: MediaTime(start + 10) };
        let recording = Recording {
            camera,
            source: format!("blob:{start}"),
            span,
            origin_us: 0,
            frame_size: FrameSize { width: 1, height: 1 },
            frame_interval_us: 1,
        };
        Entry { recording: Some(recording), events: Vec::new(), bytes: 0 }
    }

    fn put(spool: &Spool, camera: CameraId, start: i64, bytes: usize) {
        let piece = spool.run_folder(camera).unwrap().join("000000.mkv");
        fs::write(&piece, vec![7; bytes]).unwrap();
        spool.put(camera, Some(&piece), entry(camera, start)).unwrap();
    }

    fn starts(spool: &Spool, camera: CameraId) -> Vec<i64> {
        let state = spool.lock();
        let waiting = state.waiting.get(&camera).into_iter().flat_map(BTreeMap::values);
        waiting.filter_map(|s| s.entry.recording.as_ref()).map(|r| r.span.start.0).collect()
    }

    #[test]
    fn what_was_announced_survives_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let [gate, door] = ["gate", "door"].map(CameraId::of_footage);
        let spool = Spool::open(dir.path(), 100).unwrap();
        for start in [5, 20, 40] {
            put(&spool, gate, start, 30);
        }
        put(&spool, door, 0, 1);
        assert_eq!((starts(&spool, gate), spool.bytes().0), (vec![5, 20, 40], 91));
        let first = spool.first(gate).unwrap();
        spool.remove(gate, &first).unwrap();
        // A crash between the two halves of an announcement, and in the middle of a run.
        let folder = dir.path().join(gate.to_string());
        fs::write(folder.join("000000000007.mkv"), "unannounced").unwrap();
        fs::write(folder.join("000000000009.new"), "{").unwrap();
        let run = spool.run_folder(gate).unwrap();
        fs::write(run.join("000000.mkv"), "half").unwrap();
        drop(spool);

        let spool = Spool::open(dir.path(), 61).unwrap();
        assert_eq!((starts(&spool, gate), spool.bytes().0), (vec![20, 40], 61));
        assert!(spool.is_full());
        assert_eq!(spool.footage_end(gate), Some(MediaTime(50)));
        assert_eq!(spool.cameras().len(), 2);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "two videos and their notes");
        put(&spool, gate, 60, 1);
        assert_eq!(starts(&spool, gate), [20, 40, 60]);
        while let Some(first) = spool.first(gate) {
            assert_eq!(fs::read(&first.video).unwrap().len() as u64, first.entry.bytes);
            spool.remove(gate, &first).unwrap();
        }
        assert_eq!((spool.cameras(), spool.bytes().0), (vec![door], 1));
    }

    #[test]
    fn a_spool_is_one_recorders_own() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 1).unwrap();
        let error = Spool::open(dir.path(), 1).unwrap_err();
        assert!(error.to_string().contains("another recorder"), "{error}");
        drop(spool);
        Spool::open(dir.path(), 1).unwrap();
        let nowhere = Spool::open(Path::new("/proc/spool"), 1).unwrap_err();
        assert!(nowhere.to_string().contains("cannot be made"), "{nowhere}");
    }
}
