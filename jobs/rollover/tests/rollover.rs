//! Months come and go by the job alone, whatever is killed.
#![allow(clippy::unwrap_used, reason = "all of this is tests")]

use std::{future::poll_fn, task::Poll};

use camcount_domain::{
    BUCKET_US, Camera, CameraId, CoverageBucket, Detector, FrameRow, FrameSize, LineBucket, MediaSpan,
    MediaTime, Pass, PassId, Rate, Recording, Ruleset, SegmentCounts, Seq,
};
use camcount_rollover::{RolledOver, Rollover, headroom};
use camcount_store::{
    Committed, Month, MonthState, Postgres, Rollups, Scope, SegmentCommit, Store, StoreError,
    test_database::TestDatabase,
};
use futures::TryStreamExt;

/// Long ago, so that no month of it is ever this one or a later one.
const LONG_AGO: &str = "2020-05-31T23:59:55Z";

/// A pass over four segments of 5 s, of which the first lies in May, committed where no month is open.
async fn pass(store: &Postgres) -> PassId {
    let camera = Camera { id: CameraId::of_footage("gate"), name: "gate".into(), start_known: true };
    store.register_camera(&camera).await.unwrap();
    let start: MediaTime = LONG_AGO.parse().unwrap();
    let recording = Recording {
        camera: camera.id,
        source: "a.mp4".into(),
        span: MediaSpan { start, end: start.plus_us(20_000_000) },
        origin_us: 0,
        frame_size: FrameSize { width: 640, height: 360 },
        frame_interval_us: 80_000,
    };
    store.add_recording(&recording, 5_000_000).await.unwrap();
    let detector = Detector {
        name: "motion".into(),
        sha256: String::new(),
        layout: "motion".into(),
        settings: String::new(),
        rate: Rate::DEFAULT,
        classes: vec!["person".into()],
    };
    let pass = Pass {
        camera: camera.id,
        detector: store.register_detector(&detector).await.unwrap(),
        ruleset: store.register_ruleset(&Ruleset::default()).await.unwrap(),
        range: MediaSpan::ALL,
        first: Seq(0),
        last: Some(Seq(3)),
    };
    let id = store.open_pass(&pass).await.unwrap();
    for seq in 0..4 {
        commit(store, &id, seq).await;
    }
    id
}

async fn commit(store: &Postgres, pass: &PassId, seq: i64) {
    let time = LONG_AGO.parse::<MediaTime>().unwrap().plus_us(seq * 5_000_000);
    let start = time.floor_to_us(BUCKET_US);
    let counts = SegmentCounts {
        lines: vec![LineBucket {
            line: "door".into(),
            class: "person".into(),
            start,
            count_in: 1,
            count_out: 0,
        }],
        coverage: vec![CoverageBucket { start, observed_us: 5_000_000, gap_us: 0 }],
        frames: vec![FrameRow { time, detected: 1, tracked: 1 }],
        ..SegmentCounts::default()
    };
    let commit = SegmentCommit { pass, seq: Seq(seq), counts: &counts, state: &[] };
    assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
}

/// Crossings inwards that are read of the pass.
async fn counted(store: &Postgres, pass: &PassId) -> i64 {
    let rows: Vec<_> = store.line_buckets(pass).try_collect().await.unwrap();
    rows.iter().map(|row| row.count_in).sum()
}

/// Nothing waits to be rolled up: what it would come to is of no interest here.
async fn clean(store: &Postgres) {
    for dirty in store.dirty(Scope::All, 9).await.unwrap() {
        store.store_rollups(&dirty, &[]).await.unwrap();
    }
}

async fn states(store: &Postgres) -> Vec<(String, MonthState, u64)> {
    let months = store.months().await.unwrap().into_iter();
    months.map(|status| (status.month.to_string(), status.state, status.passes_aside)).take(2).collect()
}

