//! What recording works with, and what came of it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{BlobError, Blobs, Folder, Put};
use camcount_decode::{Ffmpeg, LiveOptions, Options};
use camcount_domain::{
    Camera, CameraId, Fit, FrameSize, MediaSpan, Picture, PixelFormat, Rate, Recording, Transport, WallTime,
    content_hash,
};
use camcount_scheduler::record::{LiveCamera, Ports, Spool, deliver, record};
use camcount_store::{CameraEvent, EventKind, Sqlite, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const EVERY: Rate = Rate { millihertz: 1_000_000 };
const SMALL: Picture =
    Picture { size: FrameSize { width: 64, height: 48 }, fit: Fit::Stretch, pixels: PixelFormat::Rgb };

/// Blobs that can be away.
pub(crate) struct Moody {
    folder: Folder,
    pub(crate) away: AtomicBool,
}

impl Moody {
    fn there(&self, key: &str) -> Result<(), BlobError> {
        if !self.away.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (what, place) = (key.to_owned(), "the test".to_owned());
        Err(BlobError::Storage { action: "write", what, place, remedy: "wait", source: "it is away".into() })
    }
}

#[async_trait]
impl Blobs for Moody {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<Put, BlobError> {
        self.there(key)?;
        self.folder.put(key, bytes).await
    }

    async fn put_stream(&self, key: &str, bytes: Box<dyn std::io::Read + Send>) -> Result<Put, BlobError> {
        self.there(key)?;
        self.folder.put_stream(key, bytes).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        self.folder.get(key).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        self.folder.size(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.there(key)?;
        self.folder.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError> {
        self.folder.list(prefix, after, limit).await
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        self.folder.source(key).await
    }
}

/// A place to record at.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<Moody>,
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) camera: CameraId,
    /// How RTSP brings its packets.
    pub(crate) transport: Transport,
    /// What the clock on the wall is off by, in microseconds.
    pub(crate) off_us: Arc<AtomicI64>,
}

/// A recorder of one camera.
pub(crate) struct Recorder {
    pub(crate) spool: Arc<Spool>,
    stop: CancellationToken,
    stop_delivery: CancellationToken,
    recording: JoinHandle<()>,
    delivery: JoinHandle<()>,
}

#[allow(clippy::disallowed_methods, reason = "a test has a wall, too")]
pub(crate) fn now() -> WallTime {
    WallTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64)
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&dir.path().join("store.db")).await.unwrap());
        let folder = Folder::open(&dir.path().join("blobs")).unwrap();
        let camera = Camera { id: CameraId::of_footage("gate"), name: "gate".into(), start_known: true };
        store.register_camera(&camera).await.unwrap();
        let ffmpeg = Ffmpeg::new(Options { stall: Duration::from_secs(10), ..Options::default() });
        let blobs = Arc::new(Moody { folder, away: AtomicBool::new(false) });
        Self {
            dir,
            store,
            blobs,
            ffmpeg,
            camera: camera.id,
            transport: Transport::Tcp,
            off_us: Arc::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a clip of so many seconds in which no two frames look alike, with a key frame every second.
    pub(crate) fn shoot(&self, name: &str, seconds: u32, args: &[&str]) -> PathBuf {
        let path = self.path(name);
        let scene = format!("testsrc2=s=320x240:r=10:d={seconds}");
        let done = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &scene])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"])
            .args(args)
            .arg(&path)
            .status();
        assert!(done.unwrap().success());
        path
    }

    pub(crate) fn ports(&self, spool: Arc<Spool>) -> Ports {
        let off_us = Arc::clone(&self.off_us);
        Ports {
            store: Arc::clone(&self.store),
            blobs: self.blobs.clone(),
            ffmpeg: self.ffmpeg.clone(),
            spool,
            clock: Arc::new(move || WallTime(now().0 + off_us.load(Ordering::SeqCst))),
        }
    }

    /// Records `source` with a spool of that name.
    pub(crate) fn record(&self, source: &str, spool: &str, spool_bytes: u64) -> Recorder {
        let spool = Spool::open(&self.path(spool), spool_bytes).unwrap();
        let options = LiveOptions {
            piece: Duration::from_secs(2),
            stall: Duration::from_secs(2),
            transport: self.transport,
        };
        let camera = LiveCamera { id: self.camera, name: "gate".into(), source: source.to_owned(), options };
        let (stop, stop_delivery) = (CancellationToken::new(), CancellationToken::new());
        let ports = self.ports(Arc::clone(&spool));
        let recording = tokio::spawn(record(ports.clone(), camera, stop.clone()));
        let delivery = tokio::spawn(deliver(ports, self.camera, stop_delivery.clone()));
        Recorder { spool, stop, stop_delivery, recording, delivery }
    }

    pub(crate) async fn recordings(&self) -> Vec<Recording> {
        let recordings = self.store.recordings(self.camera).await.unwrap();
        recordings.into_iter().map(|(_, recording)| recording).collect()
    }

    pub(crate) async fn events(&self) -> Vec<CameraEvent> {
        self.store.camera_events(self.camera).await.unwrap()
    }

    pub(crate) async fn gaps(&self) -> Vec<CameraEvent> {
        let mut events = self.events().await;
        events.retain(|event| event.kind == EventKind::Gap);
        events
    }

    /// Waits until something holds of what is stored.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, holds: impl Fn() -> F) {
        let waiting = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let patience = Duration::from_secs(60);
        assert!(
            tokio::time::timeout(patience, waiting).await.is_ok(),
            "never: {what}; {:?}",
            self.events().await
        );
    }

    pub(crate) async fn until_recorded(&self, pieces: usize) {
        self.until(&format!("{pieces} pieces"), async || self.recordings().await.len() >= pieces).await;
    }

    /// Media times and hashes of all recorded frames, in order.
    pub(crate) async fn frames(&self) -> Vec<(i64, String)> {
        let mut frames = Vec::new();
        let mut end = i64::MIN;
        for recording in self.recordings().await {
            assert!(recording.span.start.0 >= end, "footage overlaps");
            end = recording.span.end.0;
            let key = recording.source.strip_prefix("blob:").unwrap();
            let source = self.blobs.source(key).await.unwrap();
            frames.extend(self.look(&Recording { source, ..recording }));
        }
        assert!(frames.windows(2).all(|pair| pair[0].0 < pair[1].0), "frames are in order");
        frames
    }

    fn look(&self, recording: &Recording) -> Vec<(i64, String)> {
        let frames = self.ffmpeg.frames(recording, MediaSpan::ALL, EVERY, &SMALL).unwrap();
        let frames = frames.map(|frame| frame.unwrap());
        frames.map(|frame| (frame.time.0, content_hash(&[&frame.data]))).collect()
    }

    /// Times, from zero, and hashes of a clip's frames.
    pub(crate) fn clip(&self, path: &Path) -> Vec<(i64, String)> {
        let source = path.display().to_string();
        let probe = self.ffmpeg.probe(&source).unwrap();
        let recording = Recording {
            camera: self.camera,
            source,
            span: MediaSpan { start: Default::default(), end: Default::default() },
            origin_us: probe.start_us,
            frame_size: probe.frame_size,
            frame_interval_us: probe.frame_interval_us,
        };
        self.look(&recording)
    }

    /// What of `clip` was recorded: for each frame its number in the clip.
    pub(crate) async fn recorded_of(&self, clip: &[(i64, String)]) -> Vec<usize> {
        let number = |hash: &String| clip.iter().position(|(_, other)| other == hash);
        self.frames().await.iter().map(|(_, hash)| number(hash).unwrap_or(usize::MAX)).collect()
    }
}

impl Recorder {
    pub(crate) fn spool_bytes(&self) -> u64 {
        self.spool.bytes().0
    }

    pub(crate) fn spool_is_empty(&self) -> bool {
        self.spool.cameras().is_empty()
    }

    pub(crate) fn spool_is_full(&self) -> bool {
        self.spool.is_full()
    }

    /// As on SIGTERM: the last piece is finished, and what can be brought away is.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.recording.await.unwrap();
        self.stop_delivery.cancel();
        self.delivery.await.unwrap();
    }

    /// As by `kill -9`: nothing is finished.
    pub(crate) async fn kill(self) {
        self.recording.abort();
        self.delivery.abort();
        let _ = (self.recording.await, self.delivery.await);
        // The thread that records ends with the stream.
        self.stop.cancel();
    }
}
