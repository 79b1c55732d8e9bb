//! Folding and committing detected segments.

use std::{fs, path::PathBuf, slice::from_ref, sync::Arc};

use camcount_domain::{
    CountPass, Decision, FrameSize, MediaSpan, MediaTime, Recording, SegmentCounts, SegmentDetections, Seq,
};
use camcount_runtime::{CountHandler, Handler, Run};
use camcount_store::{Artifact, Committed, EventKind, Scope, SegmentCommit, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    clips,
    folding::street,
    tally::Tally,
};

pub(crate) const SEGMENTS: i64 = 10;
const SEGMENT_S: i64 = 4;

/// Footage that nobody decodes.
fn footage(bench: &Bench) -> Recording {
    Recording {
        camera: bench.camera,
        source: "street.mp4".into(),
        span: MediaSpan { start: seconds(0), end: seconds(SEGMENTS * SEGMENT_S) },
        origin_us: 0,
        frame_size: FrameSize { width: 640, height: 360 },
        frame_interval_us: 100_000,
    }
}

/// The detections of one segment of the street.
fn found(bench: &Bench, seq: i64) -> SegmentDetections {
    SegmentDetections {
        frame_size: FrameSize { width: 640, height: 360 },
        classes: bench.detector().classes,
        frames: street(seq * SEGMENT_S * 10..(seq + 1) * SEGMENT_S * 10),
    }
}

async fn street_bench() -> Bench {
    let mut bench = Bench::new().await;
    bench.store.add_recording(&footage(&bench), SEGMENT_S * SECOND_US).await.unwrap();
    bench.open_pass(MediaSpan::ALL).await;
    bench
}

pub(crate) async fn detected() -> Bench {
    let bench = street_bench().await;
    for seq in 0..SEGMENTS {
        bench.keep(seq, &found(&bench, seq)).await;
    }
    bench
}

#[tokio::test]
async fn segment_by_segment_is_as_in_one_go() {
    let bench = detected().await;
    bench.count().await.unwrap();
    assert!(bench.is_finished().await);
    let tally = bench.tally().await;
    assert_eq!(tally, bench.plain_fold().await);
    assert!(tally.crossings.len() > 10);
    bench.count().await.unwrap();
    assert_eq!(bench.tally().await, tally);
}

