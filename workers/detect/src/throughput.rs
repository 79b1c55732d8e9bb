//! What the service costs over bare inference. Measured on demand:
//! `cargo test -p camcount-detect throughput -- --ignored --nocapture`

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Instant,
};

use camcount_domain::{Frame, MediaTime};

use crate::{
    Detect, Device, OnnxDetector, OnnxOptions, library,
    network::{InputShape, Network, open_session},
};

const FRAMES: usize = 150;

#[test]
#[ignore = "a measurement, worth something on an idle machine only"]
fn throughput() {
    let data = std::env::var_os("CAMCOUNT_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let model = data.join("models/yolox_nano_416.onnx");
    for _ in 0..3 {
        bare(&model);
        for sessions in [1, 2] {
            service(&model, sessions);
        }
    }
}

/// One session on one thread and a tensor that is ready: nothing but inference.
fn bare(path: &Path) {
    let model = std::fs::read(path).unwrap();
    let session = open_session(&library::load(None).unwrap(), Device::CPU, path, &model).unwrap();
    let shape = InputShape::planes(1, 416, 416);
    let mut network = Network::new(session, shape);
    network.fill(0, &picture(3 * 416 * 416), &[[0.5; 256]; 3]);
    let start = Instant::now();
    for _ in 0..FRAMES {
        network.run(|_| ()).unwrap();
    }
    report("bare session", start);
}

fn service(path: &Path, sessions: usize) {
    let options = OnnxOptions { sessions: NonZeroUsize::new(sessions), ..OnnxOptions::new(path) };
    let detector = OnnxDetector::open(&options).unwrap();
    let wanted = detector.picture();
    let data = picture(wanted.bytes());
    let start = Instant::now();
    let frame = |n: usize| Frame { time: MediaTime(n as i64), data: data.clone() };
    let tickets: Vec<_> = (0..FRAMES).map(|n| detector.submit(frame(n), wanted.size, None)).collect();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    report(&format!("service, sessions {sessions}"), start);
}

fn picture(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 31 % 251) as u8).collect()
}

fn report(what: &str, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let frames = FRAMES as f64;
    println!("{what}: {:.1} frames/s, {:.2} ms a frame", frames / seconds, 1e3 * seconds / frames);
}
