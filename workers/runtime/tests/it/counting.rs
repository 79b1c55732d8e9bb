//! Folding and committing detected segments.

use std::{fs, sync::Arc};

use camcount_domain::{
    CountPass, Decision, FrameSize, MediaSpan, Recording, SegmentCounts, SegmentDetections, Seq,
};
use camcount_runtime::{CountHandler, Handler, Run};
use camcount_store::{Committed, SegmentCommit, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    folding::street,
    tally::Tally,
};

const SEGMENTS: i64 = 10;
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

async fn detected() -> Bench {
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

#[tokio::test]
async fn a_damaged_artifact_is_refused_with_its_name() {
    let bench = detected().await;
    let artifact = bench.artifact(4).await;
    let path = bench.path().join("blobs").join(&artifact.blob_key);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let failure = bench.count().await.unwrap_err();
    assert_eq!(failure.decision, Decision::Retry);
    let reason = failure.chain();
    assert!(reason.contains(&artifact.blob_key) && reason.contains("is damaged"), "{reason}");
    assert_eq!(bench.store.progress(&bench.pass).await.unwrap().counted, 4);
    // It was a bad read, or the file was restored.
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    bench.count().await.unwrap();
    assert_eq!(bench.tally().await, bench.plain_fold().await);
}

#[tokio::test]
async fn a_missing_artifact_is_named() {
    let bench = detected().await;
    let key = bench.artifact(0).await.blob_key;
    bench.blobs.delete(&key).await.unwrap();
    let failure = bench.count().await.unwrap_err();
    assert_eq!(failure.decision, Decision::Retry);
    assert!(failure.chain().contains(&key), "{failure}");
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
