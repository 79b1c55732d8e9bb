//! What is told of committed segments, and that telling delays and fails nobody.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use camcount_domain::{CameraId, CountPass, LiveCounts, MediaSpan, Seq, Taken};
use camcount_queue::{Feed, FeedError, Heard, InProcessFeed, Listener};
use camcount_runtime::{CountHandler, Fold, Handler, Ports, Telling};
use camcount_store::{Live, SoFar};
use tokio::time::timeout;

use crate::{
    bench::{Bench, rules, run},
    counting::{SEGMENTS, detected},
};

async fn heard(listener: &mut Listener) -> camcount_domain::SegmentCounted {
    match timeout(Duration::from_secs(60), listener.next()).await.expect("nothing is told") {
        Heard::Counted(counted) => (*counted).clone(),
        Heard::Missed => panic!("it is not that slow"),
    }
}

/// What the store has counted, with the zones as the state has them.
async fn so_far(bench: &Bench) -> LiveCounts {
    let SoFar { mut counts, state } = bench.store.so_far(&bench.pass, MediaSpan::ALL).await.unwrap();
    if let Some(state) = state {
        counts.zones =
            Fold::from_bytes(&state).unwrap().inside(rules().zones.into_iter().map(|zone| zone.name));
    }
    counts
}

#[tokio::test]
async fn what_is_told_adds_up_to_what_is_stored() {
    let bench = detected().await;
    let mut counts = so_far(&bench).await;
    let mut listener = bench.feed.listen(bench.camera).await.unwrap();
    bench.count().await.unwrap();
    let mut busiest = 0;
    for seq in 0..SEGMENTS {
        let counted = heard(&mut listener).await;
        assert_eq!((counted.seq, &counted.pass), (Seq(seq), &bench.pass));
        assert!(so_far(&bench).await.next > counted.seq, "it is told of what is committed");
        busiest = busiest.max(counted.zones[0].inside.unwrap());
        assert_eq!(counts.take(&counted, MediaSpan::ALL), Taken::Now);
    }
    assert_eq!(counts, so_far(&bench).await);
    assert!(!counts.lines.is_empty() && busiest > 0, "{counts:?}");
    assert_eq!(counts.zones[0].inside, Some(0), "the footage has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_handlers_one_tells_of_each_segment() {
    let bench = detected().await;
    let mut listener = bench.feed.listen(bench.camera).await.unwrap();
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (handler, pass) = (CountHandler::new(bench.ports()), bench.pass.clone());
        racing.spawn(async move { handler.run(CountPass { pass, next: Seq(0) }, run(1)).await });
    }
    while let Some(ended) = racing.join_next().await {
        ended.unwrap().unwrap();
    }
    assert!(bench.is_finished().await);
    let mut told = Vec::new();
    for _ in 0..SEGMENTS {
        told.push(heard(&mut listener).await.seq.0);
    }
    // Each tells on its own way, so they may overtake each other.
    told.sort_unstable();
    assert_eq!(told, (0..SEGMENTS).collect::<Vec<_>>());
    assert!(timeout(Duration::from_millis(200), listener.next()).await.is_err(), "nothing is told twice");
}

/// A broker that does not answer.
struct Silent;

#[async_trait]
impl Feed for Silent {
    async fn publish(&self, _: &camcount_domain::SegmentCounted) -> Result<(), FeedError> {
        std::future::pending().await
    }

    async fn listen(&self, camera: CameraId) -> Result<Listener, FeedError> {
        InProcessFeed::default().listen(camera).await
    }
}

#[tokio::test]
async fn a_feed_that_does_not_answer_delays_nobody() {
    let bench = detected().await;
    let ports = Ports { telling: Telling::over(Arc::new(Silent)), ..bench.ports() };
    let counting = CountHandler::new(ports);
    let job = CountPass { pass: bench.pass.clone(), next: Seq(0) };
    timeout(Duration::from_secs(60), counting.run(job, run(1))).await.expect("it waits").unwrap();
    assert!(bench.is_finished().await);
    assert_eq!(bench.tally().await, bench.plain_fold().await);
}
