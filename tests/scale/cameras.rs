//! A thousand cameras, simulated: each gets a segment every ten seconds of real time, whose detections are replayed from
//! a file, and all of it is scheduled, carried, folded and committed by the real parts.

use std::{sync::Arc, time::Duration};

use camcount_blob::{Blobs, Folder};
use camcount_decode::Ffmpeg;
use camcount_domain::{CameraId, Lane, MediaSpan, MediaTime, Priority, Recording};
use camcount_queue::{BrokerOptions, InProcessFeed, Queue};
use camcount_runtime::{CountHandler, Detectors, Handlers, Meter, Ports, Telling, Workers, WorkersOptions};
use camcount_scheduler::Reconciler;
use camcount_store::{Lookup, Month, Overview, Postgres, Scope, Store, test_database::TestDatabase};
use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use crate::{
    replay::{FPS, FRAME_SIZE, Scripted, register, script},
    servers::{Broker, Server},
};

/// How long segments are, in seconds.
const SEGMENT_S: i64 = 10;

/// Segments that a camera may be behind.
const BEHIND: u64 = 2;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes; just bench-scale runs it"]
async fn a_thousand_cameras_are_held() {
    let count = setting("CAMCOUNT_BENCH_CAMERAS", 1000) as usize;
    let seconds = setting("CAMCOUNT_BENCH_SECONDS", 300);
    let (database, store) = TestDatabase::migrated().await;
    let broker = Server::start(Broker::Nats).await;
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(Folder::open(folder.path()).unwrap());
    let media = MediaTime(1_780_000_000_000_000);
    store.open_month(Month::of(media).unwrap()).await.unwrap();
    let cameras = register(&store, count).await;

    let queue = camcount_queue::connect(&broker.url(), BrokerOptions::default()).await.unwrap();
    let store = Arc::new(store);
    let workers = start_workers(&queue, &store, &blobs);
    let started = Instant::now();
    let scheduler =
        tokio::spawn(schedule(Reconciler::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&queue), 32)));
    let recorder = tokio::spawn(record(database.store().await, cameras, media, started, seconds));

    println!(
        "{count} cameras at {FPS} frames/s, segments of {SEGMENT_S} s: {} segments/s",
        count as i64 / SEGMENT_S
    );
    println!("  time   behind: mean  most   detect waits   count waits   load");
    let mut worst = 0;
    let before = usage(&broker);
    for second in (10..=seconds).step_by(10) {
        sleep_until(started + Duration::from_secs(second)).await;
        let behind: Vec<u64> = store.behind().await.unwrap().iter().map(|pass| pass.segments).collect();
        let most = behind.iter().copied().max().unwrap_or_default();
        let mean = behind.iter().sum::<u64>() as f64 / count as f64;
        let (detect, counts) = (
            queue.depth(Lane::Detect).await.unwrap().waiting,
            queue.depth(Lane::Count).await.unwrap().waiting,
        );
        println!("{second:>4} s {mean:>13.2} {most:>5} {detect:>14} {counts:>13}   {}", load());
        worst = worst.max(most);
    }
    recorder.await.unwrap();
    let after = usage(&broker);
    println!("CPU: {}", after.since(&before, seconds));
    scheduler.abort();
    workers.stop().await;
    assert!(worst < BEHIND, "a camera was {worst} segments behind, where fewer than {BEHIND} are wanted");
}

fn start_workers(queue: &Arc<dyn Queue>, store: &Arc<Postgres>, blobs: &Arc<Folder>) -> Workers {
    let scripted = Scripted {
        store: Arc::clone(store) as Arc<dyn Store>,
        blobs: Arc::clone(blobs),
        latency: Duration::from_millis(200),
        found: script(SEGMENT_S),
    };
    let counting = CountHandler::new(Ports {
        store: Arc::clone(store) as Arc<dyn Store>,
        lookup: Arc::clone(store) as Arc<dyn Lookup>,
        blobs: Arc::clone(blobs) as Arc<dyn Blobs>,
        footage: Ffmpeg::default(),
        detectors: Detectors::default(),
        telling: Telling::over(Arc::new(InProcessFeed::default())),
        meter: Arc::new(Meter::default()),
    });
    // A hundred segments a second, a fifth of a second each.
    let options =
        WorkersOptions { slots: vec![(Lane::Detect, 48), (Lane::Count, 24)], ..WorkersOptions::default() };
    Workers::start(queue, Handlers::default().with(scripted).with(counting), options)
}

async fn schedule(reconciler: Reconciler) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        reconciler.tick(Scope::Live, Priority::Live).await.unwrap();
    }
}

/// Registers every camera's segments as their time comes, the cameras evenly spread over it.
async fn record(store: Postgres, cameras: Vec<CameraId>, media: MediaTime, started: Instant, seconds: u64) {
    let store = &store;
    let segments = seconds as i64 / SEGMENT_S;
    let count = cameras.len() as i64;
    let due = (0..segments * count).map(|n| {
        let (round, place) = (n / count, n % count);
        // A segment is there when it has ended.
        let offset_us = round * SEGMENT_S * 1_000_000 + place * SEGMENT_S * 1_000_000 / count;
        let start = media.plus_us(offset_us);
        let recording = Recording {
            camera: cameras[place as usize],
            source: format!("blob:recordings/{round}"),
            span: MediaSpan { start, end: start.plus_us(SEGMENT_S * 1_000_000) },
            origin_us: 0,
            frame_size: FRAME_SIZE,
            frame_interval_us: 1_000_000 / FPS,
        };
        (started + Duration::from_micros(offset_us as u64), recording)
    });
    let added = stream::iter(due).map(|(when, recording)| async move {
        sleep_until(when).await;
        store.add_recording(&recording, SEGMENT_S * 1_000_000).await.unwrap();
    });
    added.buffered(64).for_each(|()| std::future::ready(())).await;
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("?").to_owned()
}

/// CPU seconds so far: of this process (scheduler, workers, client sides), of the broker, and of all PostgreSQL backends.
struct Usage {
    own: f64,
    broker: f64,
    database: f64,
}

impl Usage {
    fn since(&self, before: &Self, seconds: u64) -> String {
        let cores = |now: f64, then: f64| (now - then) / seconds as f64;
        format!(
            "scheduler and workers {:.2} cores, NATS {:.2}, PostgreSQL {:.2}",
            cores(self.own, before.own),
            cores(self.broker, before.broker),
            cores(self.database, before.database)
        )
    }
}

fn usage(broker: &Server) -> Usage {
    let all = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    };
    let database = all().filter(|pid| name_of(*pid).starts_with("postgres")).map(cpu_s).sum();
    Usage { own: cpu_s(std::process::id()), broker: cpu_s(broker.pid()), database }
}

fn name_of(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

/// User and system time, children that have ended included.
fn cpu_s(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|f| f.parse().ok())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}
