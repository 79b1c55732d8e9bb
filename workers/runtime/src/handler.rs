//! Handlers, and the list of them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use camcount_domain::{Failure, Job, JobArgs};
use tokio_util::sync::CancellationToken;

/// The circumstances of one run of a job.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which attempt this is, from 1. Earlier ones failed, or their worker died.
    pub attempt: u32,
    /// Set when the run is to end soon without a result: the process stops, or the lease is lost.
    pub cancel: CancellationToken,
}

/// The run was cancelled before it had a result.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

/// What one kind of job does.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// What it is told.
    type Args: JobArgs;

    /// Does the work. May run twice, at once or a day later: the second run changes nothing.
    ///
    /// # Errors
    /// A [`Failure`], which states what is to become of the job.
    async fn run(&self, args: Self::Args, run: Run) -> Result<(), Failure>;
}

/// A handler behind its kind's name.
#[async_trait]
trait AnyHandler: Send + Sync {
    async fn run_json(&self, args: &str, run: Run) -> Result<(), Failure>;
}

#[async_trait]
impl<H: Handler> AnyHandler for H {
    async fn run_json(&self, args: &str, run: Run) -> Result<(), Failure> {
        let kind = H::Args::KIND;
        let args = serde_json::from_str(args).map_err(|source| Failure::discard(BadArgs { kind, source }))?;
        self.run(args, run).await
    }
}

/// A job says something else than its kind does.
#[derive(Debug, thiserror::Error)]
#[error("the arguments are not those of a {kind} job; was it published by another version of camcount?")]
struct BadArgs {
    kind: &'static str,
    source: serde_json::Error,
}

/// No handler is known for a kind of job.
#[derive(Debug, thiserror::Error)]
#[error("jobs of kind {kind} are unknown to this version of camcount")]
struct UnknownKind {
    kind: String,
}

/// The kinds of jobs that a process can run.
#[derive(Clone, Default)]
pub struct Handlers {
    by_kind: BTreeMap<&'static str, Arc<dyn AnyHandler>>,
}

impl Handlers {
    /// These and `handler`.
    #[must_use]
    pub fn with<H: Handler>(mut self, handler: H) -> Self {
        self.by_kind.insert(H::Args::KIND, Arc::new(handler));
        self
    }

    /// Runs a job by its kind's handler.
    pub(crate) async fn run(&self, job: &Job, run: Run) -> Result<(), Failure> {
        match self.by_kind.get(job.kind.as_str()) {
            Some(handler) => handler.run_json(&job.args, run).await,
            None => Err(Failure::discard(UnknownKind { kind: job.kind.clone() })),
        }
    }
}
