//! What is wrong when a role starts is said with its remedy, over and over and ever more rarely; and once it is mended,
//! the role comes up by itself and does what waits.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use camcount_domain::{JobArgs, Lane, Priority, RollUp};
use camcount_queue::{BrokerOptions, LeaseTiming, connect};
use camcount_store::{Leases, Migrations, test_database::TestDatabase};

use crate::{
    fleet::{Fleet, Process, free_port, http_get},
    servers::{Broker, Line, Server},
};

/// Starts a worker that finds something wrong, and waits until it has complained so often; returns its port for probes,
/// and what it says.
async fn finds_wrong(
    fleet: &Fleet,
    name: &str,
    complaints: usize,
    wrong: impl FnOnce(&mut Command),
) -> (Process, u16, String) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let process =
        fleet.start_with(name, ["worker", "--lanes", "count,upkeep", "--listen", listen.as_str()], wrong);
    let said = fleet
        .until("it complains", async |fleet| {
            let log = std::fs::read_to_string(fleet.path(&format!("{name}.log"))).unwrap();
            (log.matches("trying again in").count() >= complaints).then_some(log)
        })
        .await;
    assert!(http_get(port, "/healthz").unwrap().starts_with("HTTP/1.1 200"), "it is alive");
    let probe = http_get(port, "/readyz").unwrap();
    assert!(probe.starts_with("HTTP/1.1 503"), "and not ready: {probe}");
    for text in [&said, &probe] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    (process, port, said)
}

/// Something that is wrong for a while.
struct Wrong<'a> {
    name: &'a str,
    /// What is set otherwise.
    setting: (&'a str, String),
    /// What is said of it.
    says: &'a [&'a str],
}

impl Wrong<'_> {
    /// A job waits; then it is wrong, a worker starts and says so; when it is mended, the worker does the job.
    async fn while_it_lasts(&self, fleet: &Fleet, begin: impl AsyncFnOnce(), mend: impl AsyncFnOnce()) {
        let at = fleet.broker.url();
        let queue = connect(&at, BrokerOptions::default()).await.unwrap();
        queue.push(RollUp { due_us: 1 }.to_job(Priority::Live).unwrap()).await.unwrap();
        drop(queue);
        begin().await;
        let (name, value) = &self.setting;
        let (process, port, said) = finds_wrong(fleet, self.name, 1, |command| {
            command.env(name, value);
        })
        .await;
        for expected in self.says {
            assert!(said.contains(expected), "{}: {said}", self.name);
        }
        mend().await;
        fleet
            .until(self.name, async |_| {
                http_get(port, "/readyz").ok().filter(|answer| answer.starts_with("HTTP/1.1 200"))
            })
            .await;
        let queue = connect(&at, BrokerOptions::default()).await.unwrap();
        fleet
            .until("what waited is done", async |_| {
                (queue.depth(Lane::Upkeep).await.ok()?.total() == 0).then_some(())
            })
            .await;
        assert!(process.end().await, "{}", fleet.logs());
    }
}

