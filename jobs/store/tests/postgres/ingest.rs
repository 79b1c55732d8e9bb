//! How fast the store is: frame metadata beside psql's own COPY of the same rows in the same run, and the verbs that every
//! camera needs all the time. Run it by `just bench-ingest`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use camcount_domain::{BUCKET_US, Camera, CameraId, CoverageBucket, FrameRow, SegmentCounts, Seq, WallTime};
use camcount_store::{
    CameraEntry, CameraFilter, Committed, Gps, GpsBox, Lookup, Month, Registry, SegmentCommit, Store,
    test_database::TestDatabase,
};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use crate::footage::{pass, time};

const BATCH: usize = 2_000;
const BATCHES: usize = 500;
/// Rows of the one commit that is held against psql's COPY of the same.
const ROWS: usize = 400_000;

/// Registered cameras, twice as many as are asked for.
const CAMERAS: usize = 2_000;
/// Of a verb on them: enough for ten to be slower than the 99th percentile.
const ROUNDS: usize = 1_000;
const PAGE: u32 = 50;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it by just bench-ingest"]
async fn frame_metadata() {
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    store.open_month(Month::of(start).unwrap()).await.unwrap();
    let (_, small) = pass(&store, "small", start, BATCHES as i64).await;
    let (_, large) = pass(&store, "large", start, 1).await;
    let frame = |n: usize| FrameRow { time: start.plus_us(n as i64 * 66_667), detected: 3, tracked: 2 };
    let frames = |range: std::ops::Range<usize>| SegmentCounts {
        coverage: vec![CoverageBucket {
            start: frame(range.start).time.floor_to_us(BUCKET_US),
            observed_us: BUCKET_US,
            gap_us: 0,
        }],
        frames: range.map(frame).collect(),
        ..SegmentCounts::default()
    };
    let state = vec![7_u8; 4_000];

    let (mut took, cpu, begun) = (Took::default(), cpu(), Instant::now());
    for n in 0..BATCHES {
        let counts = frames(n * BATCH..(n + 1) * BATCH);
        let commit = SegmentCommit { pass: &small, seq: Seq(n as i64), counts: &counts, state: &state };
        assert_eq!(took.time(store.commit_segment(commit)).await.unwrap(), Committed::Now);
    }
    let small_rate = rate(BATCH * BATCHES, begun.elapsed());
    let cpu_s = (self::cpu() - cpu).as_secs_f64();
    took.tell(&format!("commit_segment of {BATCH} rows"));
    println!("batches of {BATCH}: {small_rate:.0} rows/s");
    let share = cpu_s / (BATCH * BATCHES) as f64 * 3_000.0;
    println!("our own CPU for 3 000 rows/s: {:.2} % of a core", 100.0 * share);

    let counts = frames(0..ROWS);
    let commit = SegmentCommit { pass: &large, seq: Seq(0), counts: &counts, state: &state };
    let begun = Instant::now();
    assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
    let large_rate = rate(ROWS, begun.elapsed());
    println!("one commit of {ROWS}: {large_rate:.0} rows/s");

    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows");
    let psql = |sql: String| {
        let url = database.url_text();
        let done =
            Command::new("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", &sql]).status();
        assert!(done.unwrap().success(), "{sql}");
    };
    let columns = "'0000000000000000', media_us, detected, tracked";
    let text = file.display();
    psql(format!(
        "\\copy (SELECT {columns} FROM frame_metadata WHERE pass = '{large}') TO '{text}' (FORMAT binary)"
    ));
    let begun = Instant::now();
    psql(format!("\\copy frame_metadata (pass, media_us, detected, tracked) FROM '{text}' (FORMAT binary)"));
    let psql_rate = rate(ROWS, begun.elapsed());
    println!("psql's COPY of {ROWS}: {psql_rate:.0} rows/s; ours is {:.2} of it", large_rate / psql_rate);
    let copied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM frame_metadata WHERE pass = '0000000000000000'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(copied, ROWS as i64);
    assert!(large_rate >= 0.7 * psql_rate, "{large_rate:.0} of {psql_rate:.0} rows/s");
    assert!(small_rate > 3_000.0, "{small_rate:.0} rows/s");
}

