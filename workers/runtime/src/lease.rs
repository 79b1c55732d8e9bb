//! One lease from start to verdict: the job runs on a task of its own, so that a panic ends nothing else, and
//! its lease is extended for as long as it runs. When the run ends, so does the job, one way or another.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use camcount_domain::{Decision, Failure};
use camcount_queue::{Lease, Queue, Standing, Verdict, backoff};
use tokio::{sync::broadcast, task::JoinError, time::sleep};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument;

use crate::{Handlers, JobEnd, Run, WorkersOptions, trouble};

/// How long a cancelled job may take to end by itself. Jobs that look at their token need a moment.
const GRACE: Duration = Duration::from_secs(5);

/// Everything that running a lease takes.
pub(crate) struct LeaseRunner {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) handlers: Handlers,
    pub(crate) options: WorkersOptions,
    /// Cancels every running job.
    pub(crate) cancel: CancellationToken,
    pub(crate) ended: broadcast::Sender<JobEnd>,
    /// How many jobs run now.
    pub(crate) running: Arc<AtomicUsize>,
}

/// Counts a job for as long as it runs.
struct Counted<'r>(&'r AtomicUsize);

impl<'r> Counted<'r> {
    fn of(running: &'r AtomicUsize) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a run ended without the handler's word.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the job panicked: {0}")]
    Panic(String),
    #[error("the job was stopped")]
    Stopped,
    #[error("the job ran for longer than {} s", .0.as_secs())]
    TooLong(Duration),
}

/// Tells how a run ended, by kind and not by key, of which there is no end.
fn measure(lease: &Lease, outcome: &'static str, started: Instant) {
    let (kind, lane) = (lease.job.kind.clone(), lease.job.lane.as_str());
    if lease.attempt > 1 {
        metrics::counter!("camcount_redeliveries_total", "lane" => lane).increment(1);
    }
    metrics::histogram!("camcount_job_seconds", "kind" => kind.clone(), "lane" => lane)
        .record(started.elapsed().as_secs_f64());
    metrics::counter!("camcount_jobs_total", "kind" => kind, "lane" => lane, "outcome" => outcome)
        .increment(1);
}

impl LeaseRunner {
    /// Runs the leased job and settles the lease.
    #[tracing::instrument(name = "job", skip_all, fields(kind = lease.job.kind, key = lease.job.key, attempt = lease.attempt))]
    pub(crate) async fn run(&self, lease: &Lease) {
        let _running = Counted::of(&self.running);
        let started = Instant::now();
        let outcome = tokio::select! {
            outcome = self.handled(lease) => outcome,
            () = self.kept_until_lost(lease) => {
                // Another worker may have it by now; whatever this one still stores is fenced there.
                tracing::warn!("lost the lease; the job runs elsewhere");
                measure(lease, "lost", started);
                return;
            }
        };
        let (verdict, end) = self.verdict(lease, outcome);
        measure(lease, end.word(), started);
        self.settle(lease, verdict).await;
        // Nobody listening is fine.
        let _ = self.ended.send(end);
    }

    async fn handled(&self, lease: &Lease) -> Result<(), Failure> {
        let cancel = self.cancel.child_token();
        let (handlers, job) = (self.handlers.clone(), lease.job.clone());
        let run = Run { attempt: lease.attempt, cancel: cancel.clone() };
        let work = async move { handlers.run(&job, run).await };
        let mut task = AbortOnDropHandle::new(tokio::spawn(work.instrument(tracing::Span::current())));
        // Threads cannot be aborted: they look at the token.
        let _cancel = cancel.drop_guard();
        let longest = self.options.longest_run;
        tokio::select! {
            biased;
            ended = &mut task => ended.unwrap_or_else(|error| Err(Failure::retry(Broken::from(error)))),
            () = sleep(longest) => Err(Failure::retry(Broken::TooLong(longest))),
            () = self.cancelled_in_vain() => Err(Failure::retry(Broken::Stopped)),
        }
    }

    async fn cancelled_in_vain(&self) {
        self.cancel.cancelled().await;
        sleep(GRACE).await;
    }

    /// Extends the lease for as long as that works; returns when it is lost.
    async fn kept_until_lost(&self, lease: &Lease) {
        let every = self.queue.timing().extend_every();
        let mut wait = every;
        loop {
            sleep(wait).await;
            wait = match self.queue.extend(lease).await {
                Ok(Standing::Held) => every,
                Ok(Standing::Lapsed) => return,
                // Soon again, for the time runs out. Even then the job goes on: what it stores is fenced, and as
                // long as the broker is away nobody else can do better.
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, "could not extend the lease; trying again");
                    every / 4
                }
            };
        }
    }

    fn verdict(&self, lease: &Lease, outcome: Result<(), Failure>) -> (Verdict, JobEnd) {
        let key = lease.job.key.clone();
        let failure = match outcome {
            Ok(()) => {
                tracing::debug!("done");
                return (Verdict::Done, JobEnd::Done { key });
            }
            Err(_) if self.cancel.is_cancelled() => {
                tracing::debug!("given back");
                return (Verdict::Release, JobEnd::Released { key });
            }
            Err(failure) => failure,
        };
        let reason = failure.chain();
        match failure.decision {
            Decision::Retry if lease.attempt < self.options.attempts => {
                let after = backoff(lease.attempt, &key).min(self.options.longest_backoff);
                tracing::warn!(reason, wait_ms = after.as_millis() as u64, "failed; trying again");
                (Verdict::Retry { after }, JobEnd::Failed { key, reason })
            }
            Decision::Defer(after) => {
                tracing::warn!(reason, wait_ms = after.as_millis() as u64, "put off");
                (Verdict::Defer { after }, JobEnd::Deferred { key, reason })
            }
            Decision::Retry | Decision::Discard => {
                tracing::error!(reason, "given up");
                (Verdict::Discard { reason: reason.clone() }, JobEnd::GivenUp { key, reason })
            }
        }
    }

    /// Tells the queue, for as long as the lease can still be held.
    async fn settle(&self, lease: &Lease, verdict: Verdict) {
        let telling = async {
            let mut tries = 0;
            loop {
                match self.queue.settle(lease, verdict.clone()).await {
                    Ok(standing) => return standing,
                    Err(error) => {
                        tries += 1;
                        tracing::warn!(
                            error = &error as &dyn Error,
                            "could not settle the lease; trying again"
                        );
                        sleep(backoff(tries, &lease.job.key)).await;
                    }
                }
            }
        };
        let told = tokio::time::timeout(self.queue.timing().lease(), telling).await;
        if told != Ok(Standing::Held) {
            tracing::warn!("the lease lapsed before it was settled; the job runs once more");
        }
    }
}

impl From<JoinError> for Broken {
    fn from(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(payload) => Self::Panic(trouble::words_of_panic(payload)),
            Err(_) => Self::Stopped,
        }
    }
}
