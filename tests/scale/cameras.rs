//! A thousand cameras, simulated, and more until something is used up: each gets a segment every ten seconds of real time,
//! whose detections are replayed from a file, and all of it is scheduled, carried, folded and committed by the real parts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

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
    usage::{Took, Usage},
};

/// How long segments are, in seconds.
const SEGMENT_S: i64 = 10;

/// Segments that a camera may be behind.
const BEHIND: u64 = 2;

/// Steps after which it is given up to find out how far it goes.
const MOST_STEPS: u64 = 16;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes; just bench-scale runs it"]
async fn a_thousand_cameras_are_held() {
    let cameras = setting("CAMCOUNT_BENCH_CAMERAS", 1000);
    let held = hold(cameras, setting("CAMCOUNT_BENCH_SECONDS", 300)).await;
    println!("{}", held.took);
    assert!(
        held.behind < BEHIND,
        "a camera was {} segments behind, where fewer than {BEHIND} are wanted",
        held.behind
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for minutes; just bench-scale runs it"]
async fn more_cameras_until_something_is_used_up() {
    let step = setting("CAMCOUNT_BENCH_STEP", 1000);
    for cameras in (1..=MOST_STEPS).map(|n| n * step) {
        let held = hold(cameras, setting("CAMCOUNT_BENCH_STEP_SECONDS", 60)).await;
        println!("{cameras} cameras: {}", held.took);
        if held.behind >= BEHIND {
            println!("{cameras} cameras are not held; used up first: {}", held.last.used_up());
            assert!(cameras > step, "not even the first step was held");
            return;
        }
    }
    panic!("{} cameras were held; raise CAMCOUNT_BENCH_STEP", MOST_STEPS * step);
}

/// How it went.
struct Held {
    /// Segments that the camera furthest behind was behind, at any look.
    behind: u64,
    took: Took,
    /// The same in the last ten seconds.
    last: Took,
}

/// Holds `count` cameras for `seconds`.
async fn hold(count: u64, seconds: u64) -> Held {
    let (database, store) = TestDatabase::migrated().await;
    let broker = Server::start(Broker::Nats).await;
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(Folder::open(folder.path()).unwrap());
    let media = MediaTime(1_780_000_000_000_000);
    store.open_month(Month::of(media).unwrap()).await.unwrap();
    let cameras = register(&store, count as usize).await;

    let queue = camcount_queue::connect(&broker.url(), BrokerOptions::default()).await.unwrap();
    let store = Arc::new(store);
    let workers = start_workers(&queue, &store, &blobs, count as usize);
    let started = Instant::now();
    let longest_tick_ms = Arc::new(AtomicU64::new(0));
    let reconciler = Reconciler::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&queue), 32);
    let scheduler = tokio::spawn(schedule(reconciler, Arc::clone(&longest_tick_ms)));
    let recorded = Arc::new(AtomicU64::new(0));
    let recording = record(database.store().await, cameras, media, started, seconds, Arc::clone(&recorded));
    let recorder = tokio::spawn(recording);

    println!(
        "{count} cameras at {FPS} frames/s, segments of {SEGMENT_S} s: {} segments/s",
        count as i64 / SEGMENT_S
    );
    println!(
        "  time   behind: mean  most   unrecorded   detect waits   count waits   longest tick   in these ten seconds"
    );
    let mut worst = 0;
    let first = Usage::now(&broker);
    let (mut before, mut last) = (first.clone(), Took::default());
    for second in (10..=seconds).step_by(10) {
        sleep_until(started + Duration::from_secs(second)).await;
        let behind: Vec<u64> = store.behind().await.unwrap().iter().map(|pass| pass.segments).collect();
        let most = behind.iter().copied().max().unwrap_or_default();
        let mean = behind.iter().sum::<u64>() as f64 / count as f64;
        let (detect, counts) = (
            queue.depth(Lane::Detect).await.unwrap().waiting,
            queue.depth(Lane::Count).await.unwrap().waiting,
        );
        let now = Usage::now(&broker);
        let due = second * count / SEGMENT_S as u64;
        let unrecorded = due.saturating_sub(recorded.load(Ordering::Relaxed));
        let took = now.since(&before);
        let tick_s = longest_tick_ms.swap(0, Ordering::Relaxed) as f64 / 1e3;
        println!(
            "{second:>4} s {mean:>13.2} {most:>5} {unrecorded:>12} {detect:>14} {counts:>13} {tick_s:>12.2} s   {took}"
        );
        last = took;
        before = now;
        // What is to be recorded is behind as well.
        worst = worst.max(most + unrecorded / count);
        if worst >= BEHIND {
            break;
        }
    }
    let took = Usage::now(&broker).since(&first);
    recorder.abort();
    scheduler.abort();
    workers.stop().await;
    Held { behind: worst, took, last }
}

fn start_workers(
    queue: &Arc<dyn Queue>,
    store: &Arc<Postgres>,
    blobs: &Arc<Folder>,
    cameras: usize,
) -> Workers {
    let scripted = Scripted {
        store: Arc::clone(store) as Arc<dyn Store>,
        blobs: Arc::clone(blobs),
        latency: Duration::from_millis(200),
        spread: 0,
        begun: AtomicUsize::new(0),
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
    // Of a thousand cameras, a hundred segments a second, a fifth of a second each, and half as long again for what is
    // around it: slots are never what is used up.
    let slots = cameras.div_ceil(20);
    let options = WorkersOptions {
        slots: vec![(Lane::Detect, slots), (Lane::Count, slots.div_ceil(2))],
        ..WorkersOptions::default()
    };
    Workers::start(queue, Handlers::default().with(scripted).with(counting), options)
}

async fn schedule(reconciler: Reconciler, longest_tick_ms: Arc<AtomicU64>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        let begun = Instant::now();
        reconciler.tick(Scope::Live, Priority::Live).await.unwrap();
        longest_tick_ms.fetch_max(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

/// Registers every camera's segments as their time comes, the cameras evenly spread over it.
async fn record(
    store: Postgres,
    cameras: Vec<CameraId>,
    media: MediaTime,
    started: Instant,
    seconds: u64,
    recorded: Arc<AtomicU64>,
) {
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
    let counted = added.buffered(64).for_each(|()| {
        recorded.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    counted.await;
}
