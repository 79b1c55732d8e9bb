//! What becomes of a leased job, whatever its handler does and however its broker fares. Time is paused.

use std::{sync::Arc, time::Duration};

use camcount_domain::{Failure, Job, Lane};
use camcount_queue::{BACKOFF_FIRST, InProcess, LeaseTiming, Queue};
use camcount_runtime::{JobEnd, WorkersOptions};
use futures::FutureExt;
use tokio::time::{Instant, sleep};

use crate::{
    faults::Away,
    jobs::{LANE, STUCK, Shift, done, key, options},
};

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_panic_ends_neither_the_worker_nor_others_and_is_tried_again() {
    let mut shift = Shift::usual(|name, _| {
        async move { if name == "bad" { panic!("dropped the {name} plate") } else { Ok(()) } }.boxed()
    });
    for name in ["bad", "a", "b"] {
        shift.push(name).await;
    }
    let mut ends = Vec::new();
    for _ in 0..5 {
        ends.push(shift.next_end().await);
    }
    let reason = "the job panicked: dropped the bad plate".to_owned();
    let key = key("bad");
    assert_eq!(ends.pop(), Some(JobEnd::GivenUp { key: key.clone(), reason: reason.clone() }));
    for expected in [done("a"), done("b"), JobEnd::Failed { key, reason }] {
        assert!(ends.contains(&expected), "{ends:?}");
    }
    assert_eq!(shift.log.attempts("bad"), [1, 2, 3]);
    for (wait, longest) in shift.log.waits("bad").into_iter().zip([BACKOFF_FIRST, BACKOFF_FIRST * 2]) {
        assert!(longest / 2 <= wait && wait <= longest + BACKOFF_FIRST / 100, "{wait:?}");
    }
    assert_eq!(shift.depth().await.total(), 0);
    shift.push("c").await;
    assert_eq!(shift.next_end().await, done("c"));
}

