//! What is published follows from the store alone.
#![allow(clippy::unwrap_used)] // a failed expectation is a panic

use std::{path::Path, sync::Arc};

use camcount_domain::{
    Camera, CameraId, DetectSegment, Detector, FrameSize, Lane, MediaSpan, MediaTime, Pass, Priority, Rate,
    Recording, Ruleset, SegmentCounts, Seq,
};
use camcount_queue::{InProcess, Options, Queue, Standing, Verdict};
use camcount_scheduler::{Due, PlanError, Reconciler, plan_pass};
use camcount_store::{Artifact, Scope, SegmentCommit, Sqlite, Store};

/// A camera with ten segments of a second, and a pass over `range` of them.
async fn store(dir: &Path, range: MediaSpan) -> (Arc<dyn Store>, Result<Pass, PlanError>) {
    let store = Sqlite::open(&dir.join("camcount.db")).await.unwrap();
    let camera = Camera { id: CameraId::of_footage("gate"), name: "gate".into(), start_known: false };
    store.register_camera(&camera).await.unwrap();
    let recording = Recording {
        camera: camera.id,
        source: "gate.mp4".into(),
        span: MediaSpan { start: MediaTime(0), end: MediaTime(10_000_000) },
        origin_us: 0,
        frame_size: FrameSize { width: 64, height: 48 },
        frame_interval_us: 100_000,
    };
    store.add_recording(&recording, 1_000_000).await.unwrap();
    let detector = Detector {
        name: "motion".into(),
        sha256: String::new(),
        layout: String::new(),
        settings: String::new(),
        rate: Rate::DEFAULT,
        classes: vec!["person".into()],
    };
    let detector = store.register_detector(&detector).await.unwrap();
    let ruleset = store.register_ruleset(&Ruleset::default()).await.unwrap();
    let pass = plan_pass(&store, camera.id, detector, ruleset, range).await;
    if let Ok(pass) = &pass {
        store.open_pass(pass).await.unwrap();
    }
    (Arc::new(store), pass)
}

fn seconds(from: i64, to: i64) -> MediaSpan {
    MediaSpan { start: MediaTime(from * 1_000_000), end: MediaTime(to * 1_000_000) }
}

#[tokio::test]
async fn a_lost_queue_is_filled_again_from_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pass) = store(dir.path(), MediaSpan::ALL).await;
    let (pass, queue) = (pass.unwrap(), Arc::new(InProcess::default()));
    let reconciler = Reconciler::new(Arc::clone(&store), queue.clone(), 4);
    assert_eq!(
        reconciler.tick(Scope::All, Priority::Live).await.unwrap(),
        Due { counts: 0, detections: 4, pushed: 4 }
    );
    assert_eq!(
        reconciler.tick(Scope::All, Priority::Live).await.unwrap().pushed,
        0,
        "a second tick changes nothing"
    );

    let queue = Arc::new(InProcess::default());
    let reconciler = Reconciler::new(Arc::clone(&store), queue.clone(), 4);
    assert_eq!(
        reconciler.tick(Scope::All, Priority::Live).await.unwrap().pushed,
        4,
        "all of it is published again"
    );

    let artifact = Artifact { blob_key: "k".into(), sha256: "s".into(), frames: 1, spared: 0 };
    let job = DetectSegment { camera: pass.camera, seq: Seq(0), detector: pass.detector.clone() };
    store.keep_artifact(&job, &artifact).await.unwrap();
    let due = reconciler.tick(Scope::All, Priority::Live).await.unwrap();
    assert_eq!(due, Due { counts: 1, detections: 3, pushed: 1 });
    assert_eq!(queue.depth(Lane::Count).await.unwrap().waiting, 1);

    let counts = SegmentCounts::default();
    let commit = SegmentCommit { pass: &pass.id(), seq: Seq(0), counts: &counts, state: &[] };
    store.commit_segment(commit).await.unwrap();
    assert_eq!(
        reconciler.tick(Scope::All, Priority::Live).await.unwrap(),
        Due { counts: 0, detections: 4, pushed: 1 }
    );
}

#[tokio::test]
async fn a_full_lane_is_filled_up_later() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = store(dir.path(), MediaSpan::ALL).await;
    let queue = Arc::new(InProcess::new(Options { capacity: 3, ..Options::default() }));
    let reconciler = Reconciler::new(store, queue.clone(), 10);
    assert_eq!(reconciler.tick(Scope::All, Priority::Live).await.unwrap().pushed, 3);
    let lease = queue.lease(Lane::Detect).await.unwrap();
    assert_eq!(queue.settle(&lease, Verdict::Done).await.unwrap(), Standing::Held);
    assert_eq!(reconciler.tick(Scope::All, Priority::Live).await.unwrap().pushed, 1);
}

#[tokio::test]
async fn a_pass_is_about_the_segments_that_its_range_touches() {
    let dir = tempfile::tempdir().unwrap();
    let (_, pass) = store(dir.path(), seconds(3, 5)).await;
    let pass = pass.unwrap();
    assert_eq!((pass.first, pass.last), (Seq(3), Some(Seq(4))));
    let dir = tempfile::tempdir().unwrap();
    let (_, pass) = store(dir.path(), seconds(-5, 1)).await;
    assert_eq!(pass.unwrap().last, Some(Seq(0)));
}

/// Whoever waits for work to end asks what is due while others work.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_detected_meanwhile_is_due_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pass) = store(dir.path(), MediaSpan::ALL).await;
    let (pass, queue) = (pass.unwrap(), Arc::new(InProcess::default()));
    let reconciler = Reconciler::new(Arc::clone(&store), queue, 1);
    for seq in (0..10).map(Seq) {
        let job = DetectSegment { camera: pass.camera, seq, detector: pass.detector.clone() };
        let keeping = tokio::spawn({
            let (store, job) = (Arc::clone(&store), job.clone());
            let artifact = Artifact { blob_key: "k".into(), sha256: "s".into(), frames: 1, spared: 0 };
            async move { store.keep_artifact(&job, &artifact).await }
        });
        while !keeping.is_finished() {
            let due = reconciler.tick(Scope::All, Priority::Live).await.unwrap();
            assert!(due.counts + due.detections > 0, "{seq:?} is not finished");
        }
        keeping.await.unwrap().unwrap();
        let counts = SegmentCounts::default();
        let commit = SegmentCommit { pass: &pass.id(), seq, counts: &counts, state: &[] };
        store.commit_segment(commit).await.unwrap();
    }
    assert_eq!(reconciler.tick(Scope::All, Priority::Live).await.unwrap(), Due::default());
}
