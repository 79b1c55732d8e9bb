//! Months come and go while counts are committed and read, and whatever is killed.

use std::{future::poll_fn, sync::Arc, task::Poll};

use camcount_domain::{MediaTime, PassId};
use camcount_store::{Committed, Month, MonthState, Postgres, StoreError, test_database::TestDatabase};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use crate::footage::{commit, counts, expected, pass, stored, time};

const TABLES: [&str; 9] = [
    "crossings",
    "visits",
    "line_buckets",
    "zone_buckets",
    "coverage",
    "frame_metadata",
    "line_rollups",
    "zone_rollups",
    "coverage_rollups",
];

/// What whoever has verified an archive notes.
const ARCHIVED: &str = "INSERT INTO partition_log (month_us, step)
    SELECT start_us, 'archived' FROM months WHERE state = 'detached'";

async fn connect(database: &TestDatabase) -> PgConnection {
    database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

async fn number(connection: &mut PgConnection, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

/// Partitions that the tables have.
async fn attached(connection: &mut PgConnection) -> i64 {
    let parents = TABLES.map(|table| format!("'{table}'::regclass")).join(", ");
    number(connection, format!("SELECT count(*) FROM pg_inherits WHERE inhparent IN ({parents})")).await
}

/// Rows in the tables that end in `suffix`.
async fn rows(connection: &mut PgConnection, suffix: &str) -> i64 {
    let mut sum = 0;
    for table in TABLES {
        sum += number(connection, format!("SELECT count(*) FROM {table}{suffix}")).await;
    }
    sum
}

fn month(start: MediaTime) -> Month {
    Month::of(start).unwrap()
}

/// Does `work` until it has waited `times` times, and kills it then. `None` if it did not come to its end.
async fn killed_after<F: Future>(times: usize, work: F) -> Option<F::Output> {
    let mut work = Box::pin(work);
    let mut waited = 0;
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            waited += 1;
            if waited < times { Poll::Pending } else { Poll::Ready(None) }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_aside_are_read_and_move_in() {
    let (database, store) = TestDatabase::migrated().await;
    // Two segments before midnight, two after; of two months, only the second is open.
    let start = time("2026-04-30T23:59:50Z");
    let (april, may) = (month(start), month(time("2026-05-01")));
    assert!(store.open_month(may).await.unwrap());
    assert!(!store.open_month(may).await.unwrap(), "it is open");
    let (_, id) = pass(&store, "gate", start, 4).await;
    for seq in 0..4 {
        commit(&store, &id, start, seq).await;
    }
    assert_eq!(stored(&store, &id).await, expected(start, 4));
    let status = store.months().await.unwrap();
    assert_eq!((status[0].month, status[0].state, status[0].passes_aside), (april, MonthState::Missing, 1));
    assert_eq!((status[1].month, status[1].state, status[1].passes_aside), (may, MonthState::Open, 0));
    assert!(status[1].bytes > 0 && status[1].last_step.as_ref().unwrap().starts_with("opened"));

    let wanted = store.months_wanted(3).await.unwrap();
    assert!(wanted.contains(&april) && !wanted.contains(&may) && wanted.len() >= 5, "{wanted:?}");
    for month in wanted {
        store.open_month(month).await.unwrap();
    }
    assert_eq!(stored(&store, &id).await, expected(start, 4));
    let mut connection = connect(&database).await;
    assert_eq!(rows(&mut connection, "_unplaced").await, 0);
    assert_eq!(rows(&mut connection, "_2026_04").await, rows(&mut connection, "_2026_05").await);
    assert!(store.months().await.unwrap().iter().all(|status| status.passes_aside == 0));
}

/// A pass's rows of a month are in one place, also between opening the month and moving them in.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_never_in_two_places() {
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    let (_, id) = pass(&store, "gate", start, 4).await;
    commit(&store, &id, start, 0).await;

    // Moving in waits for the pass, and is killed.
    let mut other = connect(&database).await;
    let mut holds = other.begin().await.unwrap();
    holds.execute("SELECT FROM passes FOR UPDATE").await.unwrap();
    let opening = tokio::spawn({
        let store = store.clone();
        async move { store.open_month(month(start)).await }
    });
    let mut watch = connect(&database).await;
    while number(&mut watch, "SELECT count(*) FROM months".into()).await == 0 {}
    opening.abort();
    let _ = opening.await;
    holds.rollback().await.unwrap();

    commit(&store, &id, start, 1).await;
    assert_eq!(stored(&store, &id).await, expected(start, 2), "both halves of the bucket are one");
    store.open_month(month(start)).await.unwrap();
    assert_eq!(rows(&mut watch, "_unplaced").await, 0);
    commit(&store, &id, start, 2).await;
    commit(&store, &id, start, 3).await;
    assert_eq!(rows(&mut watch, "_unplaced").await, 0);
    assert_eq!(stored(&store, &id).await, expected(start, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn months_open_and_leave_under_commits() {
    const SEGMENTS: i64 = 60;
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-04-30T23:57:30Z");
    let (april, may) = (month(start), month(time("2026-05-01")));
    let mut passes = Vec::new();
    for name in ["gate", "door"] {
        passes.push(pass(&store, name, start, SEGMENTS).await.1);
    }
    let writers: Vec<_> =
        passes.iter().map(|id| tokio::spawn(write(store.clone(), id.clone(), start))).collect();
    let months = database.store().await;
    months.open_month(april).await.unwrap();
    months.open_month(may).await.unwrap();
    months.detach_month(april).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    store.open_month(may).await.unwrap();

    let mut connection = connect(&database).await;
    let one = counts(start, 0);
    let a_segment = (one.crossings.len() + one.visits.len() + one.frames.len()) as i64;
    let mut found = 0;
    for table in ["crossings", "visits", "frame_metadata"] {
        for part in ["", "_2026_04", "_unplaced"] {
            found += number(&mut connection, format!("SELECT count(*) FROM {table}{part}")).await;
        }
    }
    assert_eq!(found, 2 * SEGMENTS * a_segment, "every row is somewhere, once");
    let sums = ["line_buckets", "line_buckets_2026_04", "line_buckets_unplaced"]
        .map(|table| format!("SELECT sum(count_in) AS n FROM {table}"))
        .join(" UNION ALL ");
    let counted = number(&mut connection, format!("SELECT sum(n)::bigint FROM ({sums}) AS sums")).await;
    assert_eq!(counted, 2 * SEGMENTS);

    async fn write(store: Postgres, id: PassId, start: MediaTime) {
        for seq in 0..SEGMENTS {
            assert_eq!(commit(&store, &id, start, seq).await, Committed::Now);
        }
    }
}

/// A reader that does not end holds up detaching, which is killed meanwhile: PostgreSQL then wants it finalized.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_detach_goes_on() {
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    store.open_month(month(start)).await.unwrap();
    let (_, id) = pass(&store, "gate", start, 2).await;
    commit(&store, &id, start, 0).await;

    let mut other = connect(&database).await;
    let mut reader = other.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    reader.execute("SELECT FROM crossings").await.unwrap();
    let detaching = Arc::new(database.store().await);
    let task = tokio::spawn({
        let store = Arc::clone(&detaching);
        async move { store.detach_month(month(start)).await }
    });
    let mut watch = connect(&database).await;
    let pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    while number(&mut watch, pending.into()).await == 0 {}
    task.abort();
    let _ = task.await;
    // Killing the client is not killing the server's side, which goes on waiting for the reader.
    watch
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'DETACH' AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    assert_eq!(number(&mut watch, pending.into()).await, 1);
    assert!(matches!(store.open_month(month(start)).await, Err(StoreError::MonthLeaves { .. })));
    assert!(matches!(store.release_month(month(start)).await, Err(StoreError::MonthNotDetached { .. })));
    assert_eq!(commit(&store, &id, start, 1).await, Committed::Now, "counting goes on");
    assert!(!store.months_wanted(0).await.unwrap().contains(&month(start)), "it is on its way out");
    reader.rollback().await.unwrap();

    store.detach_month(month(start)).await.unwrap();
    store.detach_month(month(start)).await.unwrap();
    assert_eq!(attached(&mut watch).await, 0);
    assert_eq!(rows(&mut watch, "_2026_05").await, 10, "the first segment's");
    assert_eq!(rows(&mut watch, "_unplaced").await, 10, "the second one's");
    let noted = "SELECT count(*) FROM partition_log WHERE step = 'detached' AND relation IS NOT NULL";
    assert_eq!(
        number(&mut watch, noted.into()).await,
        TABLES.len() as i64,
        "each table's step is noted once"
    );

    assert!(matches!(store.release_month(month(start)).await, Err(StoreError::MonthNotArchived { .. })));
    assert_eq!(rows(&mut watch, "_2026_05").await, 10, "nothing is dropped that lies nowhere else");
    watch.execute(ARCHIVED).await.unwrap();
    store.release_month(month(start)).await.unwrap();
    store.release_month(month(start)).await.unwrap();
    assert_eq!(
        number(&mut watch, "SELECT count(*) FROM pg_class WHERE relname ~ '_2026_05$'".into()).await,
        0
    );
    let status = store.months().await.unwrap();
    assert_eq!((status[0].state, status[0].passes_aside), (MonthState::Released, 1));
    assert!(matches!(store.detach_month(month(start)).await, Err(StoreError::MonthNotOpen { .. })));
    // Rows that came late want it back.
    assert!(store.months_wanted(0).await.unwrap().contains(&month(start)));
    assert!(store.open_month(month(start)).await.unwrap());
    assert_eq!(rows(&mut watch, "_unplaced").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_can_be_killed() {
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    let (_, id) = pass(&store, "gate", start, 2).await;
    commit(&store, &id, start, 0).await;
    let mut watch = connect(&database).await;

    // A process of its own each time, for nothing of the one that was killed is left.
    for times in (1..).step_by(3) {
        let process = database.store().await;
        if killed_after(times, process.open_month(month(start))).await.is_some() {
            break;
        }
        assert!([0, TABLES.len() as i64].contains(&attached(&mut watch).await), "all tables or none");
        assert_eq!(stored(&store, &id).await, expected(start, 1));
    }
    assert_eq!((attached(&mut watch).await, rows(&mut watch, "_unplaced").await), (TABLES.len() as i64, 0));

    let mut kills = 0;
    for times in (1..).step_by(3) {
        let process = database.store().await;
        if killed_after(times, process.detach_month(month(start))).await.is_some() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "some of it was really killed: {kills}");
    assert_eq!((attached(&mut watch).await, rows(&mut watch, "_2026_05").await), (0, 10));

    watch.execute(ARCHIVED).await.unwrap();
    for times in (1..).step_by(3) {
        let process = database.store().await;
        if killed_after(times, process.release_month(month(start))).await.is_some() {
            break;
        }
    }
    assert_eq!(
        number(&mut watch, "SELECT count(*) FROM pg_class WHERE relname ~ '_2026_05$'".into()).await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_month() {
    let (database, _) = TestDatabase::migrated().await;
    let tasks: Vec<_> = (0..4)
        .map(|_| async {
            let store = database.store().await;
            store.open_month(month(time("2026-05-01"))).await.unwrap()
        })
        .collect();
    let opened = futures::future::join_all(tasks).await;
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1, "{opened:?}");
    assert_eq!(attached(&mut connect(&database).await).await, TABLES.len() as i64);
}