#[tokio::test]
async fn artifacts_may_come_in_any_order() {
    let expected = {
        let bench = detected().await;
        bench.plain_fold().await
    };
    for step in [3, 7, 9] {
        let bench = street_bench().await;
        for n in 0..SEGMENTS {
            // 3, 7 and 9 have no divisor in common with 10: all segments come, in an order of their own.
            let seq = (n * step + 5) % SEGMENTS;
            bench.keep(seq, &found(&bench, seq)).await;
            bench.count().await.unwrap();
            let counted = bench.store.progress(&bench.pass).await.unwrap().counted;
            assert!(counted as i64 <= n + 1);
        }
        assert!(bench.is_finished().await);
        assert_eq!(bench.tally().await, expected, "steps of {step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_handlers_commit_each_segment_once() {
    let mut expected = None;
    for round in 0..8 {
        let bench = detected().await;
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (handler, pass) = (CountHandler::new(bench.ports()), bench.pass.clone());
            racing.spawn(async move { handler.run(CountPass { pass, next: Seq(0) }, run(1)).await });
        }
        while let Some(ended) = racing.join_next().await {
            ended.unwrap().unwrap();
        }
        // Losers leave at once; the winner of the last race goes on to the end.
        assert!(bench.is_finished().await, "round {round}");
        if expected.is_none() {
            expected = Some(bench.plain_fold().await);
        }
        assert_eq!(Some(bench.tally().await), expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folds_that_are_cut_off_anywhere_lose_and_double_nothing() {
    let bench = detected().await;
    let mut polls = 1;
    while !bench.is_finished().await {
        let (handler, pass) = (CountHandler::new(bench.ports()), bench.pass.clone());
        let job = handler.run(CountPass { pass, next: Seq(0) }, run(1));
        // Dropped after so many steps, wherever it is by then.
        tokio::pin!(job);
        let mut left = polls;
        let _ = std::future::poll_fn(|cx| {
            left -= 1;
            match job.as_mut().poll(cx) {
                std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(Ok(())),
                other => other,
            }
        })
        .await;
        polls += 1;
    }
    assert_eq!(bench.tally().await, bench.plain_fold().await);
}

#[tokio::test]
async fn a_cancelled_fold_keeps_what_it_has() {
    let bench = detected().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let args = CountPass { pass: bench.pass.clone(), next: Seq(0) };
    let failure = CountHandler::new(bench.ports()).run(args, Run { attempt: 1, cancel }).await.unwrap_err();
    assert!(matches!(failure.decision, Decision::Defer(_)));
    assert_eq!(bench.store.progress(&bench.pass).await.unwrap().counted, 0);
}

/// Flips a bit in the middle of a stored artifact; the path and the good bytes.
fn damage(bench: &Bench, artifact: &Artifact) -> (PathBuf, Vec<u8>) {
    let path = bench.path().join("blobs").join(&artifact.blob_key);
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    bytes[good.len() / 2] ^= 1;
    fs::write(&path, &bytes).unwrap();
    (path, good)
}

#[tokio::test]
async fn lost_detections_are_found_again_in_their_footage() {
    let camera = Bench::new().await.camera;
    let recording = clips::recording(camera, clips::walk(), seconds(0));
    let mut bench = Bench::with(&[recording], 3 * SECOND_US).await;
    for seq in 0..4 {
        bench.detect(seq, 1).await.unwrap();
    }
    bench.count().await.unwrap();
    let (first, expected) = (bench.pass.clone(), bench.tally().await);

    // Another pass, over detections of which one was damaged and one deleted meanwhile.
    bench.open_pass(MediaSpan { start: seconds(0), end: MediaTime::MAX }).await;
    assert_ne!(bench.pass, first);
    let (damaged, deleted) = (bench.artifact(1).await, bench.artifact(3).await);
    damage(&bench, &damaged);
    bench.blobs.delete(&deleted.blob_key).await.unwrap();
    for (seq, artifact, word) in [(1, damaged, "is damaged"), (3, deleted, "there is no object")] {
        bench.count().await.unwrap();
        assert_eq!(bench.store.progress(&bench.pass).await.unwrap().counted, seq as u64);
        assert_eq!(bench.outcome(seq).await, None);
        let due = bench.store.due_detections(Scope::Passes(from_ref(&bench.pass)), 9).await.unwrap();
        assert_eq!(due, [bench.detection(seq)]);
        // A second job, that read the same before the first one was through.
        bench.count().await.unwrap();
        let events = bench.store.camera_events(bench.camera).await.unwrap();
        let last = events.last().unwrap();
        assert_eq!((last.kind, last.span.start), (EventKind::ArtifactForgotten, seconds(seq * 3)));
        assert!(last.detail.contains(word) && last.detail.contains(&artifact.blob_key), "{}", last.detail);
        bench.detect(seq, 1).await.unwrap();
        assert_eq!(bench.artifact(seq).await, artifact, "the same frames, the same bytes");
    }
    bench.count().await.unwrap();
    assert!(bench.is_finished().await);
    assert_eq!(bench.tally().await, expected);
    assert_eq!(bench.tally().await, bench.plain_fold().await);
    assert_eq!(Tally::stored(&*bench.store, &first).await, expected, "what was folded stays");
}

#[tokio::test]
async fn lost_detections_whose_footage_is_gone_are_waited_for() {
    let bench = detected().await;
    let artifact = bench.artifact(4).await;
    let (path, good) = damage(&bench, &artifact);
    let failure = bench.count().await.unwrap_err();
    assert!(matches!(failure.decision, Decision::Defer(_)));
    let reason = failure.chain();
    for part in [&artifact.blob_key, "is damaged", "restore it", "reading street.mp4 broke off"] {
        assert!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
    fs::remove_file(&path).unwrap();
    let failure = bench.count().await.unwrap_err();
    assert!(matches!(failure.decision, Decision::Defer(_)));
    assert!(failure.chain().contains(&artifact.blob_key), "{failure}");
    assert_eq!(bench.artifact(4).await, artifact, "it is not forgotten");
    assert_eq!(bench.store.progress(&bench.pass).await.unwrap().counted, 4);
    fs::write(&path, &good).unwrap();
    bench.count().await.unwrap();
    assert_eq!(bench.tally().await, bench.plain_fold().await);
}

#[tokio::test]
async fn a_state_of_another_version_stops_its_pass() {
    let bench = detected().await;
    let counts = SegmentCounts::default();
    let commit = SegmentCommit { pass: &bench.pass, seq: Seq(0), counts: &counts, state: b"\xffold" };
    assert_eq!(bench.store.commit_segment(commit).await.unwrap(), Committed::Now);
    let failure = bench.count().await.unwrap_err();
    assert_eq!(failure.decision, Decision::Discard);
    assert!(failure.chain().contains("another version of camcount"), "{failure}");
}

#[tokio::test]
async fn an_unreachable_store_is_waited_for() {
    let bench = detected().await;
    let store = Arc::clone(&bench.store);
    store.close().await;
    let failure = bench.count().await.unwrap_err();
    assert!(matches!(failure.decision, Decision::Defer(_)), "{failure}");
    let failure = bench.detect(0, 3).await.unwrap_err();
    assert!(matches!(failure.decision, Decision::Defer(_)), "{failure}");
}

#[tokio::test]
async fn a_range_within_the_footage_counts_what_lies_in_it() {
    let mut bench = street_bench().await;
    let range = MediaSpan { start: seconds(6), end: seconds(17) };
    bench.open_pass(range).await;
    for seq in 0..SEGMENTS {
        bench.keep(seq, &found(&bench, seq)).await;
    }
    bench.count().await.unwrap();
    assert!(bench.is_finished().await);
    let tally = bench.tally().await;
    assert_eq!(tally.covered_us(), (11 * SECOND_US, 0));
    assert_eq!(tally.frames.len(), 110);
    assert!(tally.crossings.iter().all(|c| range.contains(c.time)));
    assert_ne!(tally, Tally::default());
}
