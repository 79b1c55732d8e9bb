//! The handler of [`CountPass`]: folds every next detected segment of a pass, and commits each.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::detections;
use camcount_domain::{Continuity, CountPass, Failure, SegmentCounts, SegmentDetections};
use camcount_store::{Artifact, Committed, NextFold, Outcome, SegmentCommit};

use crate::{BadFold, Fold, FoldRules, Handler, Ports, Run, handler::Stopped, trouble};

/// Segments that one job folds at most. What is then due is a job of its own, so that nobody recounting a year holds
/// a slot for hours.
const SEGMENTS: u32 = 256;

/// Folds and commits.
pub struct CountHandler {
    ports: Ports,
}

/// An artifact's bytes are not those that were stored.
#[derive(Debug, thiserror::Error)]
#[error(
    "detections artifact {blob_key} is damaged: its checksum is {found}, not {expected}; restore it, or count \
     again with a new data folder"
)]
struct Damaged {
    blob_key: String,
    expected: String,
    found: String,
}

impl CountHandler {
    /// A handler over `ports`.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    async fn detections(&self, artifact: &Artifact) -> Result<SegmentDetections, Failure> {
        let bytes: Bytes = self.ports.blobs.get(&artifact.blob_key).await.map_err(trouble::of_blobs)?;
        let found = detections::checksum(&bytes);
        if found != artifact.sha256 {
            let Artifact { blob_key, sha256: expected, .. } = artifact.clone();
            return Err(Failure::retry(Damaged { blob_key, expected, found }));
        }
        detections::decode(bytes).map_err(Failure::discard)
    }

    /// Folds one segment: its counts and the state after it.
    async fn fold(&self, next: NextFold) -> Result<(SegmentCounts, Vec<u8>), Failure> {
        let found = match &next.outcome {
            Outcome::Detected(artifact) => Some(self.detections(artifact).await?),
            Outcome::Quarantined(_) => None,
        };
        // Long segments take a while, and leases are extended meanwhile.
        let folded = tokio::task::spawn_blocking(move || fold(next, found)).await;
        folded.map_err(Failure::retry)?.map_err(Failure::discard)
    }
}

/// Folds what was found in a segment; `None` when it was given up.
fn fold(next: NextFold, found: Option<SegmentDetections>) -> Result<(SegmentCounts, Vec<u8>), BadFold> {
    let NextFold { pass, ruleset, detector, segment, recording, state, .. } = next;
    let rules = FoldRules::new(
        ruleset,
        &detector.classes,
        recording.frame_size,
        Continuity::of(recording.frame_interval_us, detector.rate.interval_us()),
        pass.range,
    );
    let mut fold = match state {
        Some(state) => Fold::from_bytes(&state)?,
        None => Fold::new(segment.span.start.max(pass.range.start)),
    };
    let mut counts = SegmentCounts::default();
    match found {
        Some(found) => {
            for frame in &found.frames {
                fold.frame(&rules, frame, &mut counts);
            }
        }
        None => fold.lose(),
    }
    if pass.last == Some(segment.seq) {
        fold.finish(&rules, segment.span.end, &mut counts);
    }
    let state = fold.to_bytes()?;
    Ok((counts, state))
}

#[async_trait]
impl Handler for CountHandler {
    type Args = CountPass;

    async fn run(&self, args: CountPass, run: Run) -> Result<(), Failure> {
        let store = &self.ports.store;
        for _ in 0..SEGMENTS {
            let Some(next) = store.next_fold(&args.pass).await.map_err(trouble::of_store)? else { break };
            if run.cancel.is_cancelled() {
                return Err(Failure::defer(Duration::ZERO, Stopped));
            }
            let seq = next.segment.seq;
            let (counts, state) = self.fold(next).await?;
            let commit = SegmentCommit { pass: &args.pass, seq, counts: &counts, state: &state };
            match store.commit_segment(commit).await.map_err(trouble::of_store)? {
                Committed::Now => {
                    tracing::debug!(%seq, crossings = counts.crossings.len(), "segment counted");
                }
                // Another worker is at it; the store says who comes next.
                Committed::Before | Committed::OutOfOrder { .. } => return Ok(()),
            }
        }
        Ok(())
    }
}
