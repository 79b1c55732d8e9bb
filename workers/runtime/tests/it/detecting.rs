//! Detection of segments of real clips: what is kept, what is tried again, what is given up, and what is left
//! running: nothing.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use camcount_decode::{Ffmpeg, Options};
use camcount_detect::MotionDetector;
use camcount_domain::{Decision, Failure, JobArgs, Lane, MediaSpan, Priority};
use camcount_queue::{InProcess, Queue};
use camcount_runtime::{DetectHandler, Detectors, Handler, Handlers, JobEnd, Run, Workers, WorkersOptions};
use camcount_store::{EventKind, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    clips,
    faults::{Fate, FullDisk, Planned, gone, traced},
};

/// Twelve seconds in four segments.
pub(crate) async fn walking() -> Bench {
    let camera = Bench::new().await.camera;
    Bench::with(&[clips::recording(camera, clips::walk(), seconds(0))], 3 * SECOND_US).await
}

pub(crate) fn is_deferred(result: &Result<(), Failure>) -> bool {
    matches!(result, Err(Failure { decision: Decision::Defer(_), .. }))
}

pub(crate) fn is_retried(result: &Result<(), Failure>) -> bool {
    matches!(result, Err(Failure { decision: Decision::Retry, .. }))
}

/// Fails on every segment, and on nothing else.
fn failing_on_footage() -> Arc<Planned> {
    Planned::new(|time| if time > seconds(0) { Fate::Failed } else { Fate::Looked })
}

#[tokio::test]
async fn the_first_artifact_is_kept_and_a_second_run_does_nothing() {
    let bench = walking().await;
    let ports = bench.ports();
    let handler = DetectHandler::new(ports.clone());
    handler.run(bench.detection(1), run(1)).await.unwrap();
    let artifact = bench.artifact(1).await;
    assert_eq!((artifact.frames, ports.meter.frames()), (30, 30));
    let bytes = bench.blobs.get(&artifact.blob_key).await.unwrap();
    let found = camcount_blob::detections::decode(bytes).unwrap();
    assert!(found.frames.iter().filter(|frame| !frame.detections.is_empty()).count() > 20);

    // Also when it comes late in its attempts, and when there is nothing to look with any more.
    handler.run(bench.detection(1), run(9)).await.unwrap();
    let blind = Detectors::default();
    DetectHandler::new(camcount_runtime::Ports { detectors: blind, ..ports.clone() })
        .run(bench.detection(1), run(1))
        .await
        .unwrap();
    assert_eq!(ports.meter.frames(), 30);
    assert_eq!(bench.artifact(1).await, artifact);
}

#[tokio::test]
async fn segments_are_the_same_whatever_was_looked_at_before() {
    let (bench, other) = (walking().await, walking().await);
    for seq in [3, 0, 2, 1] {
        bench.detect(seq, 1).await.unwrap();
    }
    let handler = DetectHandler::new(other.ports());
    for seq in 0..4 {
        handler.run(other.detection(seq), run(1)).await.unwrap();
        assert_eq!(other.artifact(seq).await, bench.artifact(seq).await, "segment {seq}");
    }
}

