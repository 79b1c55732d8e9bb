//! A lane under a real apalis worker.
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use apalis::{layers::WorkerBuilderExt, prelude::ParallelizeExt};
use apalis_core::{
    error::BoxDynError,
    task::{attempt::Attempt, data::Data},
    worker::{builder::WorkerBuilder, context::WorkerContext},
};
use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use camcount_queue::{
    Depth, LaneBackend, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Verdict,
    conformance::Harness,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    brokers::{Paused, Real},
    servers::{Broker, STUCK},
};

pub(crate) const LANE: Lane = Lane::Count;

pub(crate) fn job(name: impl std::fmt::Display) -> Job {
    Job { kind: "test.v1".into(), lane: LANE, key: format!("test.v1/{name}"), args: "{}".into() }
}

async fn filled(harness: &impl Harness, jobs: usize) -> Arc<dyn Queue> {
    let queue = harness.queue().await;
    for n in 0..jobs {
        queue.push(job(n)).await.unwrap();
    }
    queue
}

/// What the handler shares with its test.
#[derive(Clone)]
pub(crate) struct Bench {
    queue: Arc<dyn Queue>,
    /// Who has started; its context can stop the worker.
    started: mpsc::UnboundedSender<(Lease, WorkerContext)>,
    /// A job ends when it gets a permit.
    pub(crate) go: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

async fn work(
    lease: Lease,
    attempt: Attempt,
    worker: WorkerContext,
    bench: Data<Bench>,
) -> Result<(), BoxDynError> {
    assert_eq!(attempt.current(), lease.attempt as usize);
    let running = bench.running.fetch_add(1, SeqCst) + 1;
    bench.most.fetch_max(running, SeqCst);
    bench.started.send((lease.clone(), worker))?;
    bench.go.acquire().await?.forget();
    bench.running.fetch_sub(1, SeqCst);
    assert_eq!(bench.queue.settle(&lease, Verdict::Done).await?, Standing::Held);
    Ok(())
}

pub(crate) struct Running {
    pub(crate) bench: Bench,
    started: mpsc::UnboundedReceiver<(Lease, WorkerContext)>,
    worker: JoinHandle<Result<(), apalis_core::error::WorkerError>>,
}

/// A worker with `slots` slots on `queue`.
pub(crate) fn start(queue: &Arc<dyn Queue>, slots: usize) -> Running {
    let (send, started) = mpsc::unbounded_channel();
    let bench = Bench {
        queue: Arc::clone(queue),
        started: send,
        go: Arc::new(Semaphore::new(0)),
        running: Arc::default(),
        most: Arc::default(),
    };
    let worker = WorkerBuilder::new("bench")
        .backend(LaneBackend::new(Arc::clone(queue), LANE))
        .data(bench.clone())
        .concurrency(slots)
        .parallelize(tokio::spawn)
        .build(work);
    Running { bench, started, worker: tokio::spawn(worker.run()) }
}

impl Running {
    pub(crate) async fn next_start(&mut self) -> (Lease, WorkerContext) {
        timeout(STUCK, self.started.recv()).await.expect("no job starts").unwrap()
    }

    /// Waits until nothing moves any more: under paused time a sleep ends when everyone else waits.
    async fn settle_down(&self, harness: &impl Harness) {
        tokio::time::sleep(harness.patience()).await;
    }

    pub(crate) async fn ends(self) {
        timeout(STUCK, self.worker).await.expect("the worker does not stop").unwrap().unwrap();
    }
}

async fn depth(queue: &Arc<dyn Queue>) -> (usize, usize) {
    let depth = queue.depth(LANE).await.unwrap();
    (depth.waiting, depth.running)
}

async fn leases_are_bounded_by_free_slots(harness: &impl Harness) {
    let queue = filled(harness, 10).await;
    let mut running = start(&queue, 3);
    for _ in 0..3 {
        running.next_start().await;
    }
    running.settle_down(harness).await;
    assert_eq!(depth(&queue).await, (7, 3), "a job is leased that has no slot");
    running.bench.go.add_permits(10);
    let mut last = None;
    for _ in 0..7 {
        last = Some(running.next_start().await);
    }
    running.settle_down(harness).await;
    assert_eq!(running.bench.most.load(SeqCst), 3);
    assert_eq!(depth(&queue).await, (0, 0));
    last.unwrap().1.stop().unwrap();
    running.ends().await;
}

async fn stopping_finishes_what_runs_and_starts_nothing_more(harness: &impl Harness) {
    let queue = filled(harness, 5).await;
    let mut running = start(&queue, 2);
    let (_, worker) = running.next_start().await;
    running.next_start().await;
    worker.stop().unwrap();
    running.settle_down(harness).await;
    assert!(!running.worker.is_finished(), "it must wait for what runs");
    assert_eq!(depth(&queue).await, (3, 2));
    running.bench.go.add_permits(5);
    running.ends().await;
    assert_eq!(depth(&queue).await, (3, 0), "what had not started waits for another worker");
    assert_eq!(queue.lease(LANE).await.unwrap().attempt, 1);
}

async fn an_idle_worker_stops_at_once(harness: &impl Harness) {
    let queue = filled(harness, 1).await;
    let mut running = start(&queue, 2);
    running.bench.go.add_permits(1);
    let (_, worker) = running.next_start().await;
    running.settle_down(harness).await;
    worker.stop().unwrap();
    running.ends().await;
}

/// A queue that does first what its script says.
struct Scripted {
    inner: Arc<dyn Queue>,
    script: Mutex<VecDeque<Act>>,
    asked: AtomicUsize,
}

enum Act {
    Fail,
    /// Stops this worker while the lease is on its way to it.
    StopFirst(WorkerContext),
}

#[async_trait]
impl Queue for Scripted {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        self.inner.push(job).await
    }
    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        self.asked.fetch_add(1, SeqCst);
        let act = self.script.lock().unwrap().pop_front();
        match act {
            Some(Act::Fail) => Err(QueueError::Unavailable {
                action: "lease",
                lane,
                broker: "the broker at nowhere:4222".to_owned(),
                source: "connection refused".into(),
            }),
            Some(Act::StopFirst(worker)) => {
                let lease = self.inner.lease(lane).await;
                worker.stop().unwrap();
                lease
            }
            None => self.inner.lease(lane).await,
        }
    }
    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        self.inner.extend(lease).await
    }
    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        self.inner.settle(lease, verdict).await
    }
    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        self.inner.depth(lane).await
    }
    fn timing(&self) -> LeaseTiming {
        self.inner.timing()
    }
}

