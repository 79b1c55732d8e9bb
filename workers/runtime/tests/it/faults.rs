//! Ports that fail when they are told to.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{BlobError, Blobs, Put};
use camcount_decode::{Ffmpeg, Options};
use camcount_detect::{Backdrop, BackdropWanted, Detect, MotionDetector, Ticket};
use camcount_domain::{Detector, Frame, FrameSize, Job, Lane, MediaTime, Picture, Rate};
use camcount_queue::{Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Verdict};
use rustix::process::{Pid, test_kill_process};

/// A queue whose broker is away for the next so many calls.
pub(crate) struct Away {
    pub(crate) inner: Arc<dyn Queue>,
    pub(crate) extends: AtomicUsize,
    pub(crate) settles: AtomicUsize,
}

impl Away {
    pub(crate) fn new(inner: Arc<dyn Queue>, extends: usize, settles: usize) -> Arc<Self> {
        Arc::new(Self { inner, extends: extends.into(), settles: settles.into() })
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn away(action: &'static str, lane: Lane) -> QueueError {
    let source = io::Error::from(io::ErrorKind::ConnectionRefused).into();
    QueueError::Unavailable { action, lane, broker: "a broker".into(), source }
}

#[async_trait]
impl Queue for Away {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        self.inner.push(job).await
    }

    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        self.inner.lease(lane).await
    }

    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        if take_one(&self.extends) {
            return Err(away("extend a lease", lease.job.lane));
        }
        self.inner.extend(lease).await
    }

    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        if take_one(&self.settles) {
            return Err(away("settle a lease", lease.job.lane));
        }
        self.inner.settle(lease, verdict).await
    }

    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        self.inner.depth(lane).await
    }

    fn timing(&self) -> LeaseTiming {
        self.inner.timing()
    }
}

/// A queue that delivers every job twice and now and then loses the word that one is done.
pub(crate) struct Stutter {
    pub(crate) inner: Arc<dyn Queue>,
    again: Mutex<Vec<Lease>>,
    luck: Mutex<u64>,
    pub(crate) delivered: AtomicUsize,
    pub(crate) lost: AtomicUsize,
}

impl Stutter {
    pub(crate) fn new(inner: Arc<dyn Queue>, seed: u64) -> Arc<Self> {
        let (again, luck) = (Mutex::default(), Mutex::new(seed));
        Arc::new(Self { inner, again, luck, delivered: 0.into(), lost: 0.into() })
    }

    /// Once in `times`, by Knuth's MMIX generator.
    fn once_in(&self, times: u64) -> bool {
        let mut luck = self.luck.lock().unwrap();
        *luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*luck >> 33).is_multiple_of(times)
    }
}

#[async_trait]
impl Queue for Stutter {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        self.inner.push(job).await
    }

    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        let again = {
            let mut again = self.again.lock().unwrap();
            again.iter().position(|lease| lease.job.lane == lane).map(|index| again.remove(index))
        };
        let lease = match again {
            Some(lease) => lease,
            None => {
                let lease = self.inner.lease(lane).await?;
                self.again.lock().unwrap().push(lease.clone());
                lease
            }
        };
        self.delivered.fetch_add(1, Ordering::SeqCst);
        Ok(lease)
    }

    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        // The twin may have settled it: this one goes on all the same.
        self.inner.extend(lease).await.map(|_| Standing::Held)
    }

    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        if verdict == Verdict::Done && self.once_in(3) {
            self.lost.fetch_add(1, Ordering::SeqCst);
            // As if the lease had lapsed at once.
            let lapsed = Verdict::Retry { after: Duration::ZERO };
            return self.inner.settle(lease, lapsed).await;
        }
        self.inner.settle(lease, verdict).await
    }

    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        self.inner.depth(lane).await
    }

    fn timing(&self) -> LeaseTiming {
        self.inner.timing()
    }
}

/// Blobs on a full disk.
pub(crate) struct FullDisk(pub(crate) Arc<dyn Blobs>);

#[async_trait]
impl Blobs for FullDisk {
    async fn put(&self, key: &str, _: Bytes) -> Result<Put, BlobError> {
        Err(BlobError::Storage {
            action: "write",
            what: key.to_owned(),
            place: "/full".to_owned(),
            remedy: "the disk is full; free some space",
            source: io::Error::from(io::ErrorKind::StorageFull).into(),
        })
    }

    async fn put_stream(&self, key: &str, _: Box<dyn io::Read + Send>) -> Result<Put, BlobError> {
        self.put(key, Bytes::new()).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        self.0.get(key).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        self.0.size(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.0.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError> {
        self.0.list(prefix, after, limit).await
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        self.0.source(key).await
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Looked,
    Failed,
    Panics,
}

type Plan = Box<dyn Fn(MediaTime) -> Fate + Send + Sync>;

/// The motion detector, but for the frames that a plan has something else in store for.
pub(crate) struct Planned(Plan);

impl Planned {
    pub(crate) fn new(plan: impl Fn(MediaTime) -> Fate + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Box::new(plan)))
    }
}

impl Detect for Planned {
    fn describe(&self, rate: Rate) -> Detector {
        MotionDetector::new().describe(rate)
    }

    fn picture(&self, source: FrameSize) -> Picture {
        MotionDetector::new().picture(source)
    }

    fn backdrop(&self) -> Option<BackdropWanted> {
        MotionDetector::new().backdrop()
    }

    fn submit(&self, mut frame: Frame, source: FrameSize, backdrop: Option<Arc<Backdrop>>) -> Ticket {
        match (self.0)(frame.time) {
            Fate::Looked => {}
            Fate::Failed => frame.data = Vec::new().into(),
            Fate::Panics => panic!("no such pixel"),
        }
        MotionDetector::new().submit(frame, source, backdrop)
    }
}

/// An FFmpeg that notes its process id before it does as `first` says.
pub(crate) fn traced(dir: &Path, first: &str, stall: Duration) -> (Ffmpeg, PathBuf) {
    let (program, pids) = (dir.join("ffmpeg"), dir.join("pids"));
    let script = format!("#!/bin/sh\necho $$ >> {}\n{first}\nexec ffmpeg \"$@\"\n", pids.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (Ffmpeg::new(Options { ffmpeg: program, stall, ..Options::default() }), pids)
}

/// The processes noted in `pids` that still run.
pub(crate) fn alive(pids: &Path) -> Vec<i32> {
    let text = fs::read_to_string(pids).unwrap_or_default();
    let all = text.lines().map(|line| line.parse::<i32>().unwrap());
    all.filter(|pid| test_kill_process(Pid::from_raw(*pid).unwrap()).is_ok()).collect()
}

/// Waits until none of them runs any more.
pub(crate) async fn gone(pids: &Path) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !alive(pids).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("FFmpeg is left running");
}