#[tokio::test]
async fn a_poisonous_segment_becomes_a_gap_and_the_rest_is_counted() {
    let mut bench = walking().await;
    let poisoned = MediaSpan { start: seconds(3), end: seconds(6) };
    bench.detect =
        Planned::new(
            move |time| {
                if poisoned.contains(time) && time > seconds(4) { Fate::Failed } else { Fate::Looked }
            },
        );
    for seq in [0, 2, 3] {
        bench.detect(seq, 1).await.unwrap();
    }
    for attempt in [1, 2] {
        assert!(is_retried(&bench.detect(1, attempt).await));
        assert_eq!(bench.outcome(1).await, None);
    }
    bench.detect(1, 3).await.unwrap();
    let reason = bench.quarantined(1).await;
    assert!(reason.starts_with("detection failed: the frame at 1970-01-01T00:00:04.1"), "{reason}");
    let events = bench.store.camera_events(bench.camera).await.unwrap();
    assert_eq!(events.len(), 1);
    let event = (events[0].kind, events[0].span, &events[0].detail);
    assert_eq!(event, (EventKind::Quarantined, poisoned, &reason));

    bench.count().await.unwrap();
    assert!(bench.is_finished().await);
    let tally = bench.tally().await;
    assert_eq!(tally.covered_us(), (9 * SECOND_US, 3 * SECOND_US));
    assert_eq!(tally.frames.len(), 90);
    let outside = tally.crossings.iter().filter(|c| !poisoned.contains(c.time)).count();
    assert!(outside >= 2 && outside == tally.crossings.len(), "{:?}", tally.crossings);
    // Late news change nothing.
    bench.detect(1, 4).await.unwrap();
    assert_eq!(bench.quarantined(1).await, reason);
}

#[tokio::test]
async fn attempts_count_over_processes() {
    let mut bench = walking().await;
    bench.detect = failing_on_footage();
    // Three processes, each of which has an own queue and so makes its own first attempt.
    assert!(is_retried(&bench.detect(0, 1).await));
    assert!(is_retried(&bench.detect(0, 1).await));
    bench.detect(0, 1).await.unwrap();
    bench.quarantined(0).await;
    // Workers that died over it, and never could say why: it is looked at for longer, for they may have died of anything.
    assert!(is_retried(&bench.detect(1, 10).await));
    bench.detect(1, 11).await.unwrap();
    assert!(bench.quarantined(1).await.contains("ran out of attempts"));
}

#[tokio::test]
async fn a_panic_is_the_failure_of_its_segment_alone() {
    let mut bench = walking().await;
    bench.detect = Planned::new(|time| if time == seconds(7) { Fate::Panics } else { Fate::Looked });
    for attempt in 1..=3 {
        for seq in 0..4 {
            let result = bench.detect(seq, attempt).await;
            assert_eq!(is_retried(&result), seq == 2 && attempt < 3, "{seq} {attempt}: {result:?}");
        }
    }
    assert_eq!(bench.quarantined(2).await, "detection panicked: no such pixel");
    for seq in [0, 1, 3] {
        bench.artifact(seq).await;
    }
}

#[tokio::test]
async fn a_broken_file_among_others_becomes_a_gap_first_middle_or_last() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = dir.path().join("broken.mp4");
    fs::write(&garbage, [0x5a; 4096]).unwrap();
    let camera = Bench::new().await.camera;
    for place in 0..3 {
        let mut start = seconds(1000);
        let mut recordings = Vec::new();
        for index in 0..3 {
            // Of different sizes, as after a change of the camera's settings.
            let clip = [clips::walk(), clips::small_walk()][index % 2];
            let mut recording = clips::recording(camera, clip, start);
            // A camera has a file of a name once.
            let file = dir.path().join(format!("{place}-{index}.mp4"));
            symlink(if index == place { &garbage } else { clip }, &file).unwrap();
            recording.source = file.to_str().unwrap().to_owned();
            start = recording.span.end;
            recordings.push(recording);
        }
        let bench = Bench::with(&recordings, 6 * SECOND_US).await;
        let handler = DetectHandler::new(bench.ports());
        for seq in 0..bench.segments {
            let mut attempt = 1;
            while let Err(failure) = handler.run(bench.detection(seq), run(attempt)).await {
                assert_eq!(failure.decision, Decision::Retry, "{failure}");
                attempt += 1;
            }
            assert_eq!(attempt, if seq / 2 == place as i64 { 3 } else { 1 });
        }
        let reason = bench.quarantined(place as i64 * 2).await;
        assert!(reason.contains(&format!("{place}-{place}.mp4")), "{reason}");
        bench.count().await.unwrap();
        assert!(bench.is_finished().await);
        let tally = bench.tally().await;
        assert_eq!(tally.covered_us(), (24 * SECOND_US, 12 * SECOND_US), "broken at {place}");
        assert_eq!(tally.frames.len(), 240);
        let broken = recordings[place].span;
        assert!(tally.crossings.iter().all(|c| !broken.contains(c.time)));
        assert!(tally.crossings.len() >= 4, "{}", tally.crossings.len());
    }
}

