//! What every queue must do, done by all of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use camcount_domain::Lane;
use camcount_queue::{InProcess, Options, Queue, conformance, conformance::Harness};
use tokio::sync::OnceCell;

use crate::servers::{Broker, CAPACITY, Server, options};

/// Time is paused and moved by hand, so that nothing here waits.
pub(crate) struct Paused;

#[async_trait]
impl Harness for Paused {
    async fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(InProcess::new(Options { capacity: CAPACITY, ..Options::default() }))
    }

    async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn capacity(&self) -> Option<usize> {
        Some(CAPACITY)
    }
}

/// A broker of its own, where each queue has a name of its own.
pub(crate) struct Real {
    broker: Broker,
    server: OnceCell<Server>,
    queues: AtomicUsize,
}

impl Real {
    pub(crate) const fn new(broker: Broker) -> Self {
        Self { broker, server: OnceCell::const_new(), queues: AtomicUsize::new(0) }
    }

    async fn server(&self) -> &Server {
        self.server.get_or_init(|| Server::start(self.broker)).await
    }

    fn next_name(&self) -> String {
        format!("test-{}", self.queues.fetch_add(1, SeqCst))
    }
}

#[async_trait]
impl Harness for Real {
    async fn queue(&self) -> Arc<dyn Queue> {
        self.server().await.queue(options(&self.next_name())).await
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn remembers(&self) -> Duration {
        match self.broker {
            // The server forgets in its own good time.
            Broker::Nats => options("test").remember * 3,
            Broker::Redis => Duration::ZERO,
        }
    }

    fn capacity(&self) -> Option<usize> {
        Some(CAPACITY)
    }

    async fn queue_with(&self, lane: Lane, payload: &[u8]) -> Option<Arc<dyn Queue>> {
        let (server, name) = (self.server().await, self.next_name());
        let queue = server.queue(options(&name)).await;
        match self.broker {
            Broker::Nats => {
                let nats = async_nats::connect(server.url()).await.unwrap();
                let subject = format!("{name}.{}.somebody", lane.as_str());
                let jetstream = async_nats::jetstream::new(nats);
                jetstream.publish(subject, payload.to_vec().into()).await.unwrap().await.unwrap();
            }
            Broker::Redis => {
                let client = redis::Client::open(server.url()).unwrap();
                let mut redis = client.get_multiplexed_async_connection().await.unwrap();
                let stream = format!("{{{name}:{}}}:stream", lane.as_str());
                let mut add = redis::cmd("XADD");
                add.arg(stream).arg("*").arg("job").arg(payload);
                let () = add.query_async(&mut redis).await.unwrap();
            }
        }
        Some(queue)
    }
}

mod in_process {
    use super::*;

    camcount_queue::queue_conformance! { Paused, #[tokio::test(start_paused = true)] }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_workers_on_many_threads_get_each_job_once() {
        conformance::many_workers_get_each_job_once(&Paused).await;
    }
}

mod jetstream {
    use super::*;

    camcount_queue::queue_conformance_at_once! { Real::new(Broker::Nats), #[tokio::test] }
}

mod redis_streams {
    use super::*;

    camcount_queue::queue_conformance_at_once! { Real::new(Broker::Redis), #[tokio::test] }
}
