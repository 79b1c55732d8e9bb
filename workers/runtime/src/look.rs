//! Looking at one segment, on a thread that may block: decoding, inference, and why there is no result.

use std::{any::Any, collections::VecDeque, error::Error, sync::Arc};

use bytes::Bytes;
use camcount_blob::{
    BlobError,
    detections::{self, ArtifactError},
};
use camcount_decode::DecodeError;
use camcount_detect::{Backdrop, BackdropWanted, Detect, DetectError, Gate, Ticket};
use camcount_domain::{
    DetectedFrame, Detection, Detector, Frame, MediaSpan, MediaTime, Rate, Recording, Segment,
    SegmentDetections,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{
    Ports,
    backdrops::{Backdrops, Block},
    handler::Stopped,
    meter::Stage,
    opened::opened,
    trouble,
};

/// Frames of one segment that may be with the detector at a time: enough to keep several sessions busy while
/// the decoder goes on, few enough to bound memory.
const IN_FLIGHT: usize = 8;

/// Why a segment has no detections.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Miss {
    #[error("the footage cannot be opened")]
    Blobs(#[from] BlobError),
    #[error("decoding failed")]
    Decode(#[from] DecodeError),
    #[error("detection failed")]
    Detect(#[from] DetectError),
    #[error("the worker ran out of attempts before it could say why")]
    Lapsed,
    #[error("the detections could not be written")]
    Encode(#[from] ArtifactError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("detection panicked: {0}")]
    Panicked(String),
}

impl Miss {
    /// From what a panic left.
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(trouble::words_of_panic(payload))
    }

    /// Whether it says nothing about the segment.
    pub(crate) fn is_environment(&self) -> bool {
        match self {
            // A disk or share that is away: it comes back, and a quarantine does not end.
            Self::Decode(DecodeError::NotFound { .. }) | Self::Stopped(_) => true,
            Self::Decode(error) => error.is_environment(),
            // A lost object does not come back by waiting.
            Self::Blobs(error) => matches!(error, BlobError::Storage { .. }),
            Self::Detect(error) => error.is_environment(),
            Self::Lapsed | Self::Encode(_) | Self::Panicked(_) => false,
        }
    }
}

/// An artifact that is not stored yet.
pub(crate) struct Found {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Looked-at frames in it.
    pub(crate) frames: u32,
    /// Of these, the ones that were spared inference.
    pub(crate) spared: u32,
}

/// A frame that is on its way through the detector.
enum Waiting {
    Inferred(Ticket),
    /// It shows what the frame before it showed.
    Spared(MediaTime),
}

/// What a segment's frames have shown so far.
#[derive(Default)]
struct Shown {
    frames: Vec<DetectedFrame>,
    spared: u32,
    /// What was in the last inferred frame.
    last: Vec<Detection>,
}

/// One segment to be looked at.
pub(crate) struct Looking {
    pub(crate) ports: Ports,
    pub(crate) backdrops: Arc<Backdrops>,
    pub(crate) segment: Segment,
    pub(crate) recording: Recording,
    pub(crate) detector: Detector,
    pub(crate) detect: Arc<dyn Detect>,
    /// What waits for blobs, on threads that may block.
    pub(crate) runtime: Handle,
    /// Heeded with every frame.
    pub(crate) cancel: CancellationToken,
}

impl Looking {
    /// Looks at all frames of the segment.
    pub(crate) fn look(&self) -> Result<Found, Miss> {
        let frame_size = self.recording.frame_size;
        let mut gate = self.detect.gate(&self.recording);
        let mut shown = Shown::default();
        if let Some(gate) = &mut gate {
            shown.last = self.approach(gate)?;
        }
        let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
        // Held for as long as its frames come, so that it is not forgotten meanwhile.
        let mut held = None;
        let meter = &self.ports.meter;
        let mut frames = self.frames(self.segment.frames_span(), self.detector.rate)?;
        loop {
            let decoding = meter.at(Stage::Decoding);
            let Some(frame) = frames.next().transpose()? else { break };
            drop(decoding);
            if waiting.len() == IN_FLIGHT {
                self.take(&mut waiting, &mut shown)?;
            }
            let spared = gate.as_mut().is_some_and(|gate| gate.spares(&frame));
            waiting.push_back(if spared {
                Waiting::Spared(frame.time)
            } else {
                let backdrop = self.backdrop(frame.time, &mut held)?;
                let _detecting = meter.at(Stage::Detecting);
                Waiting::Inferred(self.detect.submit(frame, frame_size, backdrop))
            });
        }
        while !waiting.is_empty() {
            self.take(&mut waiting, &mut shown)?;
        }
        let Shown { frames, spared, .. } = shown;
        let found = SegmentDetections { frame_size, classes: self.detector.classes.clone(), frames };
        let frames = u32::try_from(found.frames.len()).unwrap_or(u32::MAX);
        let _encoding = meter.at(Stage::Encoding);
        Ok(Found { bytes: detections::encode(&found)?, frames, spared })
    }

    /// Takes the gate over the frames between the start of the slot that the segment begins in and the segment, which
    /// belong to others, and says what the last inferred one of them showed. Where they cannot be looked at, the
    /// gate knows nothing, and the segment's own first frame is inferred.
    fn approach(&self, gate: &mut Gate) -> Result<Vec<Detection>, Miss> {
        let start = self.segment.frames_span().start;
        let slot = gate.slot(start);
        if start == MediaTime::MIN || slot.start == start {
            return Ok(Vec::new());
        }
        let walked = self.if_readable(|| {
            let mut gate = gate.clone();
            let shown = self.last_inferred(&mut gate, MediaSpan { start: slot.start, end: start })?;
            Ok((gate, shown))
        })?;
        let Some((walked, shown)) = walked else { return Ok(Vec::new()) };
        *gate = walked;
        Ok(shown)
    }

    /// What the last frame of `span` showed that the gate does not spare.
    fn last_inferred(&self, gate: &mut Gate, span: MediaSpan) -> Result<Vec<Detection>, Miss> {
        let mut last = None;
        for frame in self.frames(span, self.detector.rate)? {
            let frame = frame?;
            if !gate.spares(&frame) {
                last = Some(frame);
            }
        }
        let Some(last) = last else { return Ok(Vec::new()) };
        let backdrop = self.backdrop(last.time, &mut None)?;
        Ok(self.detect.submit(last, self.recording.frame_size, backdrop).wait()?.detections)
    }

    /// The frames in `span`, for as long as the job is not cancelled.
    fn frames(&self, span: MediaSpan, rate: Rate) -> Result<impl Iterator<Item = Result<Frame, Miss>>, Miss> {
        self.go_on()?;
        let recording = self.runtime.block_on(opened(&*self.ports.blobs, &self.recording))?;
        let picture = self.detect.picture(self.recording.frame_size);
        let frames = self.ports.footage.frames(&recording, span, rate, &picture)?;
        let cancel = self.cancel.clone();
        let frames = frames.until(move || cancel.is_cancelled());
        Ok(frames.map(|frame| self.go_on().and(frame.map_err(Miss::from))))
    }

    fn go_on(&self) -> Result<(), Miss> {
        if self.cancel.is_cancelled() { Err(Stopped.into()) } else { Ok(()) }
    }

    fn take(&self, waiting: &mut VecDeque<Waiting>, shown: &mut Shown) -> Result<(), Miss> {
        let frame = match waiting.pop_front() {
            Some(Waiting::Inferred(ticket)) => {
                let detecting = self.ports.meter.at(Stage::Detecting);
                let frame = ticket.wait()?;
                drop(detecting);
                shown.last.clone_from(&frame.detections);
                frame
            }
            Some(Waiting::Spared(time)) => {
                shown.spared += 1;
                DetectedFrame { time, detections: shown.last.clone() }
            }
            None => return Ok(()),
        };
        shown.frames.push(frame);
        self.ports.meter.looked_at_one();
        Ok(())
    }

    /// The backdrop of the block that `time` lies in; `held` is that of the frame before.
    fn backdrop(
        &self,
        time: MediaTime,
        held: &mut Option<(MediaSpan, Arc<Backdrop>)>,
    ) -> Result<Option<Arc<Backdrop>>, Miss> {
        let Some(wanted) = self.detect.backdrop() else { return Ok(None) };
        let span = wanted.block(time, self.recording.span);
        if held.as_ref().is_none_or(|(block, _)| *block != span) {
            let picture = self.detect.picture(self.recording.frame_size);
            let block = Block { source: self.recording.source.clone(), span, picture };
            *held = self.backdrops.get(block, || self.sample(span, wanted))?.map(|backdrop| (span, backdrop));
        }
        Ok(held.as_ref().map(|(_, backdrop)| Arc::clone(backdrop)))
    }

    /// Looks at the block at the rate that yields the wanted number of samples.
    fn sample(&self, block: MediaSpan, wanted: BackdropWanted) -> Result<Option<Backdrop>, Miss> {
        let per_sample_us = (block.len_us() / i64::from(wanted.samples.max(1))).max(1);
        let rate =
            Rate { millihertz: u32::try_from(1_000_000_000 / per_sample_us).unwrap_or(u32::MAX).max(1) };
        let mut found = self.readable(block, rate, wanted)?;
        if found.is_empty() {
            // All its frames share a slot with one before the block, where the footage broke off.
            found = self.readable(block, self.detector.rate, wanted)?;
        }
        Ok(Backdrop::median(&found))
    }

    /// The frames of a block at `rate`, as far as they can be read. A block that fails as a whole is read in pieces, and
    /// those that fail are left out: pieces of the block and not segments, so that the cut changes nothing; and
    /// where all can be read after all, these are the frames of the whole.
    fn readable(&self, block: MediaSpan, rate: Rate, wanted: BackdropWanted) -> Result<Vec<Frame>, Miss> {
        // Containers that declare far too early an end must not fill the memory.
        let most = 2 * wanted.samples as usize;
        let read = |span: MediaSpan, most| -> Result<Vec<Frame>, Miss> {
            // Containers round their ends, so the outer ones are open.
            let recording = self.recording.span;
            let span = MediaSpan {
                start: if span.start <= recording.start { MediaTime::MIN } else { span.start },
                end: if span.end >= recording.end { MediaTime::MAX } else { span.end },
            };
            self.frames(span, rate)?.take(most).collect()
        };
        if let Some(whole) = self.if_readable(|| read(block, most))? {
            return Ok(whole);
        }
        let mut found = Vec::new();
        for piece in wanted.pieces(block) {
            found.extend(self.if_readable(|| read(piece, most - found.len()))?.unwrap_or_default());
        }
        Ok(found)
    }

    /// What `read` gives, which is tried twice. Nothing, when it fails by no fault but the footage's own.
    fn if_readable<T>(&self, read: impl Fn() -> Result<T, Miss>) -> Result<Option<T>, Miss> {
        let twice = read().or_else(|miss| if miss.is_environment() { Err(miss) } else { read() });
        match twice {
            Err(miss) if miss.is_environment() || trouble::try_around(self).is_err() => Err(miss),
            Err(miss) => {
                tracing::warn!(error = &miss as &dyn Error, "footage beside the segment cannot be looked at");
                Ok(None)
            }
            Ok(read) => Ok(Some(read)),
        }
    }
}
