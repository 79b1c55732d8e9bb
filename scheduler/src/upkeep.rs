//! Upkeep: jobs that are due by the clock. What was due last is in the store, so any number of schedulers may ask, at
//! any time, and whoever was away makes up for what he missed.

use std::sync::Arc;

use camcount_domain::{Job, JobArgs, Priority, WallTime};
use camcount_queue::{Pushed, Queue, QueueError};
use camcount_store::UpkeepTimes;

use crate::{CronExpression, ReconcileError};

/// A kind of job and when it is due.
#[derive(Clone)]
pub struct Upkeep {
    kind: &'static str,
    expression: CronExpression,
    job: Arc<dyn Fn(WallTime) -> Result<Job, serde_json::Error> + Send + Sync>,
}

impl Upkeep {
    /// Jobs that are due by `expression`, with the arguments of the one that is due at a time.
    #[must_use]
    pub fn of<A: JobArgs>(
        expression: CronExpression,
        args: impl Fn(WallTime) -> A + Send + Sync + 'static,
    ) -> Self {
        let job = move |due| args(due).to_job(Priority::Live);
        Self { kind: A::KIND, expression, job: Arc::new(job) }
    }

    /// Publishes the job if it is due; returns whether the queue did not have it yet.
    ///
    /// Its key names the time at which it was due, so two who publish it at once publish it once, and one who is killed
    /// before he could note it does so again.
    ///
    /// # Errors
    /// When the store or the queue fails. A full lane is no failure: it is published later.
    pub async fn publish(
        &self,
        store: &(impl UpkeepTimes + ?Sized),
        queue: &dyn Queue,
        now: WallTime,
    ) -> Result<bool, ReconcileError> {
        let last = store.last_due(self.kind).await?;
        let Some(due) = self.expression.due(last, now) else { return Ok(false) };
        let pushed = match queue.push((self.job)(due)?).await {
            Ok(pushed) => pushed,
            Err(QueueError::Full { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        store.note_due(self.kind, due).await?;
        tracing::debug!(kind = self.kind, %due, "upkeep is due");
        Ok(pushed == Pushed::New)
    }
}
