//! Where a lane becomes the source of an apalis worker. It only leases: extending and settling is up to the
//! one who runs the job.

use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{Task, builder::TaskBuilder, task_id::TaskId},
    worker::context::WorkerContext,
};
use camcount_domain::Lane;
use futures::{FutureExt, future::BoxFuture};
use tokio::time::{Sleep, sleep, timeout};
use tower::layer::util::Identity;

use crate::{Lease, Queue, QueueError, Verdict, backoff};

/// The longest wait for a queue in trouble: it is asked again soon after it came back.
const TROUBLE_CAP: Duration = Duration::from_secs(15);

/// The leases of one lane, as tasks of an apalis worker.
///
/// - A lease is taken only when the worker's service is ready, so that a concurrency limit bounds the leases
///   as well and nothing lies in a buffer while its lease runs out.
/// - It has no errors: whatever the queue says is logged, and the queue is asked again after a while.
/// - A lease that comes while the worker is stopping is given back.
pub struct LaneBackend {
    queue: Arc<dyn Queue>,
    lane: Lane,
    step: Step,
    /// How often in a row the queue was in trouble.
    troubles: u32,
}

enum Step {
    Idle,
    Leasing(BoxFuture<'static, Result<Lease, QueueError>>),
    Waiting(Pin<Box<Sleep>>),
    Releasing(BoxFuture<'static, ()>),
}

impl LaneBackend {
    /// The leases of `lane` of `queue`.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, lane: Lane) -> Self {
        Self { queue, lane, step: Step::Idle, troubles: 0 }
    }

    fn lease(&self) -> BoxFuture<'static, Result<Lease, QueueError>> {
        let (queue, lane) = (Arc::clone(&self.queue), self.lane);
        async move { queue.lease(lane).await }.boxed()
    }

    fn trouble(&mut self, error: &QueueError) -> Pin<Box<Sleep>> {
        self.troubles = self.troubles.saturating_add(1);
        let wait = backoff(self.troubles, self.lane.as_str()).min(TROUBLE_CAP);
        tracing::warn!(
            lane = self.lane.as_str(),
            error = error as &(dyn std::error::Error + 'static),
            troubles = self.troubles,
            wait_ms = wait.as_millis() as u64,
            "no lease; asking the queue again"
        );
        Box::pin(sleep(wait))
    }
}

impl Backend for LaneBackend {
    type Task = Task<Lease>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<Lease>, Infallible>>> {
        loop {
            self.step = match &mut self.step {
                Step::Idle => Step::Leasing(self.lease()),
                Step::Waiting(wait) => {
                    ready!(wait.poll_unpin(cx));
                    Step::Idle
                }
                Step::Releasing(release) => {
                    ready!(release.poll_unpin(cx));
                    Step::Idle
                }
                Step::Leasing(lease) => match ready!(lease.poll_unpin(cx)) {
                    Err(error) => Step::Waiting(self.trouble(&error)),
                    Ok(lease) if worker.is_shutting_down() => {
                        self.step = Step::Releasing(release(Arc::clone(&self.queue), lease).boxed());
                        // The worker looks again, sees that it is stopping and closes us.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Ok(lease) => {
                        self.troubles = 0;
                        self.step = Step::Idle;
                        return Poll::Ready(Some(Ok(task(lease))));
                    }
                },
            }
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        if let Step::Releasing(release) = &mut self.step {
            ready!(release.poll_unpin(cx));
        }
        // Leasing is cancel-safe.
        drop(mem::replace(&mut self.step, Step::Idle));
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for LaneBackend {
    type Args = Lease;
    type Id = String;
    type Kind = Ephemeral;
    type Config = Lane;
    type Layer = Identity;

    fn config(&self) -> &Lane {
        &self.lane
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// The worker counts an attempt when it starts one.
fn task(lease: Lease) -> Task<Lease> {
    let id = TaskId::from_string(lease.job.key.clone());
    let attempts_before = lease.attempt.saturating_sub(1) as usize;
    TaskBuilder::new(lease).task_id(id).attempt(attempts_before).build()
}

/// Gives `lease` back; when that fails or takes too long, it lapses.
async fn release(queue: Arc<dyn Queue>, lease: Lease) {
    let given_back = timeout(queue.timing().extend_every(), queue.settle(&lease, Verdict::Release)).await;
    if !matches!(given_back, Ok(Ok(_))) {
        tracing::warn!(
            lane = lease.job.lane.as_str(),
            key = lease.job.key,
            "not given back while stopping; the job starts elsewhere when its lease has run out"
        );
    }
}
