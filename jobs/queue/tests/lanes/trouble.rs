//! Brokers that end, forget, stall or cannot be reached under a worker, which goes on when they are back.

use std::{sync::Arc, time::Duration};

use apalis::{layers::WorkerBuilderExt, prelude::ParallelizeExt};
use apalis_core::{
    error::{BoxDynError, WorkerError},
    task::data::Data,
    worker::builder::WorkerBuilder,
};
use camcount_queue::{LaneBackend, Lease, Pushed, Queue, QueueError, Standing, Verdict, connect};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    servers::{Broker, LEASE, Line, STUCK, Server, options, url},
    worker::{LANE, job},
};

/// Key and attempt of every run.
type Runs = watch::Sender<Vec<(String, u32)>>;

/// A worker that does nothing, at once, and says so for as long as it takes.
pub(crate) struct Worker {
    runs: watch::Receiver<Vec<(String, u32)>>,
    worker: JoinHandle<Result<(), WorkerError>>,
}

async fn work(lease: Lease, runs: Data<Arc<Runs>>, queue: Data<Arc<dyn Queue>>) -> Result<(), BoxDynError> {
    runs.send_modify(|runs| runs.push((lease.job.key.clone(), lease.attempt)));
    while queue.settle(&lease, Verdict::Done).await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

impl Worker {
    pub(crate) fn start(queue: &Arc<dyn Queue>) -> Self {
        let (send, runs) = watch::channel(Vec::new());
        let worker = WorkerBuilder::new("patient")
            .backend(LaneBackend::new(Arc::clone(queue), LANE))
            .data(Arc::new(send))
            .data(Arc::clone(queue))
            .concurrency(2)
            .parallelize(tokio::spawn)
            .build(work);
        Self { runs, worker: tokio::spawn(worker.run()) }
    }

    /// Waits until each of these jobs has run.
    pub(crate) async fn has_run(&mut self, names: &[&str]) {
        let keys: Vec<_> = names.iter().map(|name| job(name).key).collect();
        let all = self.runs.wait_for(|runs| keys.iter().all(|key| runs.iter().any(|run| run.0 == *key)));
        let all = timeout(STUCK, all).await.map(|runs| runs.unwrap().clone());
        all.unwrap_or_else(|_| panic!("{names:?} do not all run: {:?}", *self.runs.borrow()));
        assert!(!self.worker.is_finished(), "the worker has ended");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// Pushes until the broker takes it, as the reconciler does.
pub(crate) async fn push(queue: &Arc<dyn Queue>, name: &str) -> Pushed {
    let pushing = async {
        loop {
            match queue.push(job(name)).await {
                Ok(pushed) => return pushed,
                Err(QueueError::Unavailable { .. }) => sleep(Duration::from_millis(50)).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    timeout(STUCK, pushing).await.expect("the broker takes nothing")
}

pub(crate) async fn lease(queue: &Arc<dyn Queue>) -> Lease {
    timeout(STUCK, async {
        loop {
            if let Ok(lease) = queue.lease(LANE).await {
                return lease;
            }
        }
    })
    .await
    .expect("a job is due, and nobody gets it")
}

/// What the broker says about a lease, once it says anything.
async fn standing(queue: &Arc<dyn Queue>, lease: &Lease) -> Standing {
    timeout(STUCK, async {
        loop {
            match queue.extend(lease).await {
                Ok(standing) => return standing,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await
    .expect("nobody knows about the lease")
}

async fn a_restart_is_survived_and_loses_nothing(broker: Broker) {
    let mut server = Server::start(broker).await;
    let queue = server.queue(options("test")).await;
    push(&queue, "done").await;
    let done = lease(&queue).await;
    assert_eq!(queue.settle(&done, Verdict::Done).await.unwrap(), Standing::Held);
    push(&queue, "delayed").await;
    let delayed = lease(&queue).await;
    let retry = Verdict::Retry { after: LEASE };
    assert_eq!(queue.settle(&delayed, retry).await.unwrap(), Standing::Held);
    push(&queue, "waiting").await;
    server.stop();
    queue.push(job("early")).await.expect_err("nobody is there to take it");
    server.restart().await;
    assert_eq!(push(&queue, "waiting").await, Pushed::Duplicate);
    let mut worker = Worker::start(&queue);
    worker.has_run(&["waiting", "delayed"]).await;

    let mut runs = worker.runs.borrow().clone();
    // That nobody heard of it does not mean that nobody did.
    runs.retain(|(key, _)| *key != job("early").key);
    runs.sort();
    assert_eq!(runs, [("delayed", 2), ("waiting", 1)].map(|(name, attempt)| (job(name).key, attempt)));

    // Under the worker, and without a warning to the broker.
    server.kill();
    server.restart().await;
    push(&queue, "later").await;
    worker.has_run(&["later"]).await;
    drop(worker);
    push(&queue, "taken").await;
    server.kill();
    server.restart().await;
    if broker == Broker::Redis {
        // It writes late while its disk is slow, and then forgets the last two seconds.
        push(&queue, "taken").await;
    }
    Worker::start(&queue).has_run(&["taken"]).await;
}

async fn a_wipe_is_survived(broker: Broker) {
    let mut server = Server::start(broker).await;
    let queue = server.queue(options("test")).await;
    push(&queue, "lost").await;
    let running = lease(&queue).await;
    let mut worker = Worker::start(&queue);
    push(&queue, "before").await;
    worker.has_run(&["before"]).await;
    server.kill();
    server.restart_empty().await;
    push(&queue, "after").await;
    worker.has_run(&["after"]).await;
    // Whoever still works on what was lost hears of it and leaves it to another.
    assert_eq!(standing(&queue, &running).await, Standing::Lapsed);
    assert_eq!(push(&queue, "lost").await, Pushed::New);
    worker.has_run(&["lost"]).await;
}

async fn a_cut_line_is_survived(broker: Broker) {
    let server = Server::start(broker).await;
    let mut line = Line::to(server.port).await;
    let queue = connect(&url(broker, line.port), options("test")).await.unwrap();
    let elsewhere = server.queue(options("test")).await;
    let mut worker = Worker::start(&queue);
    for name in ["a", "b", "c"] {
        push(&elsewhere, name).await;
        worker.has_run(&[name]).await;
        line.cut().await;
        let meanwhile = format!("{name}, while cut off");
        push(&elsewhere, &meanwhile).await;
        line.mend().await;
        worker.has_run(&[&meanwhile]).await;
    }
}

async fn a_stalled_broker_is_survived(broker: Broker) {
    let server = Server::start(broker).await;
    let queue = server.queue(options("test")).await;
    push(&queue, "held").await;
    let held = lease(&queue).await;
    let mut worker = Worker::start(&queue);
    push(&queue, "before").await;
    worker.has_run(&["before"]).await;
    server.stall();
    let asked = Instant::now();
    queue.push(job("during")).await.expect_err("nobody answers");
    assert!(asked.elapsed() < STUCK / 2, "it waits for {:?}", asked.elapsed());
    server.go_on();
    push(&queue, "after").await;
    worker.has_run(&["held", "during", "after"]).await;
    assert_eq!(standing(&queue, &held).await, Standing::Lapsed, "the stall was longer than the lease");
}

async fn processes_share_a_lane(broker: Broker) {
    let server = Server::start(broker).await;
    let (one, other) = (server.queue(options("test")).await, server.queue(options("test")).await);
    let apart = server.queue(options("apart")).await;
    assert_eq!(push(&one, "a").await, Pushed::New);
    assert_eq!(push(&other, "a").await, Pushed::Duplicate);
    assert_eq!(push(&apart, "a").await, Pushed::New, "another name is another lane");
    let leased = lease(&other).await;
    assert_eq!(one.depth(LANE).await.unwrap().running, 1);
    // A lease is its process's, but a lapsed one is anybody's.
    assert_eq!(lease(&one).await.attempt, 2);
    assert_eq!(other.settle(&leased, Verdict::Done).await.unwrap(), Standing::Lapsed);
    assert_eq!(one.depth(LANE).await.unwrap().total(), 1);
}

macro_rules! both {
    ($($rule:ident)*) => {
        mod jetstream {
            $(#[tokio::test] async fn $rule() { super::$rule(super::Broker::Nats).await; })*
        }
        mod redis_streams {
            $(#[tokio::test] async fn $rule() { super::$rule(super::Broker::Redis).await; })*
        }
    };
}

both! {
    a_restart_is_survived_and_loses_nothing
    a_wipe_is_survived
    a_cut_line_is_survived
    a_stalled_broker_is_survived
    processes_share_a_lane
}
