//! Counters of the day in Redis, beside NATS that carries the jobs.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::SystemTime,
};

use camcount_aggregate::Calendar;
use camcount_domain::{
    CameraId, FrameSize, Granularity, InOut, LiveCounts, MediaSpan, MediaTime, PassId, Recording,
};
use camcount_queue::{Counters, Day};
use camcount_store::{Live, Registry, Store};
use serde_json::Value;

use crate::{
    fleet::{Fleet, STREET, street},
    servers::{Broker, Server},
};

/// What the clock on the wall shows, as a camera sees it.
#[allow(clippy::disallowed_methods, reason = "footage of today is to be made up")]
fn now() -> MediaTime {
    MediaTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64)
}

/// A camera whose clock shows neither midnight nor anything near it, and that calendar.
async fn gate(fleet: &Fleet) -> (CameraId, Calendar) {
    let zone = if (1..23).contains(&(now().0 / 3_600_000_000 % 24)) { "UTC" } else { "Asia/Tokyo" };
    let folder = fleet.path("gate");
    std::fs::create_dir_all(&folder).unwrap();
    let add = ["camera", "add", "gate", folder.to_str().unwrap(), "--time-zone", zone];
    fleet.ok(add.iter().chain(&STREET)).await;
    let entry = fleet.store.camera_called("gate").await.unwrap().unwrap();
    (entry.camera.id, Calendar::of(zone).unwrap())
}

/// The minute of the street, begun so many seconds ago.
async fn footage(fleet: &Fleet, camera: CameraId, video: &Path, seconds_ago: i64) {
    let copy = fleet.path(&format!("{seconds_ago}.mp4"));
    std::fs::copy(video, &copy).unwrap();
    let start = now().plus_us(-1_000_000 * seconds_ago);
    let recording = Recording {
        camera,
        source: copy.to_str().unwrap().to_owned(),
        span: MediaSpan { start, end: start.plus_us(60_000_000) },
        origin_us: 0,
        frame_size: FrameSize { width: 960, height: 540 },
        frame_interval_us: 40_000,
    };
    fleet.store.add_recording(&recording, 6_000_000).await.unwrap();
}

pub(crate) fn flush_all(redis: &Server) {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).unwrap();
    stream.write_all(b"FLUSHALL\r\n").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK\r\n");
}

async fn as_stored(fleet: &Fleet, pass: &PassId, day: &Day) -> LiveCounts {
    fleet.store.so_far(pass, day.span).await.unwrap().counts
}

/// Waits until the counters are as far as the store, after `segments`; they then hold the same.
async fn counters_hold(
    fleet: &Fleet,
    counters: &Counters,
    pass: &PassId,
    day: &Day,
    segments: i64,
) -> LiveCounts {
    let counts = fleet
        .until("the counters are as far as the store", async |_| {
            let counts = counters.read(pass, day).await.unwrap()?;
            (counts.next.0 == segments).then_some(counts)
        })
        .await;
    let stored = as_stored(fleet, pass, day).await;
    assert_eq!(LiveCounts { zones: Vec::new(), ..counts.clone() }, stored);
    assert!(!counts.lines.is_empty(), "{counts:?}");
    counts
}

/// What whoever begins to watch is told first.
async fn first_told(fleet: &Fleet, name: &str) -> Value {
    let watching = fleet.printing(name, ["watch", "gate", "--json"]);
    let out = fleet.path(&format!("{name}.out"));
    let told = fleet
        .until("a watcher is told something", async |_| {
            let text = std::fs::read_to_string(&out).unwrap();
            text.contains('\n').then_some(text)
        })
        .await;
    assert!(watching.end().await);
    serde_json::from_str(told.lines().next().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_the_day_hold_what_the_store_holds() {
    let Some(mut fleet) = Fleet::new(Broker::Nats).await else { return };
    let mut redis = Server::start(Broker::Redis).await;
    fleet.settings.push(("REDIS_URL", redis.url()));
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let (camera, calendar) = gate(&fleet).await;
    footage(&fleet, camera, &video, 200).await;
    let _scheduler = fleet.start("scheduler", ["scheduler", "--every", "200ms"]);
    let _workers =
        [0, 1].map(|n| fleet.start(&format!("worker-{n}"), ["worker", "--lanes", "detect=1,count=1"]));
    let pass = fleet.store.passes(Some(camera)).await.unwrap().remove(0).id;
    let span = calendar.period(Granularity::Day, now()).unwrap();
    let day = Day { name: calendar.clock(span.start).replace(' ', "T"), span };
    let counters = Counters::at(&redis.url(), "camcount").unwrap();
    let counts = counters_hold(&fleet, &counters, &pass, &day, 10).await;
    assert_eq!(counts.zones.len(), 1);

    // What is lost is put there again with the next segment.
    flush_all(&redis);
    assert_eq!(counters.read(&pass, &day).await.unwrap(), None);
    footage(&fleet, camera, &video, 130).await;
    let mut counts = counters_hold(&fleet, &counters, &pass, &day, 20).await;

    // Whoever begins to watch is told what the counters hold…
    let mark = InOut { count_in: 1_000, count_out: 0 };
    counts.lines.insert(("door".to_owned(), "mark".to_owned()), mark);
    counters.put(&pass, &day, &counts).await.unwrap();
    let told = first_told(&fleet, "by-counters").await;
    assert_eq!(told["lines"][0]["by_class"]["mark"]["in"], 1_000, "{told}");
    assert_eq!(told["segment"], 19);
    assert!(told["lag_s"].as_f64().is_some_and(|lag_s| lag_s < 300.0), "{told}");
    // …unless they are lost, and then puts them there again,
    flush_all(&redis);
    let told = first_told(&fleet, "by-store").await;
    assert_eq!((&told["lines"][0]["by_class"]["mark"], &told["segment"]), (&Value::Null, &19.into()));
    counters_hold(&fleet, &counters, &pass, &day, 20).await;
    // or away.
    redis.kill();
    let told = first_told(&fleet, "without").await;
    assert_eq!(told["segment"], 19);
    assert!(told["lines"][0]["in"].as_i64() > Some(0), "{told}");
}