#[tokio::test]
async fn a_bad_place_defers_and_never_quarantines() {
    let mut bench = walking().await;
    let missing = Options { ffmpeg: "/nowhere/ffmpeg".into(), ..Options::default() };
    bench.footage = Ffmpeg::new(missing);
    let result = bench.detect(0, 3).await;
    assert!(is_deferred(&result) && result.unwrap_err().chain().contains("/nowhere/ffmpeg is not installed"));

    bench.footage = Ffmpeg::default();
    let folder = Arc::clone(&bench.blobs);
    bench.blobs = Arc::new(FullDisk(Arc::clone(&folder)));
    let result = bench.detect(0, 3).await;
    assert!(
        is_deferred(&result) && result.unwrap_err().chain().contains("the disk is full; free some space")
    );
    bench.blobs = folder;

    let mut ports = bench.ports();
    ports.detectors = Detectors::default();
    ports.detectors.load(Arc::new(MotionDetector::new()), camcount_domain::Rate { millihertz: 7 });
    let result = DetectHandler::new(ports).run(bench.detection(0), run(3)).await;
    assert!(is_deferred(&result));
    let reason = result.unwrap_err().chain();
    assert!(reason.contains(&format!("{} cannot be loaded here", bench.detector().version())), "{reason}");

    assert_eq!(bench.outcome(0).await, None);
    assert!(bench.store.camera_events(bench.camera).await.unwrap().is_empty());
    bench.detect(0, 3).await.unwrap();
    bench.artifact(0).await;
}

#[tokio::test]
async fn footage_that_is_away_is_waited_for() {
    let camera = Bench::new().await.camera;
    let mut recording = clips::recording(camera, clips::walk(), seconds(0));
    let dir = tempfile::tempdir().unwrap();
    let share = dir.path().join("walk.mp4");
    recording.source = share.to_str().unwrap().to_owned();
    let bench = Bench::with(&[recording], 3 * SECOND_US).await;
    for _ in 0..2 {
        let result = bench.detect(0, 3).await;
        assert!(is_deferred(&result), "{result:?}");
    }
    fs::copy(clips::walk(), &share).unwrap();
    bench.detect(0, 3).await.unwrap();
    bench.artifact(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_cannot_be_noted_uses_no_attempt() {
    let mut bench = walking().await;
    for _ in 0..2 {
        let (store, runtime) = (Arc::clone(&bench.store), tokio::runtime::Handle::current());
        bench.detect = Planned::new(move |time| {
            if time == seconds(0) {
                return Fate::Looked;
            }
            // The database goes away while the segment is being looked at.
            runtime.block_on(store.close());
            Fate::Failed
        });
        assert!(is_deferred(&bench.detect(0, 3).await));
        bench.store = bench.store_again().await;
        assert_eq!(bench.outcome(0).await, None);
    }
    bench.detect = Arc::new(MotionDetector::new());
    bench.detect(0, 3).await.unwrap();
    bench.artifact(0).await;
}

#[tokio::test]
async fn footage_without_frames_where_there_should_be_some_is_empty_and_no_failure() {
    let camera = Bench::new().await.camera;
    let mut recording = clips::recording(camera, clips::walk(), seconds(0));
    // The container claims twice its length.
    recording.span.end = recording.span.end.plus_us(12 * SECOND_US);
    let bench = Bench::with(&[recording], 3 * SECOND_US).await;
    for seq in 0..8 {
        bench.detect(seq, 1).await.unwrap();
        assert_eq!(bench.artifact(seq).await.frames, if seq < 4 { 30 } else { 0 });
    }
    bench.count().await.unwrap();
    assert!(bench.is_finished().await);
    let (observed_us, gap_us) = bench.tally().await.covered_us();
    assert_eq!((observed_us, gap_us), (12 * SECOND_US, 12 * SECOND_US));
}

/// A detector that waits for a word before every frame, and the handler's job.
struct Held {
    bench: Bench,
    pids: PathBuf,
    /// One word, one frame; dropping it lets all go.
    words: mpsc::Sender<()>,
    /// Hears of every frame that is submitted.
    submitted: tokio::sync::mpsc::UnboundedReceiver<()>,
    frames: Arc<AtomicUsize>,
}

async fn held() -> Held {
    let mut bench = walking().await;
    let (footage, pids) = traced(bench.path(), "", Duration::from_secs(60));
    bench.footage = footage;
    let ((words, heard), (submit, submitted)) = (mpsc::channel(), tokio::sync::mpsc::unbounded_channel());
    let heard = std::sync::Mutex::new(heard);
    let frames = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&frames);
    bench.detect = Planned::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let _ = submit.send(());
        let _ = heard.lock().unwrap().recv();
        Fate::Looked
    });
    Held { bench, pids, words, submitted, frames }
}