fn old_months(state: MonthState, aside: u64) -> Vec<(String, MonthState, u64)> {
    ["2020-05", "2020-06"].map(|month| (month.to_owned(), state, aside)).into()
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

const KEEP_TWO: Rollover = Rollover { ahead: 3, keep: Some(2) };

#[tokio::test(flavor = "multi_thread")]
async fn months_are_kept_ahead_and_rows_find_their_place() {
    let (_database, store) = TestDatabase::migrated().await;
    let id = pass(&store).await;
    assert_eq!(headroom(&store).await.unwrap(), 0);
    let done = Rollover::default().run(&store).await.unwrap();
    assert_eq!((done.opened.len(), done.headroom), (6, 3), "two of long ago, this one and three ahead");
    assert_eq!(done.detached, []);
    assert_eq!(states(&store).await, old_months(MonthState::Open, 0));
    assert_eq!(counted(&store, &id).await, 4);
    let again = Rollover::default().run(&store).await.unwrap();
    assert_eq!(again, RolledOver { headroom: 3, ..RolledOver::default() }, "nothing is left to do");
    let more = Rollover { ahead: 5, keep: None }.run(&store).await.unwrap();
    assert_eq!((more.opened.len(), more.headroom), (2, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_kept_long_enough_and_rolled_up_leaves() {
    let (_database, store) = TestDatabase::migrated().await;
    let id = pass(&store).await;
    let done = KEEP_TWO.run(&store).await.unwrap();
    assert_eq!(done.detached, [], "something waits to be rolled up");
    clean(&store).await;
    let done = KEEP_TWO.run(&store).await.unwrap();
    assert_eq!(done.detached.iter().map(Month::to_string).collect::<Vec<_>>(), ["2020-05", "2020-06"]);
    assert_eq!((states(&store).await, done.headroom), (old_months(MonthState::Detached, 0), 3));
    assert_eq!(counted(&store, &id).await, 0);
    assert_eq!(KEEP_TWO.run(&store).await.unwrap().detached, []);
    let refused = store.release_month("2020-05".parse().unwrap()).await.unwrap_err();
    assert!(matches!(refused, StoreError::MonthNotArchived { .. }), "{refused}");
    assert!(refused.to_string().contains("archive it first"), "{refused}");
}

/// Both ends are killed: whoever runs the job, and what the server does for him.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_anywhere_is_made_up_for() {
    let (database, store) = TestDatabase::migrated().await;
    let id = pass(&store).await;
    clean(&store).await;
    let mut kills = 0;
    // How many steps there are is up to how answers arrive: sixty or more.
    for times in (1..).step_by(3) {
        let process = database.store().await;
        if killed_after(times, KEEP_TWO.run(&process)).await.is_some() {
            break;
        }
        kills += 1;
        database.kill_all_but(None).await;
        let watch = database.store().await;
        let open = states(&watch)
            .await
            .iter()
            .all(|(_, state, _)| matches!(state, MonthState::Missing | MonthState::Open));
        if open {
            assert_eq!(counted(&watch, &id).await, 4, "after {kills} kills");
        }
    }
    assert!(kills > 10, "some of it was really killed: {kills}");
    let store = database.store().await;
    assert_eq!(states(&store).await, old_months(MonthState::Detached, 0));
    assert_eq!(headroom(&store).await.unwrap(), 3);
}

/// What PostgreSQL wants finalized is finalized, and meanwhile everything else is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_detach_that_is_left_pending_is_finalized_later() {
    let (database, store) = TestDatabase::migrated().await;
    pass(&store).await;
    Rollover { ahead: 0, keep: None }.run(&store).await.unwrap();
    clean(&store).await;
    let reader = database.endless_reader().await;
    let running = tokio::spawn({
        let store = database.store().await;
        async move { KEEP_TWO.run(&store).await }
    });
    while !database.has_pending_detach().await {}
    database.kill_all_but(Some(&reader)).await;
    assert!(running.await.unwrap().is_err());
    let store = database.store().await;
    assert_eq!(headroom(&store).await.unwrap(), 3, "months ahead do not wait for readers");
    drop(reader);
    let done = KEEP_TWO.run(&store).await.unwrap();
    assert_eq!(done.detached.len(), 2);
    assert_eq!(states(&store).await, old_months(MonthState::Detached, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_run_it_at_once_do_it_once() {
    let (database, store) = TestDatabase::migrated().await;
    let id = pass(&store).await;
    let other = database.store().await;
    let (a, b) = tokio::join!(Rollover::default().run(&store), Rollover::default().run(&other));
    assert_eq!(a.unwrap().opened.len() + b.unwrap().opened.len(), 6);
    assert_eq!((counted(&store, &id).await, headroom(&store).await.unwrap()), (4, 3));
}
