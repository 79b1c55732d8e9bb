//! A recorder: takes leases on cameras, records those it has, and brings away what its spool holds.
//!
//! While the store is away it goes on with what it has: nobody else can take it then. Should somebody have taken a
//! camera after all, the store appends the footage of one of the two and refuses the other's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use camcount_blob::S3Options;
use camcount_decode::LiveOptions;
use camcount_domain::{CameraId, StreamSettings};
use camcount_store::{CameraEntry, CameraFilter, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Ports,
    camera::{LiveCamera, record},
    deliver::deliver,
    folder::{Shelf, watch},
};
use crate::Leaseholder;

/// Others take a recorder's cameras when it was not heard of for so long.
const LEASE: Duration = Duration::from_secs(6);
/// How often the registry is read: so soon are new cameras recorded, and changed ones as they are meant to be.
const REGISTRY_EVERY: Duration = Duration::from_secs(5);
/// Cameras that are read at a time.
const PAGE: u32 = 500;
/// How long cameras may take to end, and then what was recorded to be brought away. The spool keeps the rest.
const FAREWELL: Duration = Duration::from_secs(10);

/// Puts sealed credentials into the source of a camera.
pub type Unsealed = Arc<dyn Fn(&CameraEntry, &[u8]) -> Result<String, String> + Send + Sync>;

/// What a recorder does.
#[derive(Clone)]
pub struct RecorderOptions {
    /// A name that no other process has.
    pub name: String,
    /// Which cameras, by their names, with `*` for any letters.
    pub cameras: Vec<String>,
    /// How many cameras at once.
    pub most: usize,
    /// The length of pieces, where it is not the cameras' own.
    pub segment_us: Option<i64>,
    /// A stream of which nothing comes for this long has stalled.
    pub stall: Duration,
    /// How credentials come into sources.
    pub unsealed: Unsealed,
    /// How buckets of recordings are reached; which ones, cameras say.
    pub s3: S3Options,
}

/// A camera that is recorded here.
struct Active {
    what: CameraEntry,
    sealed: Option<Vec<u8>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Runs until `stop`.
pub async fn run(ports: Ports, options: RecorderOptions, stop: CancellationToken) {
    let lease = Leaseholder::new(Arc::clone(&ports.store), "recorder/", &options.name, LEASE);
    let mut recorder = Recorder {
        ports,
        options,
        lease,
        registered: BTreeMap::new(),
        read: None,
        active: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        stop_deliveries: CancellationToken::new(),
    };
    for camera in recorder.ports.spool.cameras() {
        recorder.deliver(camera);
    }
    let mut ticks = tokio::time::interval(LEASE / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => recorder.tick().await,
            () = stop.cancelled() => break,
        }
    }
    recorder.end().await;
}

struct Recorder {
    ports: Ports,
    options: RecorderOptions,
    lease: Leaseholder,
    /// The cameras that may be recorded here.
    registered: BTreeMap<String, CameraEntry>,
    read: Option<Instant>,
    active: BTreeMap<String, Active>,
    deliveries: BTreeMap<CameraId, JoinHandle<()>>,
    stop_deliveries: CancellationToken,
}

impl Recorder {
    async fn tick(&mut self) {
        let anew = self.read.is_none_or(|read| read.elapsed() >= REGISTRY_EVERY);
        if anew {
            match self.read_registry().await {
                Ok(registered) => (self.registered, self.read) = (registered, Some(Instant::now())),
                Err(error) => complain(&error, "the registry of cameras cannot be read"),
            }
        }
        let wanted: BTreeSet<String> = self.registered.keys().cloned().collect();
        match self.lease.tend(&wanted, self.options.most, Instant::now()).await {
            Ok(held) => {
                let held = held.clone();
                if let Err(error) = self.heed(&held, anew).await {
                    complain(&error, "the credentials of cameras cannot be read");
                }
            }
            Err(error) => complain(&error, "leases were not renewed; what is recorded here goes on"),
        }
        let (bytes, most) = self.ports.spool.bytes();
        metrics::gauge!("camcount_recorder_cameras").set(self.active.len() as f64);
        metrics::gauge!("camcount_spool_bytes").set(bytes as f64);
        metrics::gauge!("camcount_spool_most_bytes").set(most as f64);
    }

