//! Behind a gate: what is spared and what is found do not depend on the cut, and what stands still stays.

use std::sync::Arc;

use camcount_blob::detections;
use camcount_detect::{Detect, Gated, MotionDetector};
use camcount_domain::{DetectedFrame, MediaSpan, MediaTime};
use camcount_runtime::{DetectHandler, Handler};

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    clips,
    faults::{Fate, Planned},
};

/// Somebody who walks, stands for seconds and walks on, cut into segments of `segment_us`, and `detect` behind a gate.
async fn gated(detect: Arc<dyn Detect>, segment_us: i64) -> Bench {
    let camera = Bench::new().await.camera;
    let mut bench =
        Bench::with(&[clips::recording(camera, clips::halting_walk(), seconds(0))], segment_us).await;
    bench.detect = Arc::new(Gated::new(detect));
    bench.open_pass(MediaSpan::ALL).await;
    bench
}

/// Detects all segments; the frames of all, and how many were spared.
async fn detected(bench: &Bench) -> (Vec<DetectedFrame>, u32) {
    let (mut frames, mut spared) = (Vec::new(), 0);
    let handler = DetectHandler::new(bench.ports());
    for seq in (0..bench.segments).rev() {
        handler.run(bench.detection(seq), run(1)).await.unwrap();
        let artifact = bench.artifact(seq).await;
        spared += artifact.spared;
        let bytes = bench.blobs.get(&artifact.blob_key).await.unwrap();
        let mut before = detections::decode(bytes).unwrap().frames;
        assert_eq!(before.len(), artifact.frames as usize);
        before.append(&mut frames);
        frames = before;
    }
    (frames, spared)
}

#[tokio::test]
async fn what_is_spared_does_not_depend_on_the_cut() {
    let whole = gated(Arc::new(MotionDetector::new()), 3600 * SECOND_US).await;
    let (frames, spared) = detected(&whole).await;
    assert_eq!(frames.len(), 120);
    assert!((30..60).contains(&spared), "{spared} spared");
    // With and without segments that begin within a slot.
    for segment_us in [4 * SECOND_US, 2_700_000, 700_000] {
        let cut = gated(Arc::new(MotionDetector::new()), segment_us).await;
        assert_eq!(detected(&cut).await, (frames.clone(), spared), "cut every {segment_us} us");
    }
}

/// The ungated counts are the truth here.
#[tokio::test]
async fn who_stands_still_goes_on_where_he_was() {
    let mut tallies = Vec::new();
    for gate in [false, true] {
        let mut bench = gated(Arc::new(MotionDetector::new()), 5 * SECOND_US).await;
        if !gate {
            bench.detect = Arc::new(MotionDetector::new());
            bench.open_pass(MediaSpan::ALL).await;
        }
        let (_, spared) = detected(&bench).await;
        assert_eq!(spared > 0, gate);
        bench.count().await.unwrap();
        tallies.push(bench.tally().await);
    }
    let [plain, gated] = [&tallies[0], &tallies[1]];
    assert_eq!((gated.crossings.len(), gated.visits.len()), (1, 1));
    let told = |tally: &crate::tally::Tally| {
        let visit = &tally.visits[0];
        (tally.crossings[0].track, visit.track, visit.saw_entry, visit.saw_exit)
    };
    assert_eq!(told(gated), told(plain));
    let stay_us = gated.visits[0].left.since_us(gated.visits[0].entered);
    assert!(stay_us > 5 * SECOND_US, "{stay_us}");
}

/// A segment that begins within a slot asks what the frames before it showed. When these cannot be looked at, it infers
/// for itself.
#[tokio::test]
async fn a_poisonous_segment_does_not_poison_the_next() {
    let poisoned = MediaSpan { start: seconds(1), end: MediaTime(2_700_000) };
    let detect = Planned::new(move |time| if poisoned.contains(time) { Fate::Failed } else { Fate::Looked });
    let bench = gated(detect, 2_700_000).await;
    assert!(bench.detect(0, 1).await.is_err());
    for seq in 1..bench.segments {
        bench.detect(seq, 1).await.unwrap();
    }
}
