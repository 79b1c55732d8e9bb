//! The queue without a broker: lanes in memory, for one process. What it holds is gone when the process ends,
//! and is derived again from the store by the next.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Verdict, lane::LaneJobs};

/// How an [`InProcess`] queue is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many jobs a lane holds, counting those that run. A full lane refuses: the reconciler pushes again.
    pub capacity: usize,
    /// How long leases last.
    pub timing: LeaseTiming,
}

impl Default for Options {
    /// Some megabytes of jobs, which is days of work for one machine.
    fn default() -> Self {
        Self { capacity: 10_000, timing: LeaseTiming::DEFAULT }
    }
}

/// Lanes in memory.
pub struct InProcess {
    options: Options,
    lanes: Mutex<HashMap<Lane, LaneJobs>>,
    /// Something became due or was put off. All who wait look again: whoever is woken alone may not be
    /// polled for a while, and the job would wait with him.
    changed: Notify,
}

impl InProcess {
    /// An empty queue.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, lanes: Mutex::default(), changed: Notify::new() }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Lane, LaneJobs>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

#[async_trait]
impl Queue for InProcess {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        let (lane, capacity) = (job.lane, self.options.capacity);
        let pushed = self.lanes().entry(lane).or_default().push(job, capacity, Instant::now());
        if pushed == Some(Pushed::New) {
            self.changed.notify_waiters();
        }
        pushed.ok_or(QueueError::Full { lane, capacity })
    }

    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        loop {
            // Listen, then look: a change in between is not missed, since this hears of all changes from here on.
            let changed = self.changed.notified();
            let leased =
                self.lanes().entry(lane).or_default().lease(self.options.timing.lease(), Instant::now());
            match leased {
                Ok(lease) => return Ok(lease),
                Err(None) => changed.await,
                Err(Some(next)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(next) => {}
                },
            }
        }
    }

    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        let by = self.options.timing.lease();
        Ok(self.lanes().entry(lease.job.lane).or_default().extend(lease, by, Instant::now()))
    }

    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        let standing =
            self.lanes().entry(lease.job.lane).or_default().settle(lease, &verdict, Instant::now());
        self.changed.notify_waiters();
        Ok(standing)
    }

    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        Ok(self.lanes().entry(lane).or_default().depth(Instant::now()))
    }

    fn timing(&self) -> LeaseTiming {
        self.options.timing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn endless_waits_do_not_overflow() {
        let queue = InProcess::default();
        let job = Job { kind: String::new(), lane: Lane::Count, key: String::new(), args: String::new() };
        queue.push(job).await.unwrap();
        let lease = queue.lease(Lane::Count).await.unwrap();
        let verdict = Verdict::Retry { after: Duration::MAX };
        assert_eq!(queue.settle(&lease, verdict).await.unwrap(), Standing::Held);
        assert_eq!(queue.depth(Lane::Count).await.unwrap().delayed, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn released_jobs_keep_their_place_and_retried_ones_do_not() {
        let queue = InProcess::default();
        for key in ["a", "b", "c"] {
            let (kind, args) = (String::new(), String::new());
            queue.push(Job { kind, lane: Lane::Count, key: key.to_owned(), args }).await.unwrap();
        }
        let mut order = Vec::new();
        for verdict in [Verdict::Release, Verdict::Retry { after: Duration::ZERO }] {
            let lease = queue.lease(Lane::Count).await.unwrap();
            order.push(lease.job.key.clone());
            assert_eq!(queue.settle(&lease, verdict).await.unwrap(), Standing::Held);
        }
        for _ in 0..3 {
            order.push(queue.lease(Lane::Count).await.unwrap().job.key);
        }
        assert_eq!(order, ["a", "a", "b", "c", "a"]);
    }

    #[test]
    fn bad_timing_says_what_to_change() {
        let bad = LeaseTiming::new(Duration::from_secs(20), Duration::from_secs(10)).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "a lease of 20s cannot be kept by extending it every 10s: extend at least three times per lease, \
             so extend every 6.666666666s or lease for 30s"
        );
        assert!(LeaseTiming::new(Duration::from_secs(30), Duration::from_secs(10)).is_ok());
        assert!(LeaseTiming::new(Duration::from_secs(30), Duration::ZERO).is_err());
    }
}