    async fn read_registry(&self) -> Result<BTreeMap<String, CameraEntry>, StoreError> {
        let filter = CameraFilter { enabled: Some(true), ..CameraFilter::default() };
        let mut found = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.store.cameras(&filter, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.camera.name.clone());
            for entry in page {
                if self.options.cameras.iter().any(|pattern| matches(pattern, &entry.camera.name)) {
                    found.insert(entry.camera.id.to_string(), entry);
                }
            }
        }
    }

    /// Records what is held, and nothing else; as it is registered now, where that is to be looked up `anew`.
    async fn heed(&mut self, held: &BTreeSet<String>, anew: bool) -> Result<(), StoreError> {
        let gone = self.active.extract_if(.., |name, _| !held.contains(name));
        for (_, active) in gone {
            tracing::info!(camera = active.what.camera.name, "recording ends here");
            active.stop.cancel();
        }
        for name in held {
            if !anew && self.active.get(name).is_some_and(|active| !active.task.is_finished()) {
                continue;
            }
            let Some(entry) = self.registered.get(name).cloned() else { continue };
            let sealed = self.ports.store.credentials(entry.camera.id).await?;
            let active = self.active.get(name);
            let alike = |active: &Active| {
                is_recorded_alike(&active.what, &entry)
                    && active.sealed == sealed
                    && !active.task.is_finished()
            };
            if !active.is_some_and(alike) {
                let before = self.active.remove(name).map(|active| {
                    active.stop.cancel();
                    active.task
                });
                self.start(entry, sealed, before);
            }
        }
        Ok(())
    }

    /// Records a camera, once `before` has ended.
    fn start(&mut self, entry: CameraEntry, sealed: Option<Vec<u8>>, before: Option<JoinHandle<()>>) {
        self.deliver(entry.camera.id);
        let stop = CancellationToken::new();
        let (ports, options) = (self.ports.clone(), self.options.clone());
        tracing::info!(camera = entry.camera.name, "recording begins here");
        let task = tokio::spawn({
            let (entry, sealed, stop) = (entry.clone(), sealed.clone(), stop.clone());
            async move {
                if let Some(before) = before {
                    // It ends with its piece, or has panicked.
                    let _ = before.await;
                }
                camera(ports, options, entry, sealed, stop).await;
            }
        });
        self.active.insert(entry.camera.id.to_string(), Active { what: entry, sealed, stop, task });
    }

    /// Brings away what waits of a camera, now and from now on.
    fn deliver(&mut self, camera: CameraId) {
        let delivery = || tokio::spawn(deliver(self.ports.clone(), camera, self.stop_deliveries.clone()));
        self.deliveries.entry(camera).or_insert_with(delivery);
    }

    /// Ends in order: pieces are finished, brought away as far as that goes, and others may go on.
    async fn end(mut self) {
        let tasks = std::mem::take(&mut self.active).into_values().map(|active| {
            active.stop.cancel();
            active.task
        });
        all_within(FAREWELL, tasks).await;
        self.stop_deliveries.cancel();
        all_within(FAREWELL, std::mem::take(&mut self.deliveries).into_values()).await;
        let waiting = self.ports.spool.cameras().len();
        if waiting > 0 {
            let bytes = self.ports.spool.bytes().0;
            tracing::warn!(
                cameras = waiting,
                bytes,
                "footage waits in the spool for the next recorder with it"
            );
        }
        if let Err(error) = self.lease.give_all_back().await {
            complain(&error, "leases were not given back; they lapse");
        }
    }
}

/// Records a camera that is registered so.
async fn camera(
    ports: Ports,
    options: RecorderOptions,
    entry: CameraEntry,
    sealed: Option<Vec<u8>>,
    stop: CancellationToken,
) {
    let source = match sealed.map(|sealed| (options.unsealed)(&entry, &sealed)).transpose() {
        Ok(unsealed) => unsealed.unwrap_or_else(|| entry.source.clone()),
        Err(why) => {
            // It may do elsewhere, or when it was entered again; until then there is nothing to record.
            tracing::error!(camera = entry.camera.name, why, "the camera cannot be recorded");
            return stop.cancelled().await;
        }
    };
    let settings: StreamSettings = serde_json::from_value(entry.settings.clone()).unwrap_or_default();
    let segment_us = options.segment_us.unwrap_or(settings.segment_us);
    let segment_us = segment_us.clamp(StreamSettings::SHORTEST_US, StreamSettings::LONGEST_US);
    if let Some(shelf) = Shelf::of(&source, &options.s3) {
        return watch(ports, entry.camera, shelf, segment_us, stop).await;
    }
    let piece = Duration::from_micros(u64::try_from(segment_us).unwrap_or_default());
    let live = LiveOptions { transport: settings.transport, piece, stall: options.stall };
    let live = LiveCamera { id: entry.camera.id, name: entry.camera.name, source, options: live };
    record(ports, live, stop).await;
}

/// Whether two entries of one camera are recorded in the same way.
fn is_recorded_alike(a: &CameraEntry, b: &CameraEntry) -> bool {
    a.source == b.source && a.settings == b.settings && a.camera.name == b.camera.name
}

async fn all_within(limit: Duration, tasks: impl Iterator<Item = JoinHandle<()>>) {
    let all = futures::future::join_all(tasks);
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!("not everything ended in time");
    }
}

fn complain(error: &StoreError, what: &'static str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}

/// Whether `name` is like `pattern`, in which `*` stands for any letters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_are_matched_by_patterns() {
        for (pattern, name) in
            [("*", ""), ("*", "gate"), ("gate", "gate"), ("gate-*", "gate-1"), ("*a*e", "gate")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("gate", "gate-1"), ("gate-*", "gate"), ("*b*", "gate"), ("", "gate")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
