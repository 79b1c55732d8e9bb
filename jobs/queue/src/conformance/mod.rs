//! What every queue must do, as tests. An adapter's test file names a [`Harness`] and calls
//! [`queue_conformance!`](crate::queue_conformance) or
//! [`queue_conformance_at_once!`](crate::queue_conformance_at_once).
// These are tests, also where they are built as a feature for another crate's tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod feed;
mod jobs;
mod leases;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use tokio::time::timeout;

pub use self::{jobs::*, leases::*};
use crate::{Lease, Pushed, Queue, Standing, Verdict};

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

    /// A new queue into whose lane somebody has put this, past all that pushes; `None` where nobody can.
    async fn queue_with(&self, _lane: Lane, _payload: &[u8]) -> Option<Arc<dyn Queue>> {
        None
    }
}

/// Calls a macro with what it is to do and the names of all rules.
#[doc(hidden)]
#[macro_export]
macro_rules! queue_rules {
    ($macro:path, $($what:tt)*) => {
        $macro! { $($what)*
            done_jobs_are_gone
            first_in_is_first_out
            lanes_are_apart
            a_waiting_job_is_held_once
            a_running_job_is_held_once
            a_delayed_job_is_held_once
            a_done_job_may_come_again
            a_discarded_job_may_come_again
            keys_may_be_any_text
            retries_wait_and_use_an_attempt
            deferring_waits_and_uses_no_attempt
            releasing_gives_back_at_once_and_uses_no_attempt
            only_retries_and_lapses_use_attempts
            no_attempt_is_the_last
            a_lapsed_job_is_the_next_attempt
            lapsed_leases_are_refused
            settled_leases_are_refused
            extending_keeps_the_lease
            whoever_waits_is_woken
            dropping_a_wait_loses_nothing
            no_more_is_leased_than_is_waited_for
            many_workers_get_each_job_once
            arguments_are_not_looked_at
            what_is_no_job_harms_nobody
            depth_counts
            a_full_lane_refuses_and_recovers
        }
    };
}

/// Defines one test a rule, over a harness and with the attributes that make a function a test.
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
        $crate::queue_rules! { $crate::queue_conformance, @each [$harness] [$($attr)+] }
    };
}

/// Defines one test of all rules at once, for harnesses whose time cannot be moved by hand: they wait together.
#[macro_export]
macro_rules! queue_conformance_at_once {
    (@all [$harness:expr] [$($attr:tt)+] $($rule:ident)*) => {
        $($attr)+
        async fn every_rule_holds() {
            let harness = $harness;
            tokio::join!($($crate::conformance::$rule(&harness)),*);
        }
    };
    ($harness:expr, $($attr:tt)+) => {
        $crate::queue_rules! { $crate::queue_conformance_at_once, @all [$harness] [$($attr)+] }
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
