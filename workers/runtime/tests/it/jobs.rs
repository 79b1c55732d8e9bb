//! Jobs that do what a test tells them to, and workers that run them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use camcount_domain::{Failure, JobArgs, Lane, Priority};
use camcount_queue::{Depth, InProcess, Queue};
use camcount_runtime::{Handler, Handlers, JobEnd, Run, Workers, WorkersOptions};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast::Receiver, watch},
    time::{Instant, timeout},
};

pub(crate) const LANE: Lane = Lane::Count;

/// Longer than anything takes; whoever waits longer waits in vain.
pub(crate) const STUCK: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
pub(crate) struct Chore {
    pub(crate) name: String,
}

impl JobArgs for Chore {
    const KIND: &'static str = "chore.v1";

    fn lane(_: Priority) -> Lane {
        LANE
    }

    fn key(&self) -> String {
        self.name.clone()
    }
}

type Script = Box<dyn Fn(String, Run) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// Does what its script says.
pub(crate) struct Chores {
    script: Script,
    log: Log,
}

#[async_trait]
impl Handler for Chores {
    type Args = Chore;

    async fn run(&self, chore: Chore, run: Run) -> Result<(), Failure> {
        let _running = self.log.start(&chore.name, run.attempt);
        (self.script)(chore.name, run).await
    }
}

/// Every run that there was.
#[derive(Clone, Default)]
pub(crate) struct Log {
    runs: Arc<Mutex<Vec<(String, u32, Instant)>>>,
    running: Arc<watch::Sender<usize>>,
}

/// Ends when the run does, be it by an abort.
struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Log {
    fn start(&self, name: &str, attempt: u32) -> Running {
        self.runs.lock().unwrap().push((name.to_owned(), attempt, Instant::now()));
        self.running.send_modify(|running| *running += 1);
        Running(Arc::clone(&self.running))
    }

    /// The attempt numbers of a chore's runs.
    pub(crate) fn attempts(&self, name: &str) -> Vec<u32> {
        self.runs.lock().unwrap().iter().filter(|run| run.0 == name).map(|run| run.1).collect()
    }

    /// The times between the starts of a chore's runs.
    pub(crate) fn waits(&self, name: &str) -> Vec<Duration> {
        let runs = self.runs.lock().unwrap();
        let starts: Vec<_> = runs.iter().filter(|run| run.0 == name).map(|run| run.2).collect();
        starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Waits until so many are running.
    pub(crate) async fn running(&self, wanted: usize) {
        let mut running = self.running.subscribe();
        timeout(STUCK, running.wait_for(|running| *running == wanted)).await.unwrap().unwrap();
    }
}

/// Workers on chores.
pub(crate) struct Shift {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) workers: Workers,
    pub(crate) log: Log,
    ends: Receiver<JobEnd>,
}

pub(crate) fn options() -> WorkersOptions {
    WorkersOptions { slots: vec![(LANE, 2)], attempts: 3, ..WorkersOptions::default() }
}

impl Shift {
    pub(crate) fn start(
        queue: Arc<dyn Queue>,
        options: WorkersOptions,
        script: impl Fn(String, Run) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static,
    ) -> Self {
        let log = Log::default();
        let chores = Chores { script: Box::new(script), log: log.clone() };
        let workers = Workers::start(&queue, Handlers::default().with(chores), options);
        let ends = workers.ends();
        Self { queue, workers, log, ends }
    }

    /// On a queue of its own, with the usual options.
    pub(crate) fn usual(
        script: impl Fn(String, Run) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Arc::new(InProcess::default()), options(), script)
    }

    pub(crate) async fn push(&self, name: &str) {
        self.queue.push(Chore { name: name.to_owned() }.to_job(Priority::Live).unwrap()).await.unwrap();
    }

    pub(crate) async fn next_end(&mut self) -> JobEnd {
        timeout(STUCK, self.ends.recv()).await.expect("no job ends").unwrap()
    }

    pub(crate) async fn depth(&self) -> Depth {
        self.queue.depth(LANE).await.unwrap()
    }
}

pub(crate) fn key(name: &str) -> String {
    format!("chore.v1/{name}")
}

pub(crate) fn done(name: &str) -> JobEnd {
    JobEnd::Done { key: key(name) }
}
