//! Looking at one segment, on a thread that may block: decoding, inference, and why there is no result.

use std::{any::Any, collections::VecDeque, sync::Arc};

use bytes::Bytes;
use camcount_blob::detections::{self, ArtifactError};
use camcount_decode::DecodeError;
use camcount_detect::{Backdrop, BackdropWanted, Detect, DetectError, Ticket};
use camcount_domain::{
    DetectedFrame, Detector, Frame, MediaSpan, MediaTime, Rate, Recording, Segment, SegmentDetections,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Ports,
    backdrops::{Backdrops, Block},
    handler::Stopped,
    meter::Stage,
    trouble,
};

/// Frames of one segment that may be with the detector at a time: enough to keep several sessions busy while
/// the decoder goes on, few enough to bound memory.
const IN_FLIGHT: usize = 8;

/// Why a segment has no detections.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Miss {
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
}

/// One segment to be looked at.
pub(crate) struct Looking {
    pub(crate) ports: Ports,
    pub(crate) backdrops: Arc<Backdrops>,
    pub(crate) segment: Segment,
    pub(crate) recording: Recording,
    pub(crate) detector: Detector,
    pub(crate) detect: Arc<dyn Detect>,
    /// Heeded with every frame.
    pub(crate) cancel: CancellationToken,
}

impl Looking {
    /// Looks at all frames of the segment.
    pub(crate) fn look(&self) -> Result<Found, Miss> {
        let frame_size = self.recording.frame_size;
        let mut found = Vec::new();
        let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
        // Held for as long as its frames come, so that it is not forgotten meanwhile.
        let mut held = None;
        let meter = &self.ports.meter;
        let mut frames = self.frames(self.segment.frames_span(), self.detector.rate)?;
        loop {
            let decoding = meter.at(Stage::Decoding);
            let Some(frame) = frames.next().transpose()? else { break };
            drop(decoding);
            let backdrop = self.backdrop(frame.time, &mut held)?;
            if waiting.len() == IN_FLIGHT {
                self.take(&mut waiting, &mut found)?;
            }
            let _detecting = meter.at(Stage::Detecting);
            waiting.push_back(self.detect.submit(frame, frame_size, backdrop));
        }
        while !waiting.is_empty() {
            self.take(&mut waiting, &mut found)?;
        }
        let found = SegmentDetections { frame_size, classes: self.detector.classes.clone(), frames: found };
        let frames = u32::try_from(found.frames.len()).unwrap_or(u32::MAX);
        let _encoding = meter.at(Stage::Encoding);
        Ok(Found { bytes: detections::encode(&found)?, frames })
    }

    /// The frames in `span`, for as long as the job is not cancelled.
    fn frames(&self, span: MediaSpan, rate: Rate) -> Result<impl Iterator<Item = Result<Frame, Miss>>, Miss> {
        self.go_on()?;
        let frames = self.ports.footage.frames(&self.recording, span, rate, &self.detect.picture())?;
        let cancel = self.cancel.clone();
        let frames = frames.until(move || cancel.is_cancelled());
        Ok(frames.map(|frame| self.go_on().and(frame.map_err(Miss::from))))
    }

    fn go_on(&self) -> Result<(), Miss> {
        if self.cancel.is_cancelled() { Err(Stopped.into()) } else { Ok(()) }
    }

    fn take(&self, waiting: &mut VecDeque<Ticket>, found: &mut Vec<DetectedFrame>) -> Result<(), Miss> {
        if let Some(ticket) = waiting.pop_front() {
            let detecting = self.ports.meter.at(Stage::Detecting);
            found.push(ticket.wait()?);
            drop(detecting);
            self.ports.meter.looked_at_one();
        }
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
            let block = Block { source: self.recording.source.clone(), span, picture: self.detect.picture() };
            *held = self.backdrops.get(block, || self.sample(span, wanted))?.map(|backdrop| (span, backdrop));
        }
        Ok(held.as_ref().map(|(_, backdrop)| Arc::clone(backdrop)))
    }

    /// Looks at the block at the rate that yields the wanted number of samples.
    fn sample(&self, block: MediaSpan, wanted: BackdropWanted) -> Result<Option<Backdrop>, Miss> {
        let samples = i64::from(wanted.samples.max(1));
        let per_sample_us = (block.len_us() / samples).max(1);
        let rate =
            Rate { millihertz: u32::try_from(1_000_000_000 / per_sample_us).unwrap_or(u32::MAX).max(1) };
        // Containers round their ends, so the outer blocks are open.
        let recording = self.recording.span;
        let span = MediaSpan {
            start: if block.start <= recording.start { MediaTime::MIN } else { block.start },
            end: if block.end >= recording.end { MediaTime::MAX } else { block.end },
        };
        // Containers that declare far too early an end must not fill the memory.
        let most = 2 * samples as usize;
        let mut found = self.frames(span, rate)?.take(most).collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() {
            // All its frames share a slot with one before the block, where the footage broke off.
            found = self.frames(span, self.detector.rate)?.take(most).collect::<Result<_, _>>()?;
        }
        Ok(Backdrop::median(&found))
    }
}
