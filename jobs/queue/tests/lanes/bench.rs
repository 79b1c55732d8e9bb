//! How much of a broker's speed workers keep: jobs a second through apalis workers that do nothing, beside a bare loop
//! with the same guarantees over the same lanes. Run it with `just bench-queue`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use apalis::{layers::WorkerBuilderExt, prelude::ParallelizeExt};
use apalis_core::{error::BoxDynError, monitor::Monitor, task::data::Data, worker::builder::WorkerBuilder};
use async_nats::jetstream::{self, consumer::PullConsumer};
use camcount_domain::Job;
use camcount_queue::{BrokerOptions, LaneBackend, Lease, LeaseTiming, Queue, Standing, Verdict};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, timeout},
};

use crate::{
    servers::{Broker, STUCK, Server, options},
    worker::{LANE, job},
};

/// Jobs a round: enough that starting workers is no part of what is measured.
const JOBS: usize = 10_000;

/// Jobs at a time.
const SLOTS: usize = 16;

const NAME: &str = "bench";

/// The best of so many rounds counts: others use this machine as well.
const ROUNDS: usize = 3;

/// What workers must keep of the bare loop's speed.
const KEPT: f64 = 0.5;

/// A queue of its own for whoever fills or works: it takes nothing any more when it is gone.
async fn queue(server: &Server) -> Arc<dyn Queue> {
    let (timing, remember) = (LeaseTiming::DEFAULT, Duration::from_millis(100));
    server.queue(BrokerOptions { capacity: JOBS, timing, remember, ..options(NAME) }).await
}

async fn fill(server: &Server, round: &str) {
    let queue = &queue(server).await;
    let push = |n: usize| async move { queue.push(job(format!("{round}/{n}"))).await.map(drop) };
    stream::iter(0..JOBS).map(push).buffer_unordered(256).try_collect::<()>().await.unwrap();
}

/// Jobs a second of a pull-and-ack loop that is told of each ack.
async fn bare_nats(server: &Server) -> f64 {
    let nats = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let consumer: PullConsumer =
        nats.get_consumer_from_stream("workers", format!("{NAME}-{}", LANE.as_str())).await.unwrap();
    let started = Instant::now();
    let messages = consumer.stream().max_messages_per_batch(SLOTS).messages().await.unwrap();
    let acked = messages.take(JOBS).map(|message| async { message.unwrap().double_ack().await });
    acked.buffer_unordered(SLOTS).for_each(|acked| async { acked.unwrap() }).await;
    JOBS as f64 / started.elapsed().as_secs_f64()
}

/// Jobs a second of a loop that reads and removes entries, and keeps the set of keys that are held.
async fn bare_redis(server: &Server) -> f64 {
    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = |what| format!("{{{NAME}:{}}}:{what}", LANE.as_str());
    let (stream, held) = (key("stream"), key("held"));
    let started = Instant::now();
    let mut done = 0;
    while done < JOBS {
        let mut read = redis::cmd("XREADGROUP");
        read.arg(&["GROUP", "workers", "bare", "COUNT"]).arg(SLOTS).arg("STREAMS").arg(&stream).arg(">");
        let read: redis::streams::StreamReadReply = read.query_async(&mut redis).await.unwrap();
        let entries: Vec<_> = read.keys.into_iter().flat_map(|key| key.ids).collect();
        done += entries.len();
        let remove = |entry: redis::streams::StreamId| {
            let (mut redis, stream, held) = (redis.clone(), &stream, &held);
            async move {
                let job: String = entry.get("job").unwrap();
                let key = serde_json::from_str::<Job>(&job).unwrap().key;
                let mut pipe = redis::pipe();
                pipe.atomic()
                    .xack(stream, "workers", &[&entry.id])
                    .xdel(stream, &[&entry.id])
                    .srem(held, key);
                pipe.query_async::<()>(&mut redis).await.unwrap();
            }
        };
        stream::iter(entries).map(remove).buffer_unordered(SLOTS).collect::<()>().await;
    }
    JOBS as f64 / started.elapsed().as_secs_f64()
}

/// What workers share.
#[derive(Clone)]
struct Tally {
    queue: Arc<dyn Queue>,
    left: Arc<AtomicUsize>,
    none_left: Arc<Notify>,
}

async fn work(lease: Lease, tally: Data<Tally>) -> Result<(), BoxDynError> {
    assert_eq!(tally.queue.settle(&lease, Verdict::Done).await?, Standing::Held);
    if tally.left.fetch_sub(1, SeqCst) == 1 {
        tally.none_left.notify_one();
    }
    Ok(())
}

/// Jobs a second of workers like those of the runtime: one for each slot.
async fn workers(server: &Server) -> f64 {
    let tally = Tally { queue: queue(server).await, left: Arc::new(JOBS.into()), none_left: Arc::default() };
    let mut monitor = Monitor::new();
    for slot in 0..SLOTS {
        let tally = tally.clone();
        monitor = monitor.register(move |_| {
            WorkerBuilder::new(format!("bench/{slot}"))
                .backend(LaneBackend::new(Arc::clone(&tally.queue), LANE))
                .data(tally.clone())
                .concurrency(1)
                .parallelize(tokio::spawn)
                .build(work)
        });
    }
    let stop = Arc::new(Semaphore::new(0));
    let stopped = Arc::clone(&stop);
    let started = Instant::now();
    let running = tokio::spawn(monitor.run_with_signal(async move {
        let _stop = stopped.acquire().await;
        Ok(())
    }));
    timeout(STUCK, tally.none_left.notified()).await.expect("the workers do not get through");
    let rate = JOBS as f64 / started.elapsed().as_secs_f64();
    stop.add_permits(1);
    running.await.unwrap().unwrap();
    rate
}

async fn bench(broker: Broker) {
    let server = Server::start(broker).await;
    // So that the group is there.
    fill(&server, "warm").await;
    workers(&server).await;
    let (mut bare, mut kept) = (0_f64, 0_f64);
    for round in 1..=ROUNDS {
        fill(&server, &format!("{round}/bare")).await;
        let rate = async {
            match broker {
                Broker::Nats => bare_nats(&server).await,
                Broker::Redis => bare_redis(&server).await,
            }
        };
        bare = bare.max(timeout(STUCK, rate).await.expect("the bare loop does not get through"));
        fill(&server, &format!("{round}/workers")).await;
        kept = kept.max(workers(&server).await);
    }
    println!("{broker:?}: bare {bare:.0} jobs/s, workers {kept:.0} jobs/s: {:.2}", kept / bare);
    assert!(kept >= bare * KEPT, "workers keep less than {KEPT} of the bare loop's speed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark; run it with `just bench-queue`"]
async fn bench_queue() {
    bench(Broker::Redis).await;
    bench(Broker::Nats).await;
}
