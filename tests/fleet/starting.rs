//! What is wrong when a role starts is said with its remedy, over and over and ever more rarely; and once it is mended,
//! the role comes up by itself.

use std::{process::Command, time::Duration};

use camcount_queue::{BrokerOptions, LeaseTiming};
use camcount_store::{Leases, Migrations, test_database::TestDatabase};

use crate::{
    fleet::{Fleet, free_port, http_get},
    servers::Broker,
};

/// Starts a worker that finds something wrong; returns its port for probes, and what it says.
async fn finds_wrong(
    fleet: &Fleet,
    name: &str,
    wrong: impl FnOnce(&mut Command),
) -> (crate::fleet::Process, String) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let process = fleet.start_with(name, ["worker", "--lanes", "count", "--listen", listen.as_str()], wrong);
    let said = fleet
        .until("it complains twice", async |fleet| {
            let log = std::fs::read_to_string(fleet.path(&format!("{name}.log"))).unwrap();
            (log.matches("trying again in").count() >= 2).then_some(log)
        })
        .await;
    assert!(said.contains("trying again in 1 s") && said.contains("trying again in 2 s"), "{said}");
    assert!(http_get(port, "/healthz").unwrap().starts_with("HTTP/1.1 200"), "it is alive");
    let probe = http_get(port, "/readyz").unwrap();
    assert!(probe.starts_with("HTTP/1.1 503"), "and not ready: {probe}");
    for text in [&said, &probe] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    (process, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_away_or_wrong_is_named_with_its_remedy() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let nobody = free_port();
    let (_process, said) = finds_wrong(&fleet, "no-database", |command| {
        command.env("DATABASE_URL", format!("postgres://camcount:hunter2@127.0.0.1:{nobody}/camcount"));
    })
    .await;
    assert!(said.contains("is the server running, and are host and port right?"), "{said}");
    let (_process, said) = finds_wrong(&fleet, "no-broker", |command| {
        command.env("NATS_URL", format!("nats://user:hunter2@127.0.0.1:{nobody}"));
    })
    .await;
    assert!(
        said.contains(&format!("NATS at 127.0.0.1:{nobody} cannot be used; check its address")),
        "{said}"
    );
    let (_process, said) = finds_wrong(&fleet, "wrong-secret", |command| {
        command.env("AWS_SECRET_ACCESS_KEY", "hunter2");
    })
    .await;
    assert!(said.contains("s3://footage/"), "{said}");
    // What can only be written differently ends at once.
    let mut command = fleet.command(["worker", "--lanes", "count"]);
    let output = command.env("CAMCOUNT_BLOBS", "ftp://x").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_waited_for() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let database = TestDatabase::new().await;
    let (process, said) = finds_wrong(&fleet, "old-schema", |command| {
        command.env("DATABASE_URL", database.url_text());
    })
    .await;
    assert!(said.contains("camcount migrate"), "{said}");
    Migrations::connect(&database.url()).await.unwrap().run().await.unwrap();
    let store = database.store().await;
    fleet.until("it is there", async |_| store.leases("process/").await.unwrap().pop()).await;
    assert!(process.end().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_somebody_set_up_otherwise_are_left_alone() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let timing = LeaseTiming::new(Duration::from_secs(5), Duration::from_secs(1)).unwrap();
    let other = BrokerOptions { timing, ..BrokerOptions::default() };
    camcount_queue::connect(&fleet.broker.url(), other).await.unwrap();
    let (_process, said) = finds_wrong(&fleet, "otherwise", |_| {}).await;
    assert!(said.contains("is set up differently") && said.contains("nats consumer rm"), "{said}");
}