fn scripted(inner: Arc<dyn Queue>, script: impl IntoIterator<Item = Act>) -> Arc<Scripted> {
    let script = Mutex::new(script.into_iter().collect());
    Arc::new(Scripted { inner, script, asked: AtomicUsize::new(0) })
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_queue_is_survived_without_hammering() {
    let scripted = scripted(filled(&Paused, 2).await, (0..10).map(|_| Act::Fail));
    let queue: Arc<dyn Queue> = Arc::clone(&scripted) as _;
    let mut running = start(&queue, 2);
    running.bench.go.add_permits(2);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let asked = scripted.asked.load(SeqCst);
    assert!((3..12).contains(&asked), "asked {asked} times in ten seconds of trouble");
    running.next_start().await;
    let (lease, worker) = running.next_start().await;
    assert_eq!(lease.attempt, 1);
    running.settle_down(&Paused).await;
    worker.stop().unwrap();
    running.ends().await;
    assert_eq!(depth(&queue).await, (0, 0));
}

async fn a_lease_that_comes_while_stopping_is_given_back(harness: &impl Harness) {
    let inner = filled(harness, 2).await;
    let scripted = scripted(Arc::clone(&inner), []);
    let queue: Arc<dyn Queue> = Arc::clone(&scripted) as _;
    let mut running = start(&queue, 1);
    let (_, worker) = running.next_start().await;
    scripted.script.lock().unwrap().push_back(Act::StopFirst(worker));
    running.bench.go.add_permits(2);
    running.ends().await;
    assert_eq!(inner.depth(LANE).await.unwrap().total(), 1, "it is neither run nor lost");
    assert_eq!(inner.lease(LANE).await.unwrap().attempt, 1);
}

async fn a_panic_ends_its_job_and_not_the_worker(harness: &impl Harness) {
    async fn panics_once(lease: Lease, worker: WorkerContext, queue: Data<Arc<dyn Queue>>) {
        if lease.attempt == 1 {
            panic!("the decoder lost its head");
        }
        let standing = queue.settle(&lease, Verdict::Done).await.unwrap();
        assert_eq!(standing, Standing::Held);
        worker.stop().unwrap();
    }
    let queue = filled(harness, 1).await;
    let worker = WorkerBuilder::new("bench")
        .backend(LaneBackend::new(Arc::clone(&queue), LANE))
        .data(Arc::clone(&queue))
        .catch_panic()
        .concurrency(1)
        .build(panics_once);
    // Nobody settled the first attempt: the job comes back when its lease has lapsed.
    timeout(STUCK, worker.run()).await.unwrap().unwrap();
    assert_eq!(depth(&queue).await, (0, 0));
}

/// The rules above, for a queue.
macro_rules! worker_rules {
    (@each [$harness:expr] [$($attr:tt)+]) => {};
    (@each [$harness:expr] [$($attr:tt)+] $rule:ident $($rest:ident)*) => {
        $($attr)+
        async fn $rule() {
            super::$rule(&$harness).await;
        }
        worker_rules! { @each [$harness] [$($attr)+] $($rest)* }
    };
    ($harness:expr, $($attr:tt)+) => {
        worker_rules! { @each [$harness] [$($attr)+]
            leases_are_bounded_by_free_slots
            stopping_finishes_what_runs_and_starts_nothing_more
            an_idle_worker_stops_at_once
            a_lease_that_comes_while_stopping_is_given_back
            a_panic_ends_its_job_and_not_the_worker
        }
    };
}

mod in_process {
    worker_rules! { super::Paused, #[tokio::test(start_paused = true)] }
}

mod jetstream {
    worker_rules! { super::Real::new(super::Broker::Nats), #[tokio::test] }
}

mod redis_streams {
    worker_rules! { super::Real::new(super::Broker::Redis), #[tokio::test] }
}
