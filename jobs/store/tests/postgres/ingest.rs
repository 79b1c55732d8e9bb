//! How fast frame metadata is stored, beside psql's own COPY of the same rows in the same run. Run it by
//! `just bench-ingest`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use camcount_domain::{BUCKET_US, CoverageBucket, FrameRow, SegmentCounts, Seq};
use camcount_store::{Committed, Month, SegmentCommit, Store, test_database::TestDatabase};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use crate::footage::{pass, time};

const BATCH: usize = 2_000;
const BATCHES: usize = 200;

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

    let (mut took, cpu, begun) = (Vec::new(), cpu(), Instant::now());
    for n in 0..BATCHES {
        let counts = frames(n * BATCH..(n + 1) * BATCH);
        let commit = SegmentCommit { pass: &small, seq: Seq(n as i64), counts: &counts, state: &state };
        let begun = Instant::now();
        assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
        took.push(begun.elapsed());
    }
    let rows = BATCH * BATCHES;
    let small_rate = rate(rows, begun.elapsed());
    let cpu_s = (self::cpu() - cpu).as_secs_f64();
    took.sort();
    println!(
        "batches of {BATCH}: {small_rate:.0} rows/s, p50 {:.1?}, p99 {:.1?}",
        took[BATCHES / 2],
        took[BATCHES * 99 / 100]
    );
    println!("our own CPU for 3 000 rows/s: {:.2} % of a core", 100.0 * cpu_s / rows as f64 * 3_000.0);

    let counts = frames(0..rows);
    let commit = SegmentCommit { pass: &large, seq: Seq(0), counts: &counts, state: &state };
    let begun = Instant::now();
    assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
    let large_rate = rate(rows, begun.elapsed());
    println!("one commit of {rows}: {large_rate:.0} rows/s");

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
    let psql_rate = rate(rows, begun.elapsed());
    println!("psql's COPY of {rows}: {psql_rate:.0} rows/s; ours is {:.2} of it", large_rate / psql_rate);
    let copied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM frame_metadata WHERE pass = '0000000000000000'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(copied, rows as i64);
    assert!(large_rate >= 0.7 * psql_rate, "{large_rate:.0} of {psql_rate:.0} rows/s");
    assert!(small_rate > 3_000.0, "{small_rate:.0} rows/s");
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