#[tokio::test]
async fn a_cancelled_detection_ends_at_its_next_frame() {
    let mut held = held().await;
    let cancel = CancellationToken::new();
    let handler = DetectHandler::new(held.bench.ports());
    let (args, run) = (held.bench.detection(0), Run { attempt: 1, cancel: cancel.clone() });
    let job = tokio::spawn(async move { handler.run(args, run).await });
    held.submitted.recv().await.unwrap();
    cancel.cancel();
    held.words.send(()).unwrap();
    let result = job.await.unwrap();
    assert!(is_deferred(&result) && result.unwrap_err().chain() == "stopped");
    assert_eq!(held.frames.load(Ordering::SeqCst), 1);
    gone(&held.pids).await;
    assert_eq!(held.bench.outcome(0).await, None);
}

#[tokio::test]
async fn a_detection_whose_run_is_over_ends_as_well() {
    let mut held = held().await;
    let queue: Arc<dyn Queue> = Arc::new(InProcess::default());
    let handlers = Handlers::default().with(DetectHandler::new(held.bench.ports()));
    let options = WorkersOptions {
        slots: vec![(Lane::Detect, 1)],
        attempts: 1,
        longest_run: Duration::from_millis(300),
        ..WorkersOptions::default()
    };
    let workers = Workers::start(&queue, handlers, options);
    let mut ends = workers.ends();
    queue.push(held.bench.detection(0).to_job(Priority::Live).unwrap()).await.unwrap();
    match ends.recv().await.unwrap() {
        JobEnd::GivenUp { reason, .. } => assert!(reason.contains("ran for longer"), "{reason}"),
        other => panic!("{other:?}"),
    }
    // The thread is still at a frame, or has not come to it; it ends with it and takes FFmpeg along.
    drop(held.words);
    while held.submitted.try_recv().is_ok() {}
    gone(&held.pids).await;
    assert!(held.frames.load(Ordering::SeqCst) <= 1);
    assert_eq!(held.bench.outcome(0).await, None);
    workers.stop().await;
}

#[tokio::test]
async fn a_block_that_breaks_off_has_a_backdrop_too() {
    let camera = Bench::new().await.camera;
    let mut recording = clips::recording(camera, clips::long_walk(), seconds(0));
    // The camera falls silent right after 20 s, where the second block begins, and the container claims to go on.
    // None of the frames there comes first in its slot of the sampling rate.
    recording.span.end = seconds(40);
    let bench = Bench::with(&[recording], 20 * SECOND_US).await;
    bench.detect(1, 1).await.unwrap();
    assert_eq!(bench.artifact(1).await.frames, 5);
}