/// What recorders, workers and people ask of the registry, over one connection at a time. Each is held against the bare
/// way to the server and back, for how long either takes is the machine's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it by just bench-ingest"]
async fn registry() {
    let (database, store) = TestDatabase::migrated().await;
    for n in 0..CAMERAS {
        store.enter_camera(&entry(n)).await.unwrap();
    }
    let mut connection = database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let mut way = Took::default();
    for _ in 0..ROUNDS {
        let asked = sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(&mut connection);
        assert_eq!(way.time(asked).await.unwrap(), 1);
    }

    let mut by_id = Took::default();
    for n in 0..ROUNDS {
        let expected = entry(n * 7 % CAMERAS);
        let found = by_id.time(store.camera(expected.camera.id)).await.unwrap();
        assert_eq!(found, Some(expected));
    }
    let mut listed = Took::default();
    for n in 0..ROUNDS {
        // A quarter of the degrees, whose cameras with this tag are more than a page.
        let (south, west) = ((n % 20) as f64, (n % 25) as f64);
        let within = GpsBox { south, west, north: south + 20.0, east: west + 25.0 };
        let filter = CameraFilter {
            enabled: Some(true),
            tag: Some("entrance".into()),
            within: Some(within),
            ..CameraFilter::default()
        };
        let after = name(n % (CAMERAS / 4));
        let page = listed.time(store.cameras(&filter, Some(&after), PAGE)).await.unwrap();
        assert_eq!(page.len(), PAGE as usize);
        assert!(page.iter().all(|found| found.enabled && found.tags.contains("entrance")));
        assert!(page.iter().all(|found| found.camera.name > after));
    }
    let (mut enabled, mut seen) = (Took::default(), Took::default());
    for n in 0..ROUNDS {
        let id = CameraId::of_footage(&name(n));
        assert!(enabled.time(store.enable_camera(id, n % 2 == 0)).await.unwrap());
        seen.time(store.saw_camera(id, WallTime(1 + n as i64))).await.unwrap();
    }
    let last = store.camera(CameraId::of_footage(&name(ROUNDS - 1))).await.unwrap().unwrap();
    assert_eq!((last.enabled, last.last_seen), (false, Some(WallTime(ROUNDS as i64))));

    println!("among {CAMERAS} cameras:");
    way.tell("the bare way there and back");
    by_id.tell("a camera by its id");
    listed.tell(&format!("a page of {PAGE} by status, tag and box"));
    enabled.tell("enabling or disabling one");
    seen.tell("noting that one was seen");
    for (what, took, most) in
        [("by id", by_id, 20), ("listed", listed, 200), ("enabled", enabled, 50), ("seen", seen, 50)]
    {
        assert!(took.p50() < way.p50() * most, "{what}: {:?}, and the way {:?}", took.p50(), way.p50());
    }
}

fn name(n: usize) -> String {
    format!("camera-{n:05}")
}

/// One of many cameras on a grid of 40 by 50 degrees: every fourth is disabled, every second has the tag.
fn entry(n: usize) -> CameraEntry {
    let tags = if n.is_multiple_of(2) { vec!["entrance", "north"] } else { vec!["yard"] };
    CameraEntry {
        camera: Camera { id: CameraId::of_footage(&name(n)), name: name(n), start_known: true },
        source: format!("rtsp://{}.example/stream", name(n)),
        enabled: n % 8 < 6,
        location: Some(format!("hall {}", n % 10)),
        gps: Some(Gps { latitude: (n * 7 % 40) as f64 + 0.5, longitude: (n * 11 % 50) as f64 + 0.5 }),
        tags: tags.into_iter().map(str::to_owned).collect(),
        time_zone: "Europe/Berlin".into(),
        settings: serde_json::json!({ "transport": "tcp" }),
        last_seen: None,
    }
}

/// How long something took, each time.
#[derive(Default)]
struct Took(Vec<Duration>);

impl Took {
    async fn time<T>(&mut self, what: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let came = what.await;
        self.0.push(begun.elapsed());
        came
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[sorted.len() * percent / 100]
    }

    fn p50(&self) -> Duration {
        self.percentile(50)
    }

    fn tell(&self, what: &str) {
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        let (p50, p99) = (ms(self.p50()), ms(self.percentile(99)));
        println!("{what}: p50 {p50:.3} ms, p99 {p99:.3} ms ({} times)", self.0.len());
    }
}

fn rate(rows: usize, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// What this process has computed so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The fields after the name, which may hold anything: user and system time are the 12th and 13th of these, in
    // hundredths of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
