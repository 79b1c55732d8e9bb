//! The pools: one apalis worker for each slot of each lane.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apalis::{layers::WorkerBuilderExt, prelude::ParallelizeExt};
use apalis_core::{error::BoxDynError, monitor::Monitor, task::data::Data, worker::builder::WorkerBuilder};
use camcount_domain::Lane;
use camcount_queue::{LaneBackend, Lease, Queue};
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{Handlers, lease::LeaseRunner};

/// How jobs are run.
#[derive(Clone, Debug)]
pub struct WorkersOptions {
    /// The lanes that are worked on, and how many jobs of each at a time. None at all is fine.
    pub slots: Vec<(Lane, usize)>,
    /// How often a job may fail before it is given up. At least 4, for segments to be quarantined before that
    /// whose detection never comes back.
    pub attempts: u32,
    /// The longest wait before a failed job is tried again.
    pub longest_backoff: Duration,
    /// A job that runs for longer has failed.
    pub longest_run: Duration,
    /// How long running jobs may take to end when the workers are to stop; then they are cancelled.
    pub drain: Duration,
}

impl Default for WorkersOptions {
    fn default() -> Self {
        Self {
            slots: Lane::ALL.map(|lane| (lane, 1)).to_vec(),
            attempts: 5,
            longest_backoff: Duration::from_secs(30),
            longest_run: Duration::from_secs(3600),
            drain: Duration::from_secs(10),
        }
    }
}

/// What became of one run of a job, by the job's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// It succeeded.
    Done {
        /// Which job.
        key: String,
    },
    /// It failed and will be tried again.
    Failed {
        /// Which job.
        key: String,
        /// Why.
        reason: String,
    },
    /// Something it needs is missing; it will be tried again.
    Deferred {
        /// Which job.
        key: String,
        /// What is missing.
        reason: String,
    },
    /// It failed for good.
    GivenUp {
        /// Which job.
        key: String,
        /// Why.
        reason: String,
    },
    /// It was stopped and given back.
    Released {
        /// Which job.
        key: String,
    },
}

impl JobEnd {
    /// The word that metrics use.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Deferred { .. } => "deferred",
            Self::GivenUp { .. } => "given_up",
            Self::Released { .. } => "released",
        }
    }
}

/// Workers at work. Dropping them cancels their jobs.
pub struct Workers {
    drain: Duration,
    /// Take no more jobs.
    stop: CancellationToken,
    /// End the running ones.
    cancel: CancellationToken,
    ended: broadcast::Sender<JobEnd>,
    running: Arc<AtomicUsize>,
    monitor: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts workers on the lanes of `queue`.
    #[must_use]
    pub fn start(queue: &Arc<dyn Queue>, handlers: Handlers, options: WorkersOptions) -> Self {
        /// Ends that a slow listener may be behind by; it then misses some, and looks at the store instead.
        const ENDS: usize = 1024;
        let (stop, cancel) = (CancellationToken::new(), CancellationToken::new());
        let (ended, _) = broadcast::channel(ENDS);
        let running = Arc::new(AtomicUsize::new(0));
        let runner = Arc::new(LeaseRunner {
            running: Arc::clone(&running),
            queue: Arc::clone(queue),
            handlers,
            options: options.clone(),
            cancel: cancel.clone(),
            ended: ended.clone(),
        });
        let mut monitor = Monitor::new();
        // A worker waits for one lease at a time. As many workers as slots wait together, and a broker is asked once
        // for all of them.
        let slots =
            options.slots.into_iter().flat_map(|(lane, slots)| (0..slots).map(move |slot| (lane, slot)));
        for (lane, slot) in slots {
            let (queue, runner) = (Arc::clone(queue), Arc::clone(&runner));
            monitor = monitor.register(move |_| {
                WorkerBuilder::new(format!("{}/{slot}", lane.as_str()))
                    .backend(LaneBackend::new(Arc::clone(&queue), lane))
                    .data(Arc::clone(&runner))
                    .concurrency(1)
                    .parallelize(tokio::spawn)
                    .build(work)
            });
        }
        let stopped = stop.clone();
        let monitor = tokio::spawn(async move {
            let signal = async move {
                stopped.cancelled().await;
                Ok(())
            };
            if let Err(error) = monitor.run_with_signal(signal).await {
                tracing::error!(%error, "the workers ended");
            }
        });
        Self { drain: options.drain, stop, cancel, ended, running, monitor: Some(monitor) }
    }

    /// Hears of every job that ends from now on.
    #[must_use]
    pub fn ends(&self) -> broadcast::Receiver<JobEnd> {
        self.ended.subscribe()
    }

    /// How many jobs run now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// A token that ends the running jobs at once, for the impatient.
    #[must_use]
    pub fn cancel_token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Stops in two stages: no job is started any more, and when those that run have not ended in the time to
    /// drain, they are cancelled and given back.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let Some(mut monitor) = self.monitor.take() else { return };
        tokio::select! {
            _ = &mut monitor => return,
            () = tokio::time::sleep(self.drain) => tracing::info!("cancelling the jobs that still run"),
            () = self.cancel.cancelled() => {}
        }
        self.cancel.cancel();
        // A panic of the monitor was logged where it happened.
        let _ = monitor.await;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
        self.cancel.cancel();
    }
}

/// What apalis runs: the lease and its verdict are our own, so there is nothing left to fail.
async fn work(lease: Lease, runner: Data<Arc<LeaseRunner>>) -> Result<(), BoxDynError> {
    runner.run(&lease).await;
    Ok(())
}
