//! What every queue must do, as tests. An adapter's test file names a [`Harness`] and calls
//! [`queue_conformance!`](crate::queue_conformance).
// These are tests, also where they are built as a feature for another crate's tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use futures::FutureExt;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{Lease, Pushed, Queue, QueueError, Standing, Verdict};

/// How the suite gets its queues and makes time pass.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A new, empty queue that shares nothing with the others.
    async fn queue(&self) -> Arc<dyn Queue>;

    /// Lets this much of the queue's time pass.
    async fn advance(&self, by: Duration);

    /// How long to wait before believing that a queue has nothing to lease.
    fn patience(&self) -> Duration;

    /// How long a queue remembers the key of a job that is done.
    fn remembers(&self) -> Duration {
        Duration::ZERO
    }

    /// Jobs that a lane can hold, where that is few enough to be tried.
    fn capacity(&self) -> Option<usize> {
        None
    }
}

/// Defines one test per rule, over a harness and with the attributes that make a function a test.
///
/// ```ignore
/// queue_conformance! { MyHarness::start(), #[tokio::test] }
/// ```
#[macro_export]
macro_rules! queue_conformance {
    (@each [$harness:expr] [$($attr:tt)+]) => {};
    (@each [$harness:expr] [$($attr:tt)+] $rule:ident $($rest:ident)*) => {
        $($attr)+
        async fn $rule() {
            $crate::conformance::$rule(&$harness).await;
        }
        $crate::queue_conformance! { @each [$harness] [$($attr)+] $($rest)* }
    };
    ($harness:expr, $($attr:tt)+) => {
        $crate::queue_conformance! { @each [$harness] [$($attr)+]
            done_jobs_are_gone
            first_in_is_first_out
            lanes_are_apart
            a_waiting_job_is_held_once
            a_running_job_is_held_once
            a_delayed_job_is_held_once
            a_done_job_may_come_again
            a_discarded_job_may_come_again
            retries_wait_and_use_an_attempt
            deferring_waits_and_uses_no_attempt
            releasing_gives_back_at_once_and_uses_no_attempt
            a_lapsed_job_is_the_next_attempt
            lapsed_leases_are_refused
            settled_leases_are_refused
            extending_keeps_the_lease
            whoever_waits_is_woken
            dropping_a_wait_loses_nothing
            many_workers_get_each_job_once
            arguments_are_not_looked_at
            depth_counts
            a_full_lane_refuses_and_recovers
        }
    };
}

const LANE: Lane = Lane::Detect;

/// Longer than any of the suite's steps takes; whoever waits longer waits in vain.
const STUCK: Duration = Duration::from_secs(600);

fn job(key: &str) -> Job {
    Job { kind: "test.v1".to_owned(), lane: LANE, key: format!("test.v1/{key}"), args: "{}".to_owned() }
}

async fn push(queue: &dyn Queue, key: &str) -> Pushed {
    queue.push(job(key)).await.unwrap()
}

async fn lease(queue: &dyn Queue) -> Lease {
    timeout(STUCK, queue.lease(LANE)).await.expect("a job is due, and nobody gets it").unwrap()
}

async fn nothing_is_due(harness: &impl Harness, queue: &dyn Queue) {
    if let Ok(lease) = timeout(harness.patience(), queue.lease(LANE)).await {
        panic!("nothing is due, and yet there was {lease:?}");
    }
}

async fn settle(queue: &dyn Queue, lease: &Lease, verdict: Verdict) {
    assert_eq!(queue.settle(lease, verdict).await.unwrap(), Standing::Held);
}

/// A job that is done is not leased again.
pub async fn done_jobs_are_gone(harness: &impl Harness) {
    let queue = harness.queue().await;
    assert_eq!(push(&*queue, "a").await, Pushed::New);
    let leased = lease(&*queue).await;
    assert_eq!((leased.job.clone(), leased.attempt), (job("a"), 1));
    settle(&*queue, &leased, Verdict::Done).await;
    harness.advance(queue.timing().lease() * 2).await;
    nothing_is_due(harness, &*queue).await;
}

/// Jobs come in the order in which they were pushed.
pub async fn first_in_is_first_out(harness: &impl Harness) {
    let queue = harness.queue().await;
    for n in 0..20 {
        push(&*queue, &n.to_string()).await;
    }
    for n in 0..20 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.job, job(&n.to_string()));
        settle(&*queue, &leased, Verdict::Done).await;
    }
}

/// A job is leased from its own lane only.
pub async fn lanes_are_apart(harness: &impl Harness) {
    let queue = harness.queue().await;
    queue.push(Job { lane: Lane::Count, ..job("a") }).await.unwrap();
    nothing_is_due(harness, &*queue).await;
    let leased = timeout(STUCK, queue.lease(Lane::Count)).await.unwrap().unwrap();
    assert_eq!(leased.job.lane, Lane::Count);
    settle(&*queue, &leased, Verdict::Done).await;
}

/// A second push of a waiting job changes nothing.
pub async fn a_waiting_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    let _running = lease(&*queue).await;
    nothing_is_due(harness, &*queue).await;
}

