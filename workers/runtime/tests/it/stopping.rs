//! Stopping in two stages. Time is paused.

use std::{sync::Arc, time::Duration};

use camcount_queue::{InProcess, Queue};
use camcount_runtime::{JobEnd, WorkersOptions};
use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};

use crate::jobs::{LANE, STUCK, Shift, done, key, options};

const DRAIN: Duration = Duration::from_secs(10);

fn draining() -> WorkersOptions {
    WorkersOptions { drain: DRAIN, ..options() }
}

/// The next lease of the lane: which job, and which attempt.
async fn next(queue: &Arc<dyn Queue>) -> (String, u32) {
    let lease = timeout(Duration::from_secs(1), queue.lease(LANE)).await.expect("nothing waits").unwrap();
    (lease.job.key, lease.attempt)
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_then_cancels_and_gives_back() {
    let shift = Shift::start(Arc::new(InProcess::default()), draining(), |name, run| {
        async move {
            match name.as_str() {
                "short" => sleep(DRAIN / 2).await,
                "long" => run.cancel.cancelled().await,
                other => panic!("{other} was started"),
            }
            if run.cancel.is_cancelled() { Err(camcount_domain::Failure::retry("stopped")) } else { Ok(()) }
        }
        .boxed()
    });
    for name in ["short", "long", "never"] {
        shift.push(name).await;
    }
    shift.log.running(2).await;
    let (queue, log, started) = (Arc::clone(&shift.queue), shift.log.clone(), Instant::now());
    let mut ends = shift.workers.ends();
    let stopping = tokio::spawn(shift.workers.stop());
    assert_eq!(ends.recv().await, Ok(done("short")));
    assert_eq!(started.elapsed().as_secs(), (DRAIN / 2).as_secs());
    assert_eq!(ends.recv().await, Ok(JobEnd::Released { key: key("long") }));
    timeout(STUCK, stopping).await.unwrap().unwrap();
    assert_eq!(started.elapsed().as_secs(), DRAIN.as_secs());
    log.running(0).await;
    // No attempt was used, and the one that was started keeps its place.
    assert_eq!(next(&queue).await, (key("long"), 1));
    assert_eq!(next(&queue).await, (key("never"), 1));
}

#[tokio::test(start_paused = true)]
async fn those_who_do_not_listen_are_ended() {
    let shift =
        Shift::start(Arc::new(InProcess::default()), draining(), |_, _| std::future::pending().boxed());
    shift.push("deaf").await;
    shift.log.running(1).await;
    let (queue, log, started) = (Arc::clone(&shift.queue), shift.log.clone(), Instant::now());
    timeout(STUCK, shift.workers.stop()).await.unwrap();
    assert!(started.elapsed() < DRAIN * 2, "{:?}", started.elapsed());
    log.running(0).await;
    assert_eq!(next(&queue).await, (key("deaf"), 1));
}

#[tokio::test(start_paused = true)]
async fn the_impatient_do_not_wait() {
    let shift = Shift::start(Arc::new(InProcess::default()), draining(), |_, run| {
        async move {
            run.cancel.cancelled().await;
            Err(camcount_domain::Failure::retry("stopped"))
        }
        .boxed()
    });
    shift.push("long").await;
    shift.log.running(1).await;
    let (queue, started) = (Arc::clone(&shift.queue), Instant::now());
    shift.workers.cancel_token().cancel();
    timeout(STUCK, shift.workers.stop()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(next(&queue).await, (key("long"), 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_done_when_cancelled_is_done() {
    let shift = Shift::start(Arc::new(InProcess::default()), draining(), |_, run| {
        run.cancel.cancelled_owned().map(Ok).boxed()
    });
    shift.push("last-minute").await;
    shift.log.running(1).await;
    let queue = Arc::clone(&shift.queue);
    let mut ends = shift.workers.ends();
    shift.workers.stop().await;
    assert_eq!(ends.recv().await, Ok(done("last-minute")));
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn workers_that_are_dropped_end_their_jobs() {
    let shift = Shift::usual(|_, _| std::future::pending().boxed());
    shift.push("orphan").await;
    shift.log.running(1).await;
    let (queue, log) = (Arc::clone(&shift.queue), shift.log.clone());
    drop(shift);
    log.running(0).await;
    assert_eq!(next(&queue).await, (key("orphan"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_slots_is_left_to_others() {
    let none = WorkersOptions { slots: vec![(LANE, 0)], ..draining() };
    let shift = Shift::start(Arc::new(InProcess::default()), none, |_, _| async { Ok(()) }.boxed());
    shift.push("a").await;
    sleep(STUCK).await;
    assert_eq!(shift.depth().await.waiting, 1);
    timeout(STUCK, shift.workers.stop()).await.unwrap();
}
