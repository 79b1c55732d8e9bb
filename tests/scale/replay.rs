//! A detector that is scripted: it waits as long as it is told and finds what it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{Blobs, Folder, detections, keys};
use camcount_domain::{
    BBox, Camera, CameraId, Confidence, DetectSegment, DetectedFrame, Detection, Detector, Failure,
    FrameSize, GRID, Rate, SegmentDetections, rules::RulesDraft,
};
use camcount_runtime::{Handler, Run};
use camcount_store::{Artifact, Postgres, Store};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

/// Looked-at frames a second of every camera.
pub(crate) const FPS: i64 = 10;

pub(crate) const FRAME_SIZE: FrameSize = FrameSize { width: 1280, height: 720 };

/// Finds five people on their way across the picture in every frame of a segment, written anew as an artifact.
pub(crate) struct Scripted {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<Folder>,
    /// What inference would take.
    pub(crate) latency: Duration,
    /// So many jobs, the first ones, take longer, each by its share of the latency: what begins together goes on out of
    /// step.
    pub(crate) spread: usize,
    /// Jobs that were begun.
    pub(crate) begun: AtomicUsize,
    /// What was found, read from a file as an artifact, with times from zero.
    pub(crate) found: Bytes,
}

#[async_trait]
impl Handler for Scripted {
    type Args = DetectSegment;

    async fn run(&self, args: DetectSegment, _: Run) -> Result<(), Failure> {
        let (segment, _) = self.store.segment(args.camera, args.seq).await.map_err(Failure::retry)?;
        let nth = self.begun.fetch_add(1, Ordering::Relaxed);
        let longer = if nth < self.spread { nth as f64 / self.spread as f64 } else { 0.0 };
        let inference = sleep_until(Instant::now() + self.latency.mul_f64(1.0 + longer));
        // To read the script stands for inference, and is part of its time.
        let bytes = self.found.clone();
        let found = spawn_blocking(move || {
            let mut found = detections::decode(bytes).unwrap();
            for frame in &mut found.frames {
                frame.time = segment.span.start.plus_us(frame.time.0);
            }
            found
        });
        let found = found.await.map_err(Failure::retry)?;
        inference.await;
        let encoded =
            spawn_blocking(move || (detections::encode(&found).unwrap(), found.frames.len() as u32));
        let (bytes, frames) = encoded.await.map_err(Failure::retry)?;
        let sha256 = detections::checksum(&bytes);
        let blob_key = keys::detections(args.camera, args.seq, &args.detector, &sha256);
        self.blobs.put(&blob_key, bytes).await.map_err(Failure::retry)?;
        let artifact = Artifact { blob_key, sha256, frames, spared: 0 };
        self.store.keep_artifact(&args, &artifact).await.map_err(Failure::retry)?;
        Ok(())
    }
}

/// What is found in a segment of `seconds`, as an artifact.
pub(crate) fn script(seconds: i64) -> Bytes {
    let frames = (0..seconds * FPS).map(|n| DetectedFrame {
        time: camcount_domain::MediaTime(n * 1_000_000 / FPS),
        detections: (0..5).map(|person| walker(person, n, seconds * FPS)).collect(),
    });
    let found = SegmentDetections {
        frame_size: FRAME_SIZE,
        classes: vec!["person".to_owned()],
        frames: frames.collect(),
    };
    detections::encode(&found).unwrap()
}

/// Someone who walks from one side to the other in a segment's time.
fn walker(person: i64, n: i64, of: i64) -> Detection {
    let share = n as f64 / of as f64;
    let across = if person % 2 == 0 { share } else { 1.0 - share };
    let left = 0.05 + across * 0.85;
    let top = 0.1 + person as f64 * 0.15;
    Detection {
        bbox: BBox { left: grid(left), top: grid(top), right: grid(left + 0.04), bottom: grid(top + 0.12) },
        class: 0,
        confidence: Confidence(8_000),
    }
}

fn grid(unit: f64) -> i32 {
    (unit * f64::from(GRID)).round() as i32
}

pub(crate) fn detector() -> Detector {
    Detector {
        name: "scripted".into(),
        sha256: String::new(),
        layout: "scripted".into(),
        settings: "five people".into(),
        rate: Rate::from_fps(FPS as f64).unwrap(),
        classes: vec!["person".into()],
    }
}

/// Registers `count` cameras, each with a line and a zone, and assigns the scripted detector to all of them.
pub(crate) async fn register(store: &Postgres, count: usize) -> Vec<CameraId> {
    use camcount_store::{CameraEntry, Registry};
    let draft = RulesDraft {
        classes: Vec::new(),
        lines: vec!["middle: 0.5,0 -> 0.5,1".parse().unwrap()],
        zones: vec!["inner: 0.3,0.1 0.7,0.1 0.7,0.95 0.3,0.95".parse().unwrap()],
    };
    let ruleset = store.register_ruleset(&draft.resolve(FRAME_SIZE).unwrap()).await.unwrap();
    let detector = store.register_detector(&detector()).await.unwrap();
    let mut cameras = Vec::new();
    for n in 0..count {
        let name = format!("camera-{n:04}");
        let camera = Camera { id: CameraId::of_footage(&name), name, start_known: true };
        cameras.push(camera.id);
        let entry = CameraEntry {
            camera,
            source: "rtsp://simulated.example".into(),
            enabled: true,
            location: None,
            gps: None,
            tags: ["simulated".to_owned()].into(),
            time_zone: "UTC".into(),
            settings: serde_json::json!({}),
            last_seen: None,
        };
        store.enter_camera(&entry).await.unwrap();
        store.assign(cameras[n], &detector, &ruleset).await.unwrap();
    }
    cameras
}
