//! Rules about leases: who has a job, for how long, and which attempt it is.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::{sync::Mutex, task::JoinSet, time::Instant};

use super::{Harness, LANE, job, lease, nothing_is_due, push, settle};
use crate::{Queue, Standing, Verdict};

/// A retried job comes back when its wait is over, not before, as the next attempt.
pub async fn retries_wait_and_use_an_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    // Longer than a lease: it does not come back by lapsing.
    let wait = queue.timing().lease() * 2;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: wait }).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait / 2).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait / 2).await;
    assert_eq!(lease(&*queue).await.attempt, 2);
}

/// A deferred job comes back when its wait is over, not before, as the same attempt.
pub async fn deferring_waits_and_uses_no_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    let wait = queue.timing().lease() * 2;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    let leased = lease(&*queue).await;
    assert_eq!(leased.attempt, 2);
    settle(&*queue, &leased, Verdict::Defer { after: wait }).await;
    harness.advance(wait / 2).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait / 2).await;
    assert_eq!(lease(&*queue).await.attempt, 2);
}

/// A released job is leased again without any wait, as the same attempt.
pub async fn releasing_gives_back_at_once_and_uses_no_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let lease_time = queue.timing().lease();
    let started = Instant::now();
    for _ in 0..3 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.attempt, 1);
        settle(&*queue, &leased, Verdict::Release).await;
    }
    assert_eq!(lease(&*queue).await.attempt, 1);
    assert!(started.elapsed() < lease_time, "it was given back by lapsing");
}

/// However a job came back, its attempt is one more than its retries and lapses.
pub async fn only_retries_and_lapses_use_attempts(harness: &impl Harness) {
    let queue = harness.queue().await;
    let at_once = Duration::ZERO;
    push(&*queue, "a").await;
    let lapses = lease(&*queue).await;
    assert_eq!(lapses.attempt, 1);
    harness.advance(queue.timing().lease()).await;
    for (attempt, verdict) in [
        (2, Verdict::Release),
        (2, Verdict::Retry { after: at_once }),
        (3, Verdict::Defer { after: at_once }),
        (3, Verdict::Release),
        (3, Verdict::Defer { after: at_once }),
        (3, Verdict::Retry { after: at_once }),
        (4, Verdict::Done),
    ] {
        let leased = lease(&*queue).await;
        assert_eq!(leased.attempt, attempt, "before {verdict:?}");
        settle(&*queue, &leased, verdict).await;
    }
}

/// A queue never gives a job up by itself.
pub async fn no_attempt_is_the_last(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    for attempt in 1..=40 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.attempt, attempt);
        settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    }
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 1);
}

/// A lease that is neither extended nor settled is handed out again: its worker is dead.
pub async fn a_lapsed_job_is_the_next_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    for attempt in 1..=2 {
        let leased = lease(&*queue).await;
        assert_eq!((leased.job, leased.attempt), (job("a"), attempt));
        nothing_is_due(harness, &*queue).await;
        harness.advance(queue.timing().lease()).await;
    }
    assert_eq!(lease(&*queue).await.attempt, 3);
}

