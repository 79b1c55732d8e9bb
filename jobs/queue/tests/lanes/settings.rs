//! How lanes are found and left in brokers: addresses, passwords, settings of others, and what others can see.

use std::{env, error::Error, process::Command, time::Duration};

use async_nats::jetstream::{self, stream};
use camcount_domain::Lane;
use camcount_queue::{BrokerOptions, ConnectError, LeaseTiming, Pushed, Standing, Verdict, connect};
use futures::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::TcpListener,
    time::timeout,
};

use crate::{
    servers::{Broker, LEASE, STUCK, Server, options, url},
    trouble::{Worker, lease, push},
    worker::{LANE, job},
};

/// The error and its causes, as people read them.
fn refusal(connected: Result<impl Sized, ConnectError>) -> String {
    let error = connected.err().expect("it must not connect");
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

async fn redis(server: &Server) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn nobody_there_is_said_at_once_and_with_the_address() {
    for broker in [Broker::Nats, Broker::Redis] {
        // Nobody may listen below 1024, and nobody does at 1.
        let refusal = refusal(connect(&url(broker, 1), options("test")).await);
        let expected = format!("{broker:?} at 127.0.0.1:1 cannot be used").to_lowercase();
        assert!(refusal.to_lowercase().starts_with(&expected), "{refusal}");
    }
}

#[tokio::test]
async fn passwords_are_used_and_not_shown() {
    let password = "s3cr:t/@%";
    let encoded = "s3cr%3At%2F%40%25";
    let nats = Server::with(Broker::Nats, &["--user", "anna", "--pass", password]).await;
    let redis = Server::with(Broker::Redis, &["--requirepass", password]).await;
    for (server, user) in [(&nats, "anna"), (&redis, "")] {
        let at = |login: &str| server.url().replace("://", &format!("://{user}:{login}@"));
        let queue = connect(&at(encoded), options("test")).await.unwrap();
        assert_eq!(push(&queue, "a").await, Pushed::New);
        for wrong in [server.url(), at("hunter2")] {
            let refusal = refusal(connect(&wrong, options("test")).await);
            assert!(refusal.contains("check its address and credentials"), "{refusal}");
            assert!(!refusal.contains("hunter2") && !refusal.contains("anna"), "{refusal}");
        }
    }
}

#[tokio::test]
async fn servers_that_are_too_old_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // No more than a client hears before it asks for anything.
    let old = async {
        let mut client = BufStream::new(listener.accept().await.unwrap().0);
        let info = r#"INFO {"server_id":"old","version":"2.9.10","max_payload":1048576}"#;
        client.write_all(format!("{info}\r\n").as_bytes()).await.unwrap();
        client.flush().await.unwrap();
        let mut line = String::new();
        while client.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            if std::mem::take(&mut line).starts_with("PING") {
                client.write_all(b"PONG\r\n").await.unwrap();
                client.flush().await.unwrap();
            }
        }
    };
    let url = url(Broker::Nats, port);
    let refused = tokio::select! {
        connected = connect(&url, options("test")) => refusal(connected),
        () = old => panic!("the client left without an answer"),
    };
    assert!(refused.contains("is version 2.9.10; install 2.11.0 or newer"), "{refused}");
}

/// What runs in a process of its own, since the certificates that are trusted are a matter of the environment.
const TLS_URL: &str = "CAMCOUNT_TEST_TLS_URL";

#[tokio::test]
#[ignore = "a part of the test below"]
async fn pushes_by_tls() {
    let queue = connect(&env::var(TLS_URL).unwrap(), options("test")).await.unwrap();
    assert_eq!(push(&queue, "a").await, Pushed::New);
}

