//! What the manifests of infra/kubernetes tell autoscalers to look at is there, and says how much there is to do.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use async_nats::jetstream::{self, consumer::PullConsumer};
use camcount_domain::{Job, Lane};
use camcount_queue::{BrokerOptions, Pushed, Standing, Verdict};

use crate::servers::{Broker, Server};

/// Jobs that are pushed into every lane: one of them is leased, and one put off.
const JOBS: usize = 3;

/// The values of `name` in the manifests of a component, of which there must be some.
fn values(component: &str, name: &str) -> BTreeSet<String> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/kubernetes/components").join(component);
    let mut values = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let found = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        values.extend(found.map(|value| value.trim_matches('"').to_owned()));
    }
    assert!(!values.is_empty(), "no {name} in {component}");
    values
}

/// A broker whose lanes are called as every camcount calls them, with something to do in each.
async fn busy(broker: Broker) -> Server {
    let server = Server::start(broker).await;
    let queue = server.queue(BrokerOptions::default()).await;
    for lane in Lane::ALL {
        for n in 0..JOBS {
            let job = Job { kind: "test.v1".into(), lane, key: format!("test.v1/{n}"), args: "{}".into() };
            assert_eq!(queue.push(job).await.unwrap(), Pushed::New);
        }
        queue.lease(lane).await.unwrap();
        let second = queue.lease(lane).await.unwrap();
        let after = Duration::from_secs(3600);
        assert_eq!(queue.settle(&second, Verdict::Defer { after }).await.unwrap(), Standing::Held);
    }
    server
}

#[tokio::test]
async fn jetstream_has_the_streams_and_consumers_that_keda_is_told() {
    let server = busy(Broker::Nats).await;
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    for consumer in values("keda-nats", "consumer") {
        for stream in values("keda-nats", "stream") {
            let stream = jetstream.get_stream(&stream).await.unwrap();
            let mut consumer: PullConsumer = stream.get_consumer(&consumer).await.unwrap();
            let info = consumer.info().await.unwrap();
            // What KEDA's scaler adds up.
            assert_eq!(info.num_pending as usize + info.num_ack_pending, JOBS, "{info:?}");
        }
    }
}

#[tokio::test]
async fn redis_has_the_keys_that_keda_is_told() {
    let server = busy(Broker::Redis).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    for stream in values("keda-redis", "stream") {
        let length: usize = redis::cmd("XLEN").arg(&stream).query_async(&mut redis).await.unwrap();
        // Who is put off needs no worker yet.
        assert_eq!(length, JOBS - 1, "{stream}");
    }
    for set in values("keda-redis", "listName") {
        // KEDA's scaler asks a set for its members, not for its length.
        let jobs: usize = redis::cmd("SCARD").arg(&set).query_async(&mut redis).await.unwrap();
        assert_eq!(jobs, JOBS, "{set}");
    }
}
