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
use camcount_queue::{BrokerOptions, LaneBackend, Lease, LeaseTiming, Queue, Standing, Verdict};
use futures::{StreamExt, TryStreamExt, stream};
use redis::AsyncCommands;
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, timeout},
};

use crate::{
    servers::{Broker, STUCK, Server, options},
    worker::{LANE, job},
};

/// Jobs a round.
const JOBS: usize = 4000;

/// Jobs at a time.
const SLOTS: usize = 16;

/// The best of so many rounds counts: others use this machine as well.
const ROUNDS: usize = 3;

/// What workers must keep of the bare loop's speed.
const KEPT: f64 = 0.5;

async fn fill(queue: &Arc<dyn Queue>, round: usize) {
    let push = |n: usize| async move { queue.push(job(format!("{round}/{n}"))).await.map(drop) };
    stream::iter(0..JOBS).map(push).buffer_unordered(64).try_collect::<()>().await.unwrap();
}

/// Jobs a second of a pull-and-ack loop that is told of each ack.
async fn bare_nats(server: &Server, name: &str) -> f64 {
    let nats = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let consumer: PullConsumer =
        nats.get_consumer_from_stream("workers", format!("{name}-{}", LANE.as_str())).await.unwrap();
    let started = Instant::now();
    let messages = consumer.stream().max_messages_per_batch(SLOTS).messages().await.unwrap();
    let acked = messages.take(JOBS).map(|message| async { message.unwrap().double_ack().await });
    acked.buffer_unordered(SLOTS).for_each(|acked| async { acked.unwrap() }).await;
    JOBS as f64 / started.elapsed().as_secs_f64()
}

/// Jobs a second of a loop that reads and removes entries.
async fn bare_redis(server: &Server, name: &str) -> f64 {
    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let (stream, held) =
        (format!("{{{name}:{}}}:stream", LANE.as_str()), format!("{{{name}:{}}}:held", LANE.as_str()));
    let started = Instant::now();
    let mut done = 0;
    while done < JOBS {
        let mut read = redis::cmd("XREADGROUP");
        read.arg(&["GROUP", "workers", "bare", "COUNT"]).arg(SLOTS).arg("STREAMS").arg(&stream).arg(">");
        let read: redis::streams::StreamReadReply = read.query_async(&mut redis).await.unwrap();
        let ids: Vec<_> = read.keys.into_iter().flat_map(|key| key.ids).map(|entry| entry.id).collect();
        done += ids.len();
        let remove = |id: String| {
            let (mut redis, stream) = (redis.clone(), &stream);
            async move {
                let mut pipe = redis::pipe();
                pipe.atomic().xack(stream, "workers", &[&id]).xdel(stream, &[&id]);
                pipe.query_async::<()>(&mut redis).await.unwrap();
            }
        };
        stream::iter(ids).map(remove).buffer_unordered(SLOTS).collect::<()>().await;
    }
    let rate = JOBS as f64 / started.elapsed().as_secs_f64();
    let () = redis.del(held).await.unwrap();
    rate
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

/// Jobs a second of workers like those of the runtime, each with `slots` slots.
async fn workers(queue: &Arc<dyn Queue>, slots: usize) -> f64 {
    let tally = Tally { queue: Arc::clone(queue), left: Arc::new(JOBS.into()), none_left: Arc::default() };
    let mut monitor = Monitor::new();
    for slot in 0..SLOTS / slots {
        let tally = tally.clone();
        monitor = monitor.register(move |_| {
            WorkerBuilder::new(format!("bench/{slot}"))
                .backend(LaneBackend::new(Arc::clone(&tally.queue), LANE))
                .data(tally.clone())
                .concurrency(slots)
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
    let timing = LeaseTiming::DEFAULT;
    let remember = Duration::from_secs(60);
    let queue = server.queue(BrokerOptions { capacity: JOBS, timing, remember, ..options("bench") }).await;
    // So that the group is there.
    fill(&queue, 0).await;
    workers(&queue, 1).await;
    let (mut bare, mut one, mut many) = (0_f64, 0_f64, 0_f64);
    for round in 1..=ROUNDS {
        fill(&queue, round * 10).await;
        bare = bare.max(match broker {
            Broker::Nats => bare_nats(&server, "bench").await,
            Broker::Redis => bare_redis(&server, "bench").await,
        });
        fill(&queue, round * 10 + 1).await;
        many = many.max(workers(&queue, 1).await);
        fill(&queue, round * 10 + 2).await;
        one = one.max(workers(&queue, SLOTS).await);
    }
    println!(
        "{broker:?}: bare {bare:.0} jobs/s; {SLOTS} workers of one slot {many:.0} ({:.2}); \
         one worker of {SLOTS} slots {one:.0} ({:.2})",
        many / bare,
        one / bare
    );
    assert!(many >= bare * KEPT, "workers keep less than {KEPT} of the bare loop's speed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark; run it with `just bench-queue`"]
async fn bench_queue() {
    bench(Broker::Nats).await;
    bench(Broker::Redis).await;
}