/// A second push of a running job changes nothing, also not when the first is done.
pub async fn a_running_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    settle(&*queue, &leased, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// A second push of a delayed job changes nothing, and does not bring it forward.
pub async fn a_delayed_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    let wait = queue.timing().lease();
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: wait }).await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// The key of a job that is done is free again.
pub async fn a_done_job_may_come_again(harness: &impl Harness) {
    comes_again(harness, Verdict::Done).await;
}

/// The key of a job that was discarded is free again.
pub async fn a_discarded_job_may_come_again(harness: &impl Harness) {
    comes_again(harness, Verdict::Discard { reason: "it is hopeless".to_owned() }).await;
}

async fn comes_again(harness: &impl Harness, verdict: Verdict) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, verdict).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(harness.remembers()).await;
    assert_eq!(push(&*queue, "a").await, Pushed::New);
    let again = lease(&*queue).await;
    assert_eq!(again.attempt, 1, "attempts start afresh");
    settle(&*queue, &again, Verdict::Done).await;
}

/// A retried job comes back when its wait is over, not before, as the next attempt.
pub async fn retries_wait_and_use_an_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    let wait = queue.timing().lease() * 2;
    push(&*queue, "a").await;
    for attempt in 1..=3 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.attempt, attempt);
        settle(&*queue, &leased, Verdict::Retry { after: wait }).await;
        nothing_is_due(harness, &*queue).await;
        harness.advance(wait / 2).await;
        nothing_is_due(harness, &*queue).await;
        harness.advance(wait / 2).await;
    }
    assert_eq!(lease(&*queue).await.attempt, 4);
}

/// A deferred job comes back when its wait is over, not before, as the same attempt.
pub async fn deferring_waits_and_uses_no_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    let wait = queue.timing().lease() * 2;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    for _ in 0..3 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.attempt, 2);
        settle(&*queue, &leased, Verdict::Defer { after: wait }).await;
        harness.advance(wait / 2).await;
        nothing_is_due(harness, &*queue).await;
        harness.advance(wait / 2).await;
    }
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

/// A lease that is neither extended nor settled is handed out again: its worker is dead.
pub async fn a_lapsed_job_is_the_next_attempt(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    for attempt in 1..=3 {
        let leased = lease(&*queue).await;
        assert_eq!((leased.job, leased.attempt), (job("a"), attempt));
        nothing_is_due(harness, &*queue).await;
        harness.advance(queue.timing().lease()).await;
    }
    assert_eq!(lease(&*queue).await.attempt, 4);
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
    for _ in 0..9 {
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
    let wait = queue.timing().extend_every();
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

/// Arguments that no handler can read come through unharmed and harm nobody behind them.
pub async fn arguments_are_not_looked_at(harness: &impl Harness) {
    let queue = harness.queue().await;
    let nonsense = ["", "{", "\u{0}\u{fffd}\n\"\\ 🚗", &"x".repeat(100_000)].map(str::to_owned);
    for (n, args) in nonsense.iter().enumerate() {
        queue.push(Job { args: args.clone(), ..job(&n.to_string()) }).await.unwrap();
    }
    push(&*queue, "last").await;
    for args in &nonsense {
        let leased = lease(&*queue).await;
        assert_eq!(&leased.job.args, args);
        settle(&*queue, &leased, Verdict::Discard { reason: "unreadable:\n\"🚗\"".to_owned() }).await;
    }
    assert_eq!(lease(&*queue).await.job, job("last"));
}

/// Depth tells waiting jobs from others, and their age from the moment they became due.
pub async fn depth_counts(harness: &impl Harness) {
    let queue = harness.queue().await;
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
    assert_eq!(queue.depth(LANE).await.unwrap().oldest, None);
    for key in ["a", "b", "c", "d"] {
        push(&*queue, key).await;
    }
    let running = lease(&*queue).await;
    let delayed = lease(&*queue).await;
    settle(&*queue, &delayed, Verdict::Retry { after: queue.timing().lease() * 9 }).await;
    let wait = queue.timing().extend_every();
    harness.advance(wait).await;
    assert_eq!(queue.extend(&running).await.unwrap(), Standing::Held);
    let depth = queue.depth(LANE).await.unwrap();
    assert_eq!((depth.waiting, depth.delayed + depth.running), (2, 2), "{depth:?}");
    assert!(depth.oldest.is_some_and(|age| age >= wait && age < wait * 2), "{depth:?}");
    settle(&*queue, &running, Verdict::Done).await;
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 3);
    assert_eq!(queue.depth(Lane::Count).await.unwrap().total(), 0);
}

/// A full lane refuses new jobs, keeps those it has, and takes new ones when there is room again.
pub async fn a_full_lane_refuses_and_recovers(harness: &impl Harness) {
    let Some(capacity) = harness.capacity() else { return };
    let queue = harness.queue().await;
    for n in 0..capacity {
        assert_eq!(push(&*queue, &n.to_string()).await, Pushed::New);
    }
    assert!(matches!(queue.push(job("more")).await, Err(QueueError::Full { .. })));
    assert_eq!(push(&*queue, "0").await, Pushed::Duplicate, "what is held is held, full or not");
    let leased = lease(&*queue).await;
    assert!(matches!(queue.push(job("more")).await, Err(QueueError::Full { .. })), "running jobs count");
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    assert_eq!(push(&*queue, "more").await, Pushed::New);
}