#[tokio::test]
async fn certificates_are_checked_against_the_trusted_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
        ])
        .args(["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &certificate])
        .output()
        .expect("openssl is needed; run infra/setup --dev");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let nats = Server::with(Broker::Nats, &["--tls", "--tlscert", &certificate, "--tlskey", &key]).await;
    let redis = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no"];
    let redis = [&redis[..], &["--tls-cert-file", &certificate, "--tls-key-file", &key]].concat();
    let redis = Server::with(Broker::Redis, &redis).await;
    for (server, plain, tls) in [(&nats, "nats:", "tls:"), (&redis, "redis:", "rediss:")] {
        let url = server.url().replace(plain, tls);
        let refused = refusal(connect(&url, options("test")).await);
        assert!(refused.contains("certificate"), "{refused}");
        let push = Command::new(env::current_exe().unwrap())
            .args(["--exact", "settings::pushes_by_tls", "--ignored"])
            .env(TLS_URL, &url)
            .env("SSL_CERT_FILE", &certificate)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&push.stdout);
        assert!(push.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[tokio::test]
async fn settings_of_others_are_refused_with_what_to_do() {
    let server = Server::start(Broker::Nats).await;
    let nats = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let theirs = stream::Config {
        name: "theirs-detect".to_owned(),
        subjects: vec!["theirs.detect.*".to_owned()],
        ..stream::Config::default()
    };
    nats.create_stream(theirs).await.unwrap();
    let refused = refusal(connect(&server.url(), options("theirs")).await);
    for expected in [
        "stream theirs-detect is set up differently",
        "retention is Limits and must be WorkQueue",
        "messages per subject is -1 and must be 1",
        "`nats stream rm theirs-detect`",
    ] {
        assert!(refused.contains(expected), "{refused}");
    }

    let queue = server.queue(options("ours")).await;
    drop(queue);
    server.queue(options("ours")).await;
    let longer = BrokerOptions { timing: LeaseTiming::DEFAULT, ..options("ours") };
    let refused = refusal(connect(&server.url(), longer).await);
    for expected in ["consumer workers of stream ours-detect", "is 3.3s and must be 33s", "`nats consumer rm"]
    {
        assert!(refused.contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn lanes_of_others_in_redis_are_refused_with_what_to_do() {
    let server = Server::start(Broker::Redis).await;
    let mut redis = redis(&server).await;
    server.queue(options("ours")).await;
    server.queue(options("ours")).await;
    let longer = BrokerOptions { timing: LeaseTiming::DEFAULT, ..options("ours") };
    let refused = refusal(connect(&server.url(), longer).await);
    for expected in
        ["key {ours:detect}:lease of Redis at", "it is 3000 ms and must be 30000 ms", "redis-cli DEL"]
    {
        assert!(refused.contains(expected), "{refused}");
    }
    let () = redis::cmd("SET").arg(&["{ours:count}:held", "x"]).query_async(&mut redis).await.unwrap();
    let refused = refusal(connect(&server.url(), options("ours")).await);
    for expected in ["it is a string and must be a set", "`redis-cli DEL '{ours:count}:held'`"] {
        assert!(refused.contains(expected), "{refused}");
    }
    server.queue(options("others")).await;
}

#[tokio::test]
async fn nats_gets_keys_as_message_ids_and_reasons_in_advisories() {
    let server = Server::start(Broker::Nats).await;
    let nats = async_nats::connect(server.url()).await.unwrap();
    let mut advisories = nats.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await.unwrap();
    let queue = server.queue(options("test")).await;
    push(&queue, "a").await;
    let stream = jetstream::new(nats).get_stream(format!("test-{}", LANE.as_str())).await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), job("a").key);

    let leased = lease(&queue).await;
    let verdict = Verdict::Discard { reason: "the moov atom is missing".to_owned() };
    assert_eq!(queue.settle(&leased, verdict).await.unwrap(), Standing::Held);
    let advisory = timeout(STUCK, advisories.next()).await.unwrap().unwrap();
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["reason"], "the moov atom is missing");
}

#[tokio::test]
async fn streams_and_consumers_that_are_removed_are_made_again_under_a_worker() {
    let server = Server::start(Broker::Nats).await;
    let nats = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let queue = server.queue(options("test")).await;
    let mut worker = Worker::start(&queue);
    push(&queue, "first").await;
    worker.has_run(&["first"]).await;
    let name = format!("test-{}", LANE.as_str());
    nats.delete_consumer_from_stream("workers", &name).await.unwrap();
    push(&queue, "second").await;
    worker.has_run(&["second"]).await;
    nats.delete_stream(&name).await.unwrap();
    push(&queue, "third").await;
    worker.has_run(&["third"]).await;
}

#[tokio::test]
async fn redis_may_be_flushed_under_a_worker() {
    let server = Server::start(Broker::Redis).await;
    let mut redis = redis(&server).await;
    let queue = server.queue(options("test")).await;
    push(&queue, "held").await;
    let held = lease(&queue).await;
    let mut worker = Worker::start(&queue);
    for round in 0..5 {
        let name = format!("in round {round}");
        push(&queue, &name).await;
        worker.has_run(&[&name]).await;
        let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut redis).await.unwrap();
    }
    assert_eq!(queue.extend(&held).await.unwrap(), Standing::Lapsed);
    assert_eq!(queue.settle(&held, Verdict::Done).await.unwrap(), Standing::Lapsed);
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
}

#[tokio::test]
async fn a_node_of_a_redis_cluster_takes_all_of_a_lane_and_keeps_reasons() {
    let server = Server::with(Broker::Redis, &["--cluster-enabled", "yes"]).await;
    let mut redis = redis(&server).await;
    let mut slots = redis::cmd("CLUSTER");
    let () = slots.arg(&["ADDSLOTSRANGE", "0", "16383"]).query_async(&mut redis).await.unwrap();
    // The node says for a moment that the cluster is down.
    let come_up = async {
        loop {
            if let Ok(queue) = connect(&server.url(), options("test")).await {
                return queue;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let queue = timeout(STUCK, come_up).await.expect("the cluster does not come up");
    assert_eq!(push(&queue, "a").await, Pushed::New);
    for verdict in [
        Verdict::Release,
        Verdict::Retry { after: Duration::from_millis(1) },
        Verdict::Defer { after: Duration::ZERO },
        Verdict::Discard { reason: "the moov atom is missing".to_owned() },
    ] {
        let leased = lease(&queue).await;
        assert_eq!(queue.extend(&leased).await.unwrap(), Standing::Held);
        assert_eq!(queue.settle(&leased, verdict).await.unwrap(), Standing::Held);
    }
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
    let discarded = format!("{{test:{}}}:discarded", LANE.as_str());
    let mut read = redis::cmd("XRANGE");
    let entries: Vec<(String, Vec<(String, String)>)> =
        read.arg(discarded).arg(&["-", "+"]).query_async(&mut redis).await.unwrap();
    let reason = ("reason".to_owned(), "the moov atom is missing".to_owned());
    assert_eq!(entries[0].1, [("key".to_owned(), job("a").key), reason]);
}

#[tokio::test]
async fn lanes_do_not_wait_for_each_other() {
    for broker in [Broker::Nats, Broker::Redis] {
        let server = Server::start(broker).await;
        let queue = server.queue(options("test")).await;
        let idle = queue.lease(Lane::Detect);
        tokio::pin!(idle);
        assert!(timeout(Duration::from_millis(300), &mut idle).await.is_err());
        push(&queue, "a").await;
        timeout(LEASE / 2, queue.lease(LANE)).await.expect("it waits for the other lane").unwrap();
    }
}