/// Whoever lost a lease can neither extend nor settle it, before and after another has it.
pub async fn lapsed_leases_are_refused(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let lost = lease(&*queue).await;
    harness.advance(queue.timing().lease()).await;
    assert_eq!(queue.extend(&lost).await.unwrap(), Standing::Lapsed);
    assert_eq!(queue.settle(&lost, Verdict::Done).await.unwrap(), Standing::Lapsed);
    let present = lease(&*queue).await;
    assert_eq!(queue.extend(&lost).await.unwrap(), Standing::Lapsed);
    for verdict in [Verdict::Done, Verdict::Release, Verdict::Retry { after: Duration::ZERO }] {
        assert_eq!(queue.settle(&lost, verdict).await.unwrap(), Standing::Lapsed);
    }
    nothing_is_due(harness, &*queue).await;
    assert_eq!(queue.extend(&present).await.unwrap(), Standing::Held);
    settle(&*queue, &present, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// A lease is settled once, and a settled one is not extended.
pub async fn settled_leases_are_refused(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Release).await;
    assert_eq!(queue.extend(&leased).await.unwrap(), Standing::Lapsed);
    assert_eq!(queue.settle(&leased, Verdict::Done).await.unwrap(), Standing::Lapsed);
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    assert_eq!(queue.settle(&leased, Verdict::Done).await.unwrap(), Standing::Lapsed);
}

/// An extended lease lasts, however long the job takes.
pub async fn extending_keeps_the_lease(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    for _ in 0..5 {
        harness.advance(queue.timing().extend_every()).await;
        assert_eq!(queue.extend(&leased).await.unwrap(), Standing::Held);
    }
    nothing_is_due(harness, &*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// A worker that already waits gets what is pushed, what is given back, and what becomes due.
pub async fn whoever_waits_is_woken(harness: &impl Harness) {
    let queue = harness.queue().await;
    let waiter = |queue: &Arc<dyn Queue>| {
        let queue = Arc::clone(queue);
        tokio::spawn(async move { lease(&*queue).await })
    };
    let waiting = waiter(&queue);
    nothing_is_due(harness, &*queue).await;
    push(&*queue, "a").await;
    let leased = waiting.await.unwrap();

    let waiting = waiter(&queue);
    nothing_is_due(harness, &*queue).await;
    settle(&*queue, &leased, Verdict::Release).await;
    let leased = waiting.await.unwrap();

    let waiting = waiter(&queue);
    let wait = queue.timing().lease();
    settle(&*queue, &leased, Verdict::Retry { after: wait }).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait).await;
    assert_eq!(waiting.await.unwrap().attempt, 2);
}

/// A wait that is dropped takes no job with it, whenever it is dropped.
pub async fn dropping_a_wait_loses_nothing(harness: &impl Harness) {
    let queue = harness.queue().await;
    for n in 0..20 {
        let mut waiting = queue.lease(LANE);
        assert!((&mut waiting).now_or_never().is_none());
        push(&*queue, &n.to_string()).await;
        drop(waiting);
        let leased = lease(&*queue).await;
        assert_eq!((leased.job.clone(), leased.attempt), (job(&n.to_string()), 1));
        settle(&*queue, &leased, Verdict::Done).await;
    }
}

/// As many jobs are leased as there are waits: what is leased and not started runs out of time.
pub async fn no_more_is_leased_than_is_waited_for(harness: &impl Harness) {
    let queue = harness.queue().await;
    for n in 0..10 {
        push(&*queue, &n.to_string()).await;
    }
    let three = [lease(&*queue), lease(&*queue), lease(&*queue)];
    let three = futures::future::join_all(three).await;
    let depth = queue.depth(LANE).await.unwrap();
    assert_eq!((depth.waiting, depth.total()), (7, 10), "{depth:?}");
    for leased in &three {
        settle(&*queue, leased, Verdict::Done).await;
    }
    let depth = queue.depth(LANE).await.unwrap();
    assert_eq!((depth.waiting, depth.total()), (7, 7), "{depth:?}");
}

/// Workers that lease at the same time never get the same job, and together get all of them.
pub async fn many_workers_get_each_job_once(harness: &impl Harness) {
    const JOBS: usize = 200;
    let queue = harness.queue().await;
    let runs = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let mut workers = JoinSet::new();
    for _ in 0..8 {
        let (queue, runs) = (Arc::clone(&queue), Arc::clone(&runs));
        workers.spawn(async move {
            loop {
                let leased = lease(&*queue).await;
                assert_eq!(leased.attempt, 1);
                *runs.lock().await.entry(leased.job.key.clone()).or_default() += 1;
                settle(&*queue, &leased, Verdict::Done).await;
            }
        });
    }
    for n in 0..JOBS {
        push(&*queue, &n.to_string()).await;
    }
    while queue.depth(LANE).await.unwrap().total() > 0 {
        if let Some(ended) = workers.try_join_next() {
            panic!("a worker ended: {ended:?}");
        }
        tokio::task::yield_now().await;
    }
    workers.shutdown().await;
    let runs = runs.lock().await;
    assert_eq!(runs.len(), JOBS);
    assert!(runs.values().all(|times| *times == 1), "some ran more than once: {runs:?}");
}
