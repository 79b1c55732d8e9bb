//! From what the store says is missing to jobs in the queue.

use std::sync::Arc;

use camcount_domain::{JobArgs, Priority};
use camcount_queue::{Pushed, Queue, QueueError};
use camcount_store::{Scope, Store, StoreError};
use futures::{StreamExt, stream};

/// Jobs that the queue is asked to take at a time. It answers each within a millisecond or so, and thousands may be due.
const AT_ONCE: usize = 64;

/// What one tick found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Passes whose next segment can be folded.
    pub counts: usize,
    /// Segments whose detections are waited for.
    pub detections: usize,
    /// Jobs that the queue did not have yet.
    pub pushed: usize,
}

/// Why a tick did not get through. The next one makes up for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The store failed.
    #[error("what is due could not be looked up")]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error("a job could not be published")]
    Queue(#[from] QueueError),
    /// A job's arguments have no JSON form.
    #[error("a job could not be written")]
    Args(#[from] serde_json::Error),
}

/// Publishes what is due.
#[derive(Clone)]
pub struct Reconciler {
    store: Arc<dyn Store>,
    queue: Arc<dyn Queue>,
    ahead: u32,
}

impl Reconciler {
    /// Detection of a pass runs at most `ahead` segments ahead of its counting.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, queue: Arc<dyn Queue>, ahead: u32) -> Self {
        Self { store, queue, ahead }
    }

    /// Publishes the jobs that passes in `scope` wait for, in the lanes of `priority`. Jobs that the queue has already stay as they are;
    /// when a lane is full, the rest is left to a later tick.
    ///
    /// It looks twice, and work goes on in between: that it found nothing due does not say that all is finished.
    ///
    /// # Errors
    /// When the store or the queue fails.
    pub async fn tick(&self, scope: Scope<'_>, priority: Priority) -> Result<Due, ReconcileError> {
        // In this order: a segment that is detected meanwhile is seen in either or both.
        let detections = self.store.due_detections(scope, self.ahead).await?;
        let counts = self.store.due_counts(scope).await?;
        let mut due = Due { counts: counts.len(), detections: detections.len(), pushed: 0 };
        due.pushed += self.publish(&counts, priority).await?;
        due.pushed += self.publish(&detections, priority).await?;
        tracing::trace!(?due, "reconciled");
        Ok(due)
    }

    async fn publish<A: JobArgs>(&self, jobs: &[A], priority: Priority) -> Result<usize, ReconcileError> {
        let jobs = jobs.iter().map(|job| job.to_job(priority)).collect::<Result<Vec<_>, _>>()?;
        let mut pushing = stream::iter(jobs).map(|job| self.queue.push(job)).buffered(AT_ONCE);
        let mut pushed = 0;
        while let Some(answer) = pushing.next().await {
            match answer {
                Ok(Pushed::New) => pushed += 1,
                Ok(Pushed::Duplicate) => {}
                Err(QueueError::Full { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(pushed)
    }
}
