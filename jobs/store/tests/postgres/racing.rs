//! Many processes at once, each with connections of its own.

use std::sync::Arc;

use camcount_domain::{PassId, Seq};
use camcount_store::{
    Added, Artifact, Committed, Kept, Month, Outcome, Postgres, Store, StoreError,
    test_database::TestDatabase,
};
use futures::future::join_all;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::task::JoinHandle;

use crate::footage::{SECOND_US, camera, commit, expected, job, pass, recording, stored, time};

/// As many stores as a test has racers: more than one round of them is waiting at any time.
const RACERS: usize = 6;

async fn racers(database: &TestDatabase) -> Vec<Arc<Postgres>> {
    join_all((0..RACERS).map(|_| async { Arc::new(database.store().await) })).await
}

/// Runs one task a racer.
async fn race<T, F>(stores: &[Arc<Postgres>], run: impl Fn(usize, Arc<Postgres>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = stores.iter().enumerate().map(|(n, store)| tokio::spawn(run(n, Arc::clone(store))));
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_segment_is_committed_by_one_of_many() {
    const SEGMENTS: i64 = 24;
    let (database, store) = TestDatabase::migrated().await;
    let start = time("2026-05-01");
    let (_, id) = pass(&store, "gate", start, SEGMENTS).await;
    let stores = racers(&database).await;
    let outcomes = race(&stores, |_, store| {
        let id = id.clone();
        async move {
            let mut outcomes = Vec::new();
            for seq in 0..SEGMENTS {
                // One too early now and then.
                outcomes.push((seq + 1, commit(&*store, &id, start, (seq + 1).min(SEGMENTS - 1)).await));
                outcomes.push((seq, commit(&*store, &id, start, seq).await));
            }
            outcomes
        }
    })
    .await;
    let outcomes: Vec<_> = outcomes.concat();
    let now = outcomes.iter().filter(|(_, committed)| *committed == Committed::Now).count();
    assert_eq!(now as i64, SEGMENTS, "each segment once: {outcomes:?}");
    for (seq, committed) in outcomes {
        if let Committed::OutOfOrder { due } = committed {
            assert!(due < Seq(seq), "only an early one is out of order");
        }
    }
    assert_eq!(stored(&store, &id).await, expected(start, SEGMENTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_cut_once() {
    let (database, store) = TestDatabase::migrated().await;
    let camera = camera(&store, "gate").await;
    let start = time("2026-05-01");
    let stores = racers(&database).await;
    let added = race(&stores, |_, store| async move {
        store.add_recording(&recording(camera, "a.mp4", start, 100), 5 * SECOND_US).await.unwrap()
    })
    .await;
    let (first, last) = (Seq(0), Seq(19));
    assert_eq!(added.iter().filter(|added| **added == Added::New { first, last }).count(), 1, "{added:?}");
    let there = added.iter().filter(|added| **added == Added::AlreadyThere { first, last }).count();
    assert_eq!(there, RACERS - 1, "{added:?}");

    // Others that overlap with one another: one is added, and the rest refused.
    let added = race(&stores, |n, store| async move {
        let next = recording(camera, &format!("{n}.mp4"), start.plus_us(200 * SECOND_US), 10);
        store.add_recording(&next, 5 * SECOND_US).await
    })
    .await;
    let new = added.iter().filter(|added| matches!(added, Ok(Added::New { first: Seq(20), last: Seq(21) })));
    assert_eq!(new.count(), 1, "{added:?}");
    let refused = added.iter().filter(|added| matches!(added, Err(StoreError::Overlap { .. })));
    assert_eq!(refused.count(), RACERS - 1, "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_artifact_wins_and_failures_add_up() {
    let (database, store) = TestDatabase::migrated().await;
    let (pass, _) = pass(&store, "gate", time("2026-05-01"), 3).await;
    let stores = racers(&database).await;
    let attempts = race(&stores, |_, store| {
        let job = job(&pass, 0);
        async move { store.note_failure(&job, "a hiccup").await.unwrap() as usize }
    })
    .await;
    let mut sorted = attempts.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(1..=RACERS), "each counted once: {attempts:?}");

    let kept = race(&stores, |n, store| {
        let job = job(&pass, 0);
        let artifact = Artifact { blob_key: format!("{n}"), sha256: String::new(), frames: 1, spared: 0 };
        async move { store.keep_artifact(&job, &artifact).await.unwrap() }
    })
    .await;
    let winner = kept.iter().position(|kept| *kept == Kept::First).unwrap();
    for (n, kept) in kept.iter().enumerate().filter(|(n, _)| *n != winner) {
        let Kept::AlreadyThere(artifact) = kept else { panic!("{n}: {kept:?}") };
        assert_eq!(artifact.blob_key, winner.to_string());
    }

    // Half keep, half give up: one outcome, and an event only if it was given up.
    race(&stores, |n, store| {
        let job = job(&pass, 1);
        let artifact = Artifact { blob_key: format!("{n}"), sha256: String::new(), frames: 1, spared: 0 };
        async move {
            if n % 2 == 0 {
                store.keep_artifact(&job, &artifact).await.map(drop).unwrap();
            } else {
                store.quarantine(&job, "broken").await.unwrap();
            }
        }
    })
    .await;
    let outcome = store.outcome(&job(&pass, 1)).await.unwrap().unwrap();
    let events = store.camera_events(pass.camera).await.unwrap().len();
    assert_eq!(events, usize::from(outcome == Outcome::Quarantined("broken".into())), "{outcome:?}");
}

async fn connect(database: &TestDatabase) -> PgConnection {
    database.url_text().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

/// Commits a segment while `holds` has what the commit needs, and returns once it waits for that.
async fn commit_that_waits(
    database: &TestDatabase,
    store: &Postgres,
    holds: &mut PgConnection,
) -> (PassId, JoinHandle<Committed>) {
    let start = time("2026-05-01");
    store.open_month(Month::of(start).unwrap()).await.unwrap();
    let (_, id) = pass(store, "gate", start, 1).await;
    holds.execute("LOCK TABLE crossings IN SHARE MODE").await.unwrap();
    let committing = tokio::spawn({
        let (store, id) = (store.clone(), id.clone());
        async move { commit(&store, &id, start, 0).await }
    });
    let mut watch = connect(database).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'crossings'::regclass
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watch).await.unwrap() == 0 {}
    (id, committing)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_loses_its_month_goes_aside() {
    let (database, store) = TestDatabase::migrated().await;
    let mut other = connect(&database).await;
    let mut holds = other.begin().await.unwrap();
    let (id, committing) = commit_that_waits(&database, &store, &mut holds).await;
    // The commit has seen that the month is open.
    holds.execute("UPDATE months SET state = 'detaching'").await.unwrap();
    holds.execute("ALTER TABLE crossings DETACH PARTITION crossings_2026_05").await.unwrap();
    holds.commit().await.unwrap();
    assert_eq!(committing.await.unwrap(), Committed::Now);
    assert_eq!(stored(&store, &id).await, expected(time("2026-05-01"), 1));
    assert_eq!(store.months().await.unwrap()[0].passes_aside, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_loses_a_deadlock_runs_again() {
    let (database, store) = TestDatabase::migrated().await;
    let mut other = connect(&database).await;
    let mut holds = other.begin().await.unwrap();
    // The commit is the one to find the deadlock, and to give way.
    holds.execute("SET LOCAL deadlock_timeout = '1h'").await.unwrap();
    let (id, committing) = commit_that_waits(&database, &store, &mut holds).await;
    holds.execute("SELECT FROM passes FOR UPDATE").await.unwrap();
    holds.rollback().await.unwrap();
    assert_eq!(committing.await.unwrap(), Committed::Now);
    assert_eq!(stored(&store, &id).await, expected(time("2026-05-01"), 1));
}
