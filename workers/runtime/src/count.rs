//! The handler of [`CountPass`]: folds every next detected segment of a pass, and commits each.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{BlobError, detections};
use camcount_domain::{
    Continuity, CountPass, DetectSegment, Detector, Failure, Pass, PassId, Ruleset, SegmentCounted,
    SegmentCounts, SegmentDetections,
};
use camcount_store::{Artifact, Committed, NextFold, Outcome, SegmentCommit};

use tracing::Instrument;

use crate::{
    BadFold, Fold, FoldRules, Handler, Ports, Run,
    handler::Stopped,
    meter::Stage,
    opened::{self, Unread},
    trace, trouble,
};

/// Segments that one job folds at most. What is then due is a job of its own, so that nobody recounting a year holds
/// a slot for hours.
const SEGMENTS: u32 = 256;

/// Folds and commits.
pub struct CountHandler {
    ports: Ports,
}

/// A lost artifact whose footage is lost as well.
#[derive(Debug, thiserror::Error)]
#[error("{lost}; restore it, or bring back the footage that it was found in")]
struct LostForGood {
    lost: BlobError,
    source: Unread,
}

impl CountHandler {
    /// A handler over `ports`.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// What was found in the next segment; `None` when that was lost, and the segment is to be looked at again.
    async fn detections(
        &self,
        next: &NextFold,
        artifact: &Artifact,
    ) -> Result<Option<SegmentDetections>, Failure> {
        let mut read = self.read(artifact).await;
        if read.is_err() {
            // One bad read is no damage.
            read = self.read(artifact).await;
        }
        match read {
            Ok(bytes) => detections::decode(bytes).map(Some).map_err(Failure::discard),
            Err(lost @ (BlobError::Missing { .. } | BlobError::Damaged { .. })) => {
                self.forget(next, artifact, lost).await.map(|()| None)
            }
            Err(error) => Err(trouble::of_blobs(error)),
        }
    }

    async fn read(&self, artifact: &Artifact) -> Result<Bytes, BlobError> {
        let bytes = self.ports.blobs.get(&artifact.blob_key).await?;
        if detections::checksum(&bytes) == artifact.sha256 {
            Ok(bytes)
        } else {
            Err(BlobError::Damaged { key: artifact.blob_key.clone() })
        }
    }

    /// Makes the segment due again, if it can be looked at again: otherwise somebody may still restore the artifact.
    async fn forget(&self, next: &NextFold, artifact: &Artifact, lost: BlobError) -> Result<(), Failure> {
        let (ports, recording) = (self.ports.clone(), next.recording.clone());
        let runtime = tokio::runtime::Handle::current();
        let reads = tokio::task::spawn_blocking(move || {
            opened::reads(&runtime, &*ports.blobs, &ports.footage, &recording)
        })
        .await;
        if let Err(source) = reads.map_err(Failure::retry)? {
            return Err(Failure::defer(trouble::WAIT, LostForGood { lost, source }));
        }
        let Pass { camera, detector, .. } = &next.pass;
        let job = DetectSegment { camera: *camera, seq: next.segment.seq, detector: detector.clone() };
        let reason = lost.to_string();
        tracing::warn!(seq = %job.seq, reason, "the segment is looked at again");
        // First the bytes: a put keeps what is there, and damaged ones must not win again.
        self.ports.blobs.delete(&artifact.blob_key).await.map_err(trouble::of_blobs)?;
        self.ports
            .store
            .forget_artifact(&job, &artifact.sha256, &reason)
            .await
            .map(drop)
            .map_err(trouble::of_store)
    }

    /// What `pass` counts by.
    async fn counted_by(&self, pass: &Pass) -> Result<CountedBy, Failure> {
        let lookup = &self.ports.lookup;
        let ruleset = lookup.ruleset(&pass.ruleset).await.map_err(trouble::of_store)?;
        let detector = lookup.detector(&pass.detector).await.map_err(trouble::of_store)?;
        Ok(CountedBy { ruleset, detector })
    }

