//! The registry cache in Redis, beside NATS that carries the jobs.

use camcount_domain::{CameraId, LineBucket};
use camcount_store::{Registry, Store};
use futures::TryStreamExt;

use crate::{
    counters::flush_all,
    fleet::{Fleet, Process, free_port, http_get, street},
    servers::{Broker, Server},
};

fn worker(fleet: &Fleet, name: &str) -> (Process, u16) {
    let port = free_port();
    let process = fleet.start_with(name, ["worker", "--lanes", "detect=1,count=1"], |command| {
        command.env("CAMCOUNT_LISTEN", format!("127.0.0.1:{port}"));
    });
    (process, port)
}

/// How often the worker at that port looked something of this kind up with this result.
fn reads(port: u16, kind: &str, result: &str) -> u64 {
    let metric = format!("camcount_registry_cache_reads_total{{kind=\"{kind}\",result=\"{result}\"}} ");
    let metrics = http_get(port, "/metrics").unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(&metric)).map_or(0, |number| number.parse().unwrap())
}

async fn counted(fleet: &Fleet, camera: CameraId) -> Vec<LineBucket> {
    let pass = fleet.store.passes(Some(camera)).await.unwrap().remove(0).id;
    fleet.store.line_buckets(&pass).try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_found_in_redis_and_without_it_in_the_store() {
    let Some(mut fleet) = Fleet::new(Broker::Nats).await else { return };
    let mut redis = Server::start(Broker::Redis).await;
    fleet.settings.push(("REDIS_URL", redis.url()));
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let _scheduler = fleet.start("scheduler", ["scheduler", "--every", "200ms"]);
    let street = async |name: &str| {
        let camera = fleet.street(name, &video, 6).await;
        fleet.all_counted().await;
        counted(&fleet, camera).await
    };

    let (first, _) = worker(&fleet, "first");
    let counts = street("gate").await;
    assert!(!counts.is_empty());
    assert!(first.end().await, "{}", fleet.logs());

    // All are counted by the same rules. On a busy machine Redis may be too slow for some of them.
    let (_second, port) = worker(&fleet, "second");
    let hits = || ["ruleset", "detector"].map(|kind| reads(port, kind, "hit"));
    for n in 0..5 {
        assert_eq!(street(&format!("again-{n}")).await, counts);
        if hits().iter().all(|hits| *hits > 0) {
            break;
        }
    }
    assert!(hits().iter().all(|hits| *hits > 0), "{:?}; logs in {}", hits(), fleet.logs());
    assert_eq!(reads(port, "ruleset", "miss"), 0, "the first one has put them there");

    // What is lost is put there again…
    for n in 0..5 {
        flush_all(&redis);
        assert_eq!(street(&format!("lost-{n}")).await, counts);
        if reads(port, "ruleset", "miss") > 0 {
            break;
        }
    }
    assert!(reads(port, "ruleset", "miss") > 0, "{}", fleet.logs());
    // …and what is away is done without.
    redis.kill();
    assert_eq!(street("away").await, counts);
    assert!(reads(port, "ruleset", "failed") > 0, "{}", fleet.logs());
    assert!(fleet.logs().contains("the registry cache is done without"), "{}", fleet.logs());
}
