//! Whatever dies, the counts are those of one undisturbed pass. A short form runs with all tests; `just chaos` runs for
//! ten minutes on each broker. `CAMCOUNT_CHAOS_SEED` repeats an order of troubles, `CAMCOUNT_CHAOS_SECONDS` says how long.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is tests")]

mod cameras;
#[path = "../fleet/fleet.rs"]
#[allow(dead_code, reason = "the fleet's own tests use the rest")]
mod fleet;
#[path = "../../scheduler/tests/recording/servers.rs"]
#[allow(dead_code, reason = "the recorder's own tests use the rest")]
mod recording_servers;
mod roles;
#[path = "../../jobs/queue/tests/lanes/servers.rs"]
#[allow(dead_code, reason = "the brokers' own tests use the rest")]
mod servers;
mod trouble;
#[path = "../../jobs/blob/src/s3/tests/weed.rs"]
#[allow(dead_code, reason = "the bucket's own tests use the rest")]
mod weed;

use std::time::Duration;

use camcount_domain::MediaSpan;
use camcount_store::{CameraFilter, Registry, Store};

use crate::{
    cameras::Cameras,
    fleet::Fleet,
    recording_servers::Proxy,
    roles::Roles,
    servers::Broker,
    trouble::{Random, Trouble},
};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn in_short() {
    chaos(Broker::Nats, 4, setting("CAMCOUNT_CHAOS_SECONDS").unwrap_or(25)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour; just chaos runs it"]
async fn at_length_on_nats() {
    chaos(Broker::Nats, 8, setting("CAMCOUNT_CHAOS_SECONDS").unwrap_or(600)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour; just chaos runs it"]
async fn at_length_on_redis() {
    chaos(Broker::Redis, 8, setting("CAMCOUNT_CHAOS_SECONDS").unwrap_or(600)).await;
}

async fn chaos(broker: Broker, cameras: usize, seconds: u64) {
    let seed = setting("CAMCOUNT_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!(
        "{seconds} s of trouble for {cameras} cameras on {broker:?}; CAMCOUNT_CHAOS_SEED={seed} repeats it"
    );
    let Some(mut fleet) = Fleet::new(broker).await else { return };
    // What goes to the broker and to the bucket goes over lines that can be cut.
    let lines = [Proxy::to(fleet.broker.port), Proxy::to(fleet.bucket.port)];
    let scheme = if broker == Broker::Nats { "nats" } else { "redis" };
    let name = if broker == Broker::Nats { "NATS_URL" } else { "REDIS_URL" };
    fleet.settings = vec![
        (name, format!("{scheme}://127.0.0.1:{}", lines[0].port)),
        ("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", lines[1].port)),
        // Short, for the dead to be replaced soon.
        ("CAMCOUNT_LEASE", "4s".to_owned()),
    ];
    let Some(cameras) = Cameras::start(&fleet, cameras).await else { return };
    let mut roles = Roles::start(&fleet);
    let mut trouble = Trouble::new(Random::new(seed), lines);
    fleet
        .until("something is counted", async |fleet| counted(fleet).await.filter(|counted| *counted > 3))
        .await;

    let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while tokio::time::Instant::now() < until {
        trouble.strike(&mut fleet, &mut roles, &cameras).await;
    }

    println!("it is over: {}", trouble.told());
    roles.all_run(&fleet);
    let recorded = cameras.end(&fleet).await;
    assert!(roles.end_recorders().await, "{}", fleet.logs());
    fleet.all_counted().await;
    assert!(roles.end().await, "{}", fleet.logs());
    let (mut segments, mut quarantined) = (0, 0);
    for state in fleet.store.passes(None).await.unwrap() {
        let progress = fleet.store.progress(&state.id).await.unwrap();
        segments += progress.counted;
        quarantined += progress.quarantined;
        let (_, last) = fleet.store.segments_in(state.pass.camera, MediaSpan::ALL).await.unwrap().unwrap();
        assert_eq!(state.next.0, last.seq.0 + 1);
    }
    println!("{recorded} segments recorded, {segments} counted, {quarantined} of them given up");
    assert_eq!(segments, recorded as u64, "each once");
    // Nothing is wrong with this footage.
    assert_eq!(quarantined, 0, "{}", fleet.logs());
    for camera in fleet.store.cameras(&CameraFilter::default(), None, 100).await.unwrap() {
        let said = fleet.ok(["verify", &camera.camera.name]).await;
        print!("{}: {said}", camera.camera.name);
        assert!(said.contains("alike"), "{said}");
    }
}

/// Segments that are counted so far.
async fn counted(fleet: &Fleet) -> Option<i64> {
    let passes = fleet.store.passes(None).await.ok()?;
    Some(passes.iter().map(|state| state.next.0 - state.pass.first.0).sum())
}