#[tokio::test(start_paused = true)]
async fn deferring_uses_no_attempt_and_retries_wait_no_longer_than_told() {
    let patient = WorkersOptions { longest_backoff: Duration::from_millis(100), ..options() };
    let mut shift = Shift::start(Arc::new(InProcess::default()), patient, |name, run| {
        async move {
            match name.as_str() {
                "deferred" => Err(Failure::defer(Duration::from_secs(7), "no model here")),
                _ if run.attempt < 3 => Err(Failure::retry("slipped")),
                _ => Ok(()),
            }
        }
        .boxed()
    });
    shift.push("deferred").await;
    for _ in 0..6 {
        let reason = "no model here".to_owned();
        assert_eq!(shift.next_end().await, JobEnd::Deferred { key: key("deferred"), reason });
    }
    assert_eq!(shift.log.attempts("deferred"), [1; 6]);
    for wait in shift.log.waits("deferred") {
        assert!(wait >= Duration::from_secs(7) && wait < Duration::from_secs(8), "{wait:?}");
    }
    shift.push("third").await;
    while shift.next_end().await != done("third") {}
    assert_eq!(shift.log.attempts("third"), [1, 2, 3]);
    assert!(shift.log.waits("third").iter().all(|wait| *wait < Duration::from_millis(110)));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_do_is_given_up_at_once() {
    let mut shift = Shift::usual(|_, _| async { Err(Failure::discard("there is no such plate")) }.boxed());
    let job = |kind: &str, key: &str, args: &str| Job {
        kind: kind.to_owned(),
        lane: LANE,
        key: key.to_owned(),
        args: args.to_owned(),
    };
    let cases = [
        (job("chore.v1", "1", "{\"name\":\"x\"}"), "there is no such plate"),
        (job("chore.v2", "2", "{}"), "jobs of kind chore.v2 are unknown to this version of camcount"),
        (
            job("chore.v1", "3", "{\"nam\":1}"),
            "not those of a chore.v1 job; was it published by another version",
        ),
        (job("chore.v1", "4", "\u{0}\u{1}"), "not those of a chore.v1 job"),
    ];
    for (job, expected) in cases {
        shift.queue.push(job.clone()).await.unwrap();
        match shift.next_end().await {
            JobEnd::GivenUp { key, reason } if key == job.key => {
                assert!(reason.contains(expected), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(shift.log.attempts("x"), [1]);
    assert_eq!(shift.depth().await.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_jobs_lease_is_extended() {
    let mut shift = Shift::usual(|_, _| sleep(LEASE * 20).map(Ok).boxed());
    shift.push("long").await;
    assert_eq!(shift.next_end().await, done("long"));
    assert_eq!(shift.log.attempts("long"), [1]);
    assert_eq!(shift.depth().await.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_most_of_a_lease_costs_none() {
    // From the first extension on until 5 s before the end.
    let queue = Away::new(Arc::new(InProcess::default()), 6, 0);
    let mut shift = Shift::start(queue, options(), |_, _| sleep(LEASE * 3).map(Ok).boxed());
    shift.push("long").await;
    assert_eq!(shift.next_end().await, done("long"));
    assert_eq!(shift.log.attempts("long"), [1]);
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_his_lease_is_cancelled_and_his_result_does_not_matter() {
    let queue = Away::new(Arc::new(InProcess::default()), 12, 0);
    let mut shift = Shift::start(queue, options(), |_, run| {
        async move {
            match run.attempt {
                // It does not even listen.
                1 => std::future::pending().await,
                _ => sleep(LEASE).await,
            }
            Ok(())
        }
        .boxed()
    });
    shift.push("plate").await;
    shift.log.running(2).await;
    shift.log.running(1).await;
    assert_eq!(shift.next_end().await, done("plate"));
    assert_eq!(shift.log.attempts("plate"), [1, 2]);
    assert_eq!(shift.depth().await.total(), 0);
    // The loser was silent, and his slot is free: two jobs run at a time again.
    shift.push("x").await;
    shift.push("y").await;
    shift.log.running(2).await;
}

#[tokio::test(start_paused = true)]
async fn settling_waits_for_the_broker() {
    let queue = Away::new(Arc::new(InProcess::default()), 0, 3);
    let mut shift = Shift::start(queue, options(), |_, _| async { Ok(()) }.boxed());
    shift.push("a").await;
    assert_eq!(shift.next_end().await, done("a"));
    assert_eq!(shift.log.attempts("a"), [1]);
    assert_eq!(shift.depth().await.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_settled_runs_once_more() {
    let queue = Away::new(Arc::new(InProcess::default()), 0, 6);
    let mut shift = Shift::start(queue, options(), |_, _| async { Ok(()) }.boxed());
    shift.push("a").await;
    while shift.log.attempts("a").len() < 2 {
        assert_eq!(shift.next_end().await, done("a"));
    }
    while shift.depth().await.total() > 0 {
        assert_eq!(shift.next_end().await, done("a"));
    }
    assert_eq!(shift.log.attempts("a"), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_for_too_long_has_failed() {
    let impatient = WorkersOptions { longest_run: LEASE * 5, ..options() };
    let mut shift =
        Shift::start(Arc::new(InProcess::default()), impatient, |_, _| std::future::pending().boxed());
    shift.push("stuck").await;
    let reason = "the job ran for longer than 150 s".to_owned();
    for _ in 0..2 {
        assert_eq!(shift.next_end().await, JobEnd::Failed { key: key("stuck"), reason: reason.clone() });
    }
    assert_eq!(shift.next_end().await, JobEnd::GivenUp { key: key("stuck"), reason });
    shift.log.running(0).await;
    assert_eq!(shift.log.attempts("stuck"), [1, 2, 3]);
}

/// A queue with a bug.
struct Buggy(InProcess);

#[async_trait::async_trait]
impl Queue for Buggy {
    async fn push(&self, job: Job) -> Result<camcount_queue::Pushed, camcount_queue::QueueError> {
        self.0.push(job).await
    }

    async fn lease(&self, lane: Lane) -> Result<camcount_queue::Lease, camcount_queue::QueueError> {
        self.0.lease(lane).await
    }

    async fn extend(
        &self,
        lease: &camcount_queue::Lease,
    ) -> Result<camcount_queue::Standing, camcount_queue::QueueError> {
        assert!(lease.attempt > 1, "a bug in the queue");
        self.0.extend(lease).await
    }

    async fn settle(
        &self,
        lease: &camcount_queue::Lease,
        verdict: camcount_queue::Verdict,
    ) -> Result<camcount_queue::Standing, camcount_queue::QueueError> {
        self.0.settle(lease, verdict).await
    }

    async fn depth(&self, lane: Lane) -> Result<camcount_queue::Depth, camcount_queue::QueueError> {
        self.0.depth(lane).await
    }

    fn timing(&self) -> LeaseTiming {
        self.0.timing()
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_queue_costs_one_run_and_no_worker() {
    let queue = Arc::new(Buggy(InProcess::default()));
    let one = WorkersOptions { slots: vec![(LANE, 1)], ..options() };
    let mut shift = Shift::start(queue, one, |_, _| sleep(LEASE / 2).map(Ok).boxed());
    let started = Instant::now();
    shift.push("a").await;
    assert_eq!(shift.next_end().await, done("a"));
    assert_eq!(shift.log.attempts("a"), [1, 2]);
    assert!(started.elapsed() < STUCK);
}