    /// Folds one segment and commits it. Returns whether another may follow.
    async fn count_one(&self, pass: &PassId, by: &Arc<CountedBy>, next: NextFold) -> Result<bool, Failure> {
        let seq = next.segment.seq;
        let Some(Folded { counts, state, news }) = self.fold(pass, by, next).await? else { return Ok(false) };
        let _committing = self.ports.meter.at(Stage::Committing);
        let commit = SegmentCommit { pass, seq, counts: &counts, state: &state };
        let committing = self.ports.store.commit_segment(commit).instrument(tracing::info_span!("commit"));
        match committing.await.map_err(trouble::of_store)? {
            Committed::Now => {
                metrics::counter!("camcount_segments_counted_total").increment(1);
                metrics::counter!("camcount_crossings_total").increment(counts.crossings.len() as u64);
                tracing::debug!(%seq, crossings = counts.crossings.len(), "segment counted");
                // After the commit and never before: what is told is true.
                self.ports.telling.tell(&news);
                Ok(true)
            }
            // Another worker is at it; the store says who comes next.
            Committed::Before | Committed::OutOfOrder { .. } => Ok(false),
        }
    }

    /// Folds one segment; `None` when it must be looked at again first.
    async fn fold(
        &self,
        pass: &PassId,
        by: &Arc<CountedBy>,
        next: NextFold,
    ) -> Result<Option<Folded>, Failure> {
        let _folding = self.ports.meter.at(Stage::Folding);
        let found = match &next.outcome {
            Outcome::Detected(artifact) => match self.detections(&next, artifact).await? {
                None => return Ok(None),
                found => found,
            },
            Outcome::Quarantined(_) => None,
        };
        // Long segments take a while, and leases are extended meanwhile.
        let (pass, by) = (pass.clone(), Arc::clone(by));
        let folded = tokio::task::spawn_blocking(move || fold(pass, &by, next, found)).await;
        folded.map_err(Failure::retry)?.map(Some).map_err(Failure::discard)
    }
}

/// What a pass counts by, all along.
struct CountedBy {
    ruleset: Ruleset,
    detector: Detector,
}

/// What folding a segment gives.
struct Folded {
    counts: SegmentCounts,
    /// The fold's state after it.
    state: Vec<u8>,
    /// What is told once it is committed.
    news: SegmentCounted,
}

/// Folds what was found in a segment; `None` when it was given up.
fn fold(
    id: PassId,
    by: &CountedBy,
    next: NextFold,
    found: Option<SegmentDetections>,
) -> Result<Folded, BadFold> {
    let CountedBy { ruleset, detector } = by;
    let NextFold { pass, segment, recording, state, last, .. } = next;
    let zones: Vec<String> = ruleset.zones.iter().map(|zone| zone.name.clone()).collect();
    let rules = FoldRules::new(
        ruleset.clone(),
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
    if last == Some(segment.seq) {
        fold.finish(&rules, segment.span.end, &mut counts);
    }
    let news = SegmentCounted {
        camera: pass.camera,
        pass: id,
        ruleset: pass.ruleset,
        detector: pass.detector,
        seq: segment.seq,
        span: segment.span,
        lines: counts.lines.clone(),
        zones: fold.inside(zones),
        coverage: counts.coverage.clone(),
    };
    Ok(Folded { state: fold.to_bytes()?, counts, news })
}

#[async_trait]
impl Handler for CountHandler {
    type Args = CountPass;

    async fn run(&self, args: CountPass, run: Run) -> Result<(), Failure> {
        let store = &self.ports.store;
        let mut counted_by = None;
        for _ in 0..SEGMENTS {
            let Some(next) = store.next_fold(&args.pass).await.map_err(trouble::of_store)? else { break };
            if run.cancel.is_cancelled() {
                return Err(Failure::defer(Duration::ZERO, Stopped));
            }
            let span = tracing::info_span!("count", camera = %next.pass.camera, seq = next.segment.seq.0, pass = %args.pass);
            let span = trace::of_segment(span, next.pass.camera, next.segment.seq);
            let by = match &counted_by {
                Some(by) => by,
                None => &*counted_by.insert(Arc::new(self.counted_by(&next.pass).await?)),
            };
            if !self.count_one(&args.pass, by, next).instrument(span).await? {
                break;
            }
        }
        Ok(())
    }
}
