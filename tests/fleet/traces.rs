//! One trace from segment to commit, over all processes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use camcount_domain::{Seq, segment_trace};

use crate::{
    fleet::{Fleet, street},
    servers::Broker,
};

/// A collector of OTLP over HTTP that keeps what it is sent.
fn collector() -> (u16, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let keeping = Arc::clone(&keeping);
            std::thread::spawn(move || while take(&stream, &keeping).is_some() {});
        }
    });
    (port, kept)
}

/// Takes one request; `None` when there is none any more.
fn take(mut stream: &TcpStream, keeping: &Mutex<Vec<Vec<u8>>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    keeping.lock().unwrap().push(body);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn detection_and_commit_of_a_segment_are_one_trace_in_two_processes() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let id = fleet.street("gate", &video, 15).await;
    let (port, kept) = collector();
    fleet.ok(["scheduler", "--once"]).await;
    for (name, lane) in [("detect", "detect"), ("count", "count")] {
        let args = ["worker", "--lanes", lane, "--exit-when-idle", "500ms"];
        let worker = fleet.start_with(name, args, |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"));
        });
        assert!(worker.wait().await);
        fleet.ok(["scheduler", "--once"]).await;
    }
    let kept = kept.lock().unwrap();
    let trace = segment_trace(id, Seq(0)).to_be_bytes();
    let of =
        |span: &str| kept.iter().filter(|body| holds(body, span.as_bytes()) && holds(body, &trace)).count();
    assert!(of("detect") > 0 && of("commit") > 0, "{} and {} of {}", of("detect"), of("commit"), kept.len());
    assert!(kept.iter().all(|body| holds(body, b"service.name") && holds(body, b"camcount")));
}
