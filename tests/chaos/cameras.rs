//! Cameras that go on: half of them streams, half of them folders that recordings are put into.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use camcount_domain::{CameraId, MediaSpan};
use camcount_store::{CameraFilter, Registry, Store};
use tokio::task::JoinHandle;

use crate::{
    fleet::{Fleet, STREET, street},
    recording_servers::Rtsp,
};

/// Seconds of the recordings in folders.
const PIECE_S: usize = 3;

/// Running cameras.
pub(crate) struct Cameras {
    streams: Mutex<Option<Rtsp>>,
    port: u16,
    clips: Vec<PathBuf>,
    feeding: Arc<AtomicBool>,
    put: Arc<AtomicUsize>,
    feeder: JoinHandle<()>,
}

impl Cameras {
    /// Registers and starts `count` of them; `None`, with a word on stderr, where no stream can be served.
    pub(crate) async fn start(fleet: &Fleet, count: usize) -> Option<Self> {
        let dir = fleet.path("clips");
        let clips = tokio::task::spawn_blocking(move || clips(&dir)).await.unwrap();
        let served: Vec<&Path> = clips.iter().map(PathBuf::as_path).collect();
        let streams = Rtsp::start(0, &served)?;
        let port = streams.port;
        let mut folders = Vec::new();
        for n in 0..count {
            let name = format!("camera-{n}");
            let source = if n % 2 == 0 {
                streams.url(n / 2 % clips.len())
            } else {
                let folder = fleet.path(&name);
                fs::create_dir_all(&folder).unwrap();
                folders.push((
                    folder.clone(),
                    pieces(&clips[n / 2 % clips.len()], &fleet.path(&format!("pieces-{n}"))),
                ));
                folder.to_str().unwrap().to_owned()
            };
            let add = ["camera", "add", &name, &source, "--fps", "5"];
            fleet.ok(add.iter().chain(&STREET)).await;
        }
        let (feeding, put) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let feeder = tokio::spawn(feed(folders, Arc::clone(&feeding), Arc::clone(&put)));
        Some(Self { streams: Mutex::new(Some(streams)), port, clips, feeding, put, feeder })
    }

    /// Ends all streams, and serves them again.
    pub(crate) fn restart_streams(&self) {
        let mut streams = self.streams.lock().unwrap();
        *streams = None;
        let served: Vec<&Path> = self.clips.iter().map(PathBuf::as_path).collect();
        *streams = Rtsp::start(self.port, &served);
    }

    /// Ends them; returns how many segments there are when all that was put is in.
    pub(crate) async fn end(self, fleet: &Fleet) -> usize {
        self.feeding.store(false, Ordering::SeqCst);
        self.feeder.await.unwrap();
        drop(self.streams);
        let put = self.put.load(Ordering::SeqCst);
        println!("{put} recordings were put into folders");
        fleet
            .until_none_left("all recordings are in", async |fleet| {
                let mut there = 0;
                for (name, id) in all(fleet).await {
                    if fleet.path(&name).is_dir() {
                        there += fleet.store.recordings(id).await.ok()?.len();
                    }
                }
                Some(put.checked_sub(there).expect("each once"))
            })
            .await;
        fleet.until_none_left("spools are empty", async |fleet| Some(spooled(fleet))).await;
        let mut segments = 0;
        for (_, id) in all(fleet).await {
            if let Some((first, last)) = fleet.store.segments_in(id, MediaSpan::ALL).await.unwrap() {
                segments += (last.seq.0 - first.seq.0 + 1) as usize;
            }
        }
        segments
    }
}

async fn all(fleet: &Fleet) -> Vec<(String, CameraId)> {
    let entries = fleet.store.cameras(&CameraFilter::default(), None, 100).await.unwrap();
    entries.into_iter().map(|entry| (entry.camera.name, entry.camera.id)).collect()
}

/// Footage in spools.
fn spooled(fleet: &Fleet) -> usize {
    (0..2).map(|n| files(&fleet.path(&format!("spool-{n}")))).sum()
}

/// Footage below a folder.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => files(&path),
            path => usize::from(path.extension().is_some_and(|ending| ending == "mkv")),
        })
        .sum()
}

/// Puts a recording into each folder as often as recordings are long, named by its time.
async fn feed(folders: Vec<(PathBuf, Vec<PathBuf>)>, feeding: Arc<AtomicBool>, put: Arc<AtomicUsize>) {
    let mut every = tokio::time::interval(Duration::from_secs(PIECE_S as u64));
    for round in 0.. {
        every.tick().await;
        if !feeding.load(Ordering::SeqCst) {
            return;
        }
        let at = round * PIECE_S;
        let name = format!("20260501-{:02}{:02}{:02}.mp4", 8 + at / 3600, at / 60 % 60, at % 60);
        for (folder, pieces) in &folders {
            // In one step, as whoever copies recordings does.
            let aside = folder.with_extension("incoming");
            // A box of its own at the end, for no two recordings of a camera are the same file.
            let mut bytes = fs::read(&pieces[round % pieces.len()]).unwrap();
            bytes.extend(16_u32.to_be_bytes().iter().chain(b"free").chain(&(round as u64).to_be_bytes()));
            fs::write(&aside, bytes).unwrap();
            fs::rename(&aside, folder.join(&name)).unwrap();
            put.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What cameras see: real footage where the test data are, and the demo's street.
fn clips(dir: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(dir).unwrap();
    let data = std::env::var_os("CAMCOUNT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let real = [
        "videos/vtest_pets09s2l1_480x360.mp4",
        "videos/one-by-one-person-detection.mp4",
        "videos/car-detection.mp4",
    ];
    let real = real.iter().map(|clip| data.join(clip)).filter(|clip| clip.exists());
    let all = std::iter::once(street()).chain(real).enumerate();
    all.map(|(n, clip)| {
        let out = dir.join(format!("{n}.mp4"));
        ffmpeg(&["-i", clip.to_str().unwrap(), "-t", "60", "-vf", "scale=640:-2,fps=10"], &out);
        out
    })
    .collect()
}

/// A clip in recordings.
fn pieces(clip: &Path, dir: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(dir).unwrap();
    (0..4)
        .map(|n| {
            let out = dir.join(format!("{n}.mp4"));
            let (from, length) = ((n * PIECE_S).to_string(), PIECE_S.to_string());
            ffmpeg(&["-ss", &from, "-i", clip.to_str().unwrap(), "-t", &length], &out);
            out
        })
        .collect()
}

/// Encodes as cameras do: a key frame every second, and nothing reordered.
fn ffmpeg(args: &[&str], out: &Path) {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .args(["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"])
        .arg(out)
        .status();
    assert!(done.unwrap().success());
}