async fn whatever_is_away_or_wrong_is_named(broker: Broker) {
    let Some(fleet) = Fleet::new(broker).await else { return };
    let nobody = free_port();
    let (_process, _, said) = finds_wrong(&fleet, "no-database", 2, |command| {
        command.env("DATABASE_URL", format!("postgres://camcount:hunter2@127.0.0.1:{nobody}/camcount"));
    })
    .await;
    assert!(said.contains("is the server running, and are host and port right?"), "{said}");
    assert!(said.contains("trying again in 1 s") && said.contains("trying again in 2 s"), "{said}");
    for (name, setting, value, expected) in [
        ("wrong-secret", "AWS_SECRET_ACCESS_KEY", "hunter2", "the credentials are wrong or have expired"),
        (
            "no-bucket",
            "CAMCOUNT_BLOBS",
            "s3://nowhere/x",
            "there is no such bucket; make it, or check its name",
        ),
    ] {
        let (_process, _, said) = finds_wrong(&fleet, name, 1, |command| {
            command.env(setting, value);
        })
        .await;
        assert!(said.contains("s3://") && said.contains(expected), "{said}");
    }

    let mut line = Line::to(fleet.bucket.port).await;
    line.cut().await;
    let setting = ("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", line.port));
    let no_storage =
        Wrong { name: "no-storage", setting, says: &["nobody answers there; check the endpoint"] };
    no_storage.while_it_lasts(&fleet, async || {}, async || line.mend().await).await;

    let mut line = Line::to(fleet.broker.port).await;
    line.cut().await;
    let (url, name) = match broker {
        Broker::Nats => ("nats://user:hunter2@", "NATS_URL"),
        Broker::Redis => ("redis://", "REDIS_URL"),
    };
    let says = format!("{broker:?} at 127.0.0.1:{} cannot be used; check its address", line.port);
    let says = says.replace("Nats", "NATS");
    let setting = (name, format!("{url}127.0.0.1:{}", line.port));
    let no_broker = Wrong { name: "no-broker", setting, says: &[&says] };
    no_broker.while_it_lasts(&fleet, async || {}, async || line.mend().await).await;

    // What can only be written differently ends at once.
    let mut command = fleet.command(["worker", "--lanes", "count"]);
    let output = command.env("CAMCOUNT_BLOBS", "ftp://x").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_away_or_wrong_is_named_with_its_remedy_on_nats() {
    whatever_is_away_or_wrong_is_named(Broker::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_away_or_wrong_is_named_with_its_remedy_on_redis() {
    whatever_is_away_or_wrong_is_named(Broker::Redis).await;
}

type Words = &'static [&'static str];

/// Gives Redis orders, and returns all that it says to them.
fn give(port: u16, orders: &[&str]) -> String {
    let mut redis = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for order in orders.iter().chain(&["QUIT"]) {
        write!(redis, "{order}\r\n").unwrap();
    }
    let mut said = String::new();
    redis.read_to_string(&mut said).unwrap();
    assert!(!said.lines().any(|line| line.starts_with('-')), "{orders:?}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_nothing_is_waited_for() {
    let Some(fleet) = Fleet::new(Broker::Redis).await else { return };
    let (port, url) = (fleet.broker.port, fleet.broker.url());
    let with_password = url.replace("://", "://anna:hunter2@");
    // What is wrong, where the worker is sent, what it says, and what mends it.
    let wrongs: [(&str, &str, Words, Words, Words); 6] = [
        (
            "lane-of-another-type",
            &url,
            &["SET {camcount:detect}:stream x"],
            &["it is a string and must be a stream", "redis-cli DEL '{camcount:detect}:stream'"],
            &["DEL {camcount:detect}:stream"],
        ),
        (
            "lane-with-other-leases",
            &url,
            &["SET {camcount:count}:lease 5000"],
            &["it is 5000 ms and must be 30000 ms", "redis-cli DEL '{camcount:count}:lease'"],
            &["DEL {camcount:count}:lease"],
        ),
        (
            "replica",
            &url,
            &["REPLICAOF 127.0.0.1 1"],
            &["takes no jobs: it is a replica; name the server that it follows"],
            &["REPLICAOF NO ONE"],
        ),
        (
            "evicting",
            &url,
            &["CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru"],
            &["its maxmemory-policy is allkeys-lru; set it to noeviction"],
            &["CONFIG SET maxmemory-policy noeviction"],
        ),
        (
            "memory-full",
            &url,
            &["CONFIG SET maxmemory 1"],
            &["takes no jobs: its memory is full; raise maxmemory"],
            &["CONFIG SET maxmemory 0"],
        ),
        (
            "wrong-password",
            &with_password,
            &["ACL SETUSER anna on >right ~* +@all"],
            &["cannot be used; check its address and credentials"],
            &["ACL SETUSER anna >hunter2"],
        ),
    ];
    for (name, at, begin, says, mend) in wrongs {
        let wrong = Wrong { name, setting: ("REDIS_URL", at.to_owned()), says };
        let begin = async || _ = give(port, begin);
        wrong.while_it_lasts(&fleet, begin, async || _ = give(port, mend)).await;
    }

    let says = ["takes no jobs: it cannot write to its disk; free some space there"];
    let wrong = Wrong { name: "disk-full", setting: ("REDIS_URL", url.clone()), says: &says };
    let begin = async || {
        // A folder in the place of its file keeps it from being written.
        let folder = give(port, &["CONFIG GET dir"]).lines().nth(4).unwrap().to_owned();
        std::fs::create_dir(std::path::Path::new(&folder).join("dump.rdb")).unwrap();
        give(port, &["CONFIG SET save '3600 1'", "BGSAVE"]);
        let failed =
            async |_: &Fleet| give(port, &["INFO persistence"]).contains("bgsave_status:err").then_some(());
        fleet.until("it cannot write", failed).await;
    };
    wrong.while_it_lasts(&fleet, begin, async || _ = give(port, &["CONFIG SET save ''"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_for_nats_is_said_and_not_shown() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let guarded = Server::with(Broker::Nats, &["--user", "anna", "--pass", "right"]).await;
    let (_process, _, said) = finds_wrong(&fleet, "wrong-password", 1, |command| {
        command.env("NATS_URL", guarded.url().replace("://", "://anna:hunter2@"));
    })
    .await;
    assert!(said.contains("cannot be used; check its address and credentials"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_waited_for() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let database = TestDatabase::new().await;
    let (process, _, said) = finds_wrong(&fleet, "old-schema", 1, |command| {
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
    connect(&fleet.broker.url(), other).await.unwrap();
    let (_process, _, said) = finds_wrong(&fleet, "otherwise", 1, |_| {}).await;
    assert!(said.contains("is set up differently") && said.contains("nats consumer rm"), "{said}");
}
