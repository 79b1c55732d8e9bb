//! Worker slots over NATS and PostgreSQL: twice as many do twice as much, as long as the detector is what takes time.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use camcount_blob::Folder;
use camcount_domain::{
    CameraId, DetectSegment, JobArgs, Lane, MediaSpan, MediaTime, Priority, Recording, Seq,
};
use camcount_queue::{BrokerOptions, Queue};
use camcount_runtime::{Handlers, JobEnd, Workers, WorkersOptions};
use camcount_store::{Month, Postgres, Store, test_database::TestDatabase};
use tempfile::TempDir;

use crate::{
    replay::{FRAME_SIZE, Scripted, detector, register, script},
    servers::{Broker, Server},
};

/// Slots, in steps.
const SLOTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What inference of a segment takes in the script.
const LATENCY: Duration = Duration::from_millis(500);

/// Jobs that each slot does in a round.
const EACH: usize = 8;

/// The share of the time that slots spend in the detector, at least.
const EFFICIENCY: f64 = 0.95;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; just bench-scale runs it"]
async fn slots_scale() {
    let place = Place::new().await;
    println!("slots    jobs/s   of {} ms jobs   efficiency   all in step", LATENCY.as_millis());
    let mut worst = f64::MAX;
    for (slots, cameras) in SLOTS.into_iter().zip(place.cameras.chunks_exact(2)) {
        let ideal = slots as f64 / LATENCY.as_secs_f64();
        let rate = place.jobs_a_second(cameras[0], slots, slots).await;
        let in_step = place.jobs_a_second(cameras[1], slots, 0).await;
        let (efficiency, in_step) = (rate / ideal, in_step / ideal);
        println!("{slots:>5}  {rate:>8.1}   {ideal:>12.1}   {efficiency:>10.3}   {in_step:>11.3}");
        worst = worst.min(efficiency).min(in_step);
    }
    assert!(worst >= EFFICIENCY, "{worst:.3} is below {EFFICIENCY}");
}

/// Database, broker and folder, the same for all rounds. To make them anew would delete files by the hundred in between,
/// and ext4 looks at every inode that was freed in the last minutes before it gives one to a new file (`recently_deleted`
/// in its `ialloc.c`): no artifacts are written in such a place.
struct Place {
    _database: TestDatabase,
    store: Arc<Postgres>,
    _broker: Server,
    queue: Arc<dyn Queue>,
    _folder: TempDir,
    blobs: Arc<Folder>,
    /// Two for each step of [`SLOTS`].
    cameras: Vec<CameraId>,
}

/// When footage begins.
const START: MediaTime = MediaTime(1_780_000_000_000_000);

impl Place {
    async fn new() -> Self {
        let (database, store) = TestDatabase::migrated().await;
        store.open_month(Month::of(START).unwrap()).await.unwrap();
        let cameras = register(&store, 2 * SLOTS.len()).await;
        let broker = Server::start(Broker::Nats).await;
        let folder = tempfile::tempdir().unwrap();
        Self {
            _database: database,
            store: Arc::new(store),
            queue: camcount_queue::connect(&broker.url(), BrokerOptions::default()).await.unwrap(),
            _broker: broker,
            blobs: Arc::new(Folder::open(folder.path()).unwrap()),
            _folder: folder,
            cameras,
        }
    }

    /// How fast so many slots are whose jobs do not end at once but spread over the time of one, as those of many cameras
    /// do; or all in step, with `spread` 0.
    async fn jobs_a_second(&self, camera: CameraId, slots: usize, spread: usize) -> f64 {
        // Two rounds more than are measured: until all slots are busy, and while they become idle, nothing can be said.
        let jobs = slots * (EACH + 2);
        let recording = Recording {
            camera,
            source: "footage".into(),
            span: MediaSpan { start: START, end: START.plus_us(jobs as i64 * 2_000_000) },
            origin_us: 0,
            frame_size: FRAME_SIZE,
            frame_interval_us: 100_000,
        };
        self.store.add_recording(&recording, 2_000_000).await.unwrap();
        let version = detector().version();
        for seq in 0..jobs {
            let job = DetectSegment { camera, seq: Seq(seq as i64), detector: version.clone() };
            self.queue.push(job.to_job(Priority::Live).unwrap()).await.unwrap();
        }
        let scripted = Scripted {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            blobs: Arc::clone(&self.blobs),
            latency: LATENCY,
            spread,
            begun: AtomicUsize::new(0),
            found: script(2),
        };
        let options = WorkersOptions { slots: vec![(Lane::Detect, slots)], ..WorkersOptions::default() };
        let workers = Workers::start(&self.queue, Handlers::default().with(scripted), options);
        let mut ends = workers.ends();
        let mut ended = Vec::new();
        while ended.len() < jobs {
            match ends.recv().await.unwrap() {
                JobEnd::Done { .. } => ended.push(Instant::now()),
                other => panic!("{other:?}"),
            }
        }
        workers.stop().await;
        // From the end of the first round to that of the last but one.
        let measured = jobs - 2 * slots;
        measured as f64 / (ended[jobs - slots - 1] - ended[slots - 1]).as_secs_f64()
    }
}
