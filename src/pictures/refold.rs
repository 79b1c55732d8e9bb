//! Tracks again, from the stored detections: they are not kept, because folding gives the same ones at any time.

use anyhow::{Context, Error, Result};
use camcount_blob::detections;
use camcount_domain::{
    Continuity, DetectSegment, FrameSize, Recording, Segment, SegmentCounts, Seq, TrackedFrame,
};
use camcount_runtime::{Fold, FoldRules};
use camcount_store::Outcome;

use super::Subject;
use crate::place::Place;

/// One looked-at frame: who was seen, and what folding it added.
pub(super) struct FoldedFrame {
    pub tracked: TrackedFrame,
    pub counts: SegmentCounts,
}

/// One segment, folded.
pub(super) struct FoldedSegment {
    pub segment: Segment,
    pub recording: Recording,
    pub classes: Vec<String>,
    /// Empty for a segment that was given up.
    pub frames: Vec<FoldedFrame>,
}

impl FoldedSegment {
    /// How far apart its frames usually are.
    pub(super) fn continuity(&self, subject: &Subject<'_>) -> Continuity {
        Continuity::of(self.recording.frame_interval_us, subject.detector.rate.interval_us())
    }
}

/// Folds a counted pass once more, a segment at a time.
pub(super) struct Refold<'a> {
    data: &'a Place,
    subject: &'a Subject<'a>,
    next: Seq,
    last: Seq,
    fold: Option<Fold>,
}

impl<'a> Refold<'a> {
    /// Before the first segment of a pass that ends.
    pub(super) fn new(data: &'a Place, subject: &'a Subject<'a>) -> Result<Self> {
        let pass = subject.pass;
        let last = pass.last.context("pictures are drawn of footage that ends")?;
        Ok(Self { data, subject, next: pass.first, last, fold: None })
    }

    /// The next segment.
    pub(super) async fn next(&mut self) -> Result<Option<FoldedSegment>> {
        if self.next > self.last {
            return Ok(None);
        }
        let (pass, seq) = (self.subject.pass, self.next);
        self.next = seq.next();
        let (segment, recording) = self.data.store.segment(pass.camera, seq).await?;
        let start = segment.span.start.max(pass.range.start);
        let fold = self.fold.get_or_insert_with(|| Fold::new(start));
        let job = DetectSegment { camera: pass.camera, seq, detector: pass.detector.clone() };
        let outcome = self.data.store.outcome(&job).await?;
        let outcome = outcome.with_context(|| format!("segment {seq} has not been looked at"))?;
        let Outcome::Detected(artifact) = outcome else {
            fold.lose();
            return Ok(Some(FoldedSegment { segment, recording, classes: Vec::new(), frames: Vec::new() }));
        };
        let read = self.data.blobs.get(&artifact.blob_key).await.map_err(Error::from);
        let found = read.and_then(|bytes| Ok(detections::decode(bytes)?)).with_context(|| {
            format!(
                "what was found in segment {seq} is lost and cannot be drawn; count with another line, or into another \
                 --data-dir, and it is looked at again"
            )
        })?;
        // For whoever looks at its frames.
        let recording = camcount_runtime::opened(&*self.data.blobs, &recording).await?;
        let continuity =
            Continuity::of(recording.frame_interval_us, self.subject.detector.rate.interval_us());
        let rules = self.subject.rules.clone();
        let rules = FoldRules::new(rules, &found.classes, recording.frame_size, continuity, pass.range);
        let frames = found.frames.iter().filter_map(|frame| {
            let mut counts = SegmentCounts::default();
            fold.frame(&rules, frame, &mut counts).map(|tracked| FoldedFrame { tracked, counts })
        });
        let frames = frames.collect();
        Ok(Some(FoldedSegment { segment, recording, classes: found.classes, frames }))
    }
}

/// The size of the pictures of a pass: that of its first recording.
pub(super) async fn picture_size(data: &Place, subject: &Subject<'_>) -> Result<FrameSize> {
    let (_, recording) = data.store.segment(subject.pass.camera, subject.pass.first).await?;
    Ok(recording.frame_size)
}
