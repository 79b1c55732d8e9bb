//! The handler of [`DetectSegment`]: decodes a segment, runs the detector over its frames and keeps what it
//! found as an artifact.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use camcount_blob::{detections, keys};
use camcount_decode::DecodeError;
use camcount_detect::{Detect, DetectError, Ticket};
use camcount_domain::{
    DetectSegment, DetectedFrame, Detector, DetectorVersion, Failure, MediaTime, Rate, Recording, Segment,
    SegmentDetections,
};
use camcount_store::{Artifact, Kept};
use tokio_util::sync::CancellationToken;

use crate::{Handler, Ports, Run, backdrops::Backdrops, handler::Stopped, trouble};

/// How often a segment may fail before it is quarantined, over all processes.
const ATTEMPTS: u32 = 3;

/// Frames of one segment that may be with the detector at a time: enough to keep several sessions busy while
/// the decoder goes on, few enough to bound memory.
const IN_FLIGHT: usize = 8;

/// The detectors that a process has loaded, by version.
#[derive(Clone, Default)]
pub struct Detectors {
    loaded: BTreeMap<DetectorVersion, (Detector, Arc<dyn Detect>)>,
}

impl Detectors {
    /// Adds a detector that looks at `rate`; returns what it is.
    pub fn load(&mut self, detect: Arc<dyn Detect>, rate: Rate) -> Detector {
        let detector = detect.describe(rate);
        self.loaded.insert(detector.version(), (detector.clone(), detect));
        detector
    }
}

/// A detector that this process has not loaded.
#[derive(Debug, thiserror::Error)]
#[error("detector {0} is not loaded here; start a worker with its model")]
struct NotLoaded(DetectorVersion);

/// Why a segment has no detections.
#[derive(Debug, thiserror::Error)]
enum Miss {
    #[error("decoding failed")]
    Decode(#[from] DecodeError),
    #[error("detection failed")]
    Detect(#[from] DetectError),
    #[error("the worker ran out of attempts before it could say why")]
    Lapsed,
    #[error("the detections could not be written")]
    Encode(#[source] detections::ArtifactError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("detection panicked")]
    Panicked,
}

impl Miss {
    /// Whether it says nothing about the segment.
    fn is_environment(&self) -> bool {
        match self {
            Self::Decode(error) => error.is_environment(),
            Self::Detect(error) => error.is_environment(),
            Self::Stopped(_) => true,
            Self::Lapsed | Self::Encode(_) | Self::Panicked => false,
        }
    }
}

/// Decodes and detects.
pub struct DetectHandler {
    ports: Ports,
    backdrops: Arc<Backdrops>,
}

impl DetectHandler {
    /// A handler over `ports`.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, backdrops: Arc::default() }
    }

    async fn detections(
        &self,
        segment: Segment,
        recording: Recording,
        version: &DetectorVersion,
        cancel: CancellationToken,
    ) -> Result<Result<SegmentDetections, Miss>, Failure> {
        let Some((detector, detect)) = self.ports.detectors.loaded.get(version).cloned() else {
            return Err(Failure::defer(trouble::WAIT, NotLoaded(version.clone())));
        };
        let work = Looking {
            ports: self.ports.clone(),
            backdrops: Arc::clone(&self.backdrops),
            segment,
            recording,
            detector,
            detect,
            cancel,
        };
        // Decoding and inference block; a panic there is this segment's failure and nobody else's.
        let looked = tokio::task::spawn_blocking(move || work.look()).await;
        Ok(looked.unwrap_or(Err(Miss::Panicked)))
    }

    async fn keep(&self, args: &DetectSegment, found: &SegmentDetections) -> Result<(), Failure> {
        let bytes = detections::encode(found).map_err(|e| Failure::retry(Miss::Encode(e)))?;
        let sha256 = detections::checksum(&bytes);
        let blob_key = keys::detections(args.camera, args.seq, &args.detector, &sha256);
        self.ports.blobs.put(&blob_key, bytes).await.map_err(trouble::of_blobs)?;
        let frames = u32::try_from(found.frames.len()).unwrap_or(u32::MAX);
        let artifact = Artifact { blob_key, sha256, frames };
        match self.ports.store.keep_artifact(args, &artifact).await.map_err(trouble::of_store)? {
            Kept::First => tracing::debug!(frames, "segment detected"),
            Kept::AlreadyThere(_) | Kept::Quarantined => tracing::debug!("another was first"),
        }
        Ok(())
    }

    /// Notes why a segment failed, and gives it up after its last attempt.
    async fn missed(&self, args: &DetectSegment, attempt: u32, miss: Miss) -> Result<(), Failure> {
        let failure = Failure::retry(miss);
        let reason = failure.chain();
        let noted = self.ports.store.note_failure(args, &reason).await.map_err(trouble::of_store)?;
        if noted.max(attempt) < ATTEMPTS {
            return Err(failure);
        }
        tracing::error!(reason, "segment quarantined; it counts as a gap");
        self.ports.store.quarantine(args, &reason).await.map_err(trouble::of_store)
    }
}

#[async_trait]
impl Handler for DetectHandler {
    type Args = DetectSegment;

    async fn run(&self, args: DetectSegment, run: Run) -> Result<(), Failure> {
        let store = &self.ports.store;
        if store.outcome(&args).await.map_err(trouble::of_store)?.is_some() {
            return Ok(());
        }
        if run.attempt > ATTEMPTS {
            return self.missed(&args, run.attempt, Miss::Lapsed).await;
        }
        let (segment, recording) = store.segment(args.camera, args.seq).await.map_err(trouble::of_store)?;
        match self.detections(segment, recording, &args.detector, run.cancel).await? {
            Ok(detections) => self.keep(&args, &detections).await,
            Err(miss) if miss.is_environment() => Err(Failure::defer(trouble::WAIT, miss)),
            Err(miss) => self.missed(&args, run.attempt, miss).await,
        }
    }
}

/// Looking at one segment, on a thread that may block.
struct Looking {
    ports: Ports,
    backdrops: Arc<Backdrops>,
    segment: Segment,
    recording: Recording,
    detector: Detector,
    detect: Arc<dyn Detect>,
    cancel: CancellationToken,
}

impl Looking {
    fn look(&self) -> Result<SegmentDetections, Miss> {
        let source = self.recording.frame_size;
        let frames = self.ports.footage.frames(
            &self.recording,
            self.segment.frames_span(),
            self.detector.rate,
            &self.detect.picture(),
        )?;
        let mut found = Vec::new();
        let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
        for frame in frames {
            if self.cancel.is_cancelled() {
                return Err(Stopped.into());
            }
            let frame = frame?;
            let backdrop = self.backdrop(frame.time)?;
            if waiting.len() == IN_FLIGHT {
                self.take(&mut waiting, &mut found)?;
            }
            waiting.push_back(self.detect.submit(frame, source, backdrop));
        }
        while !waiting.is_empty() {
            self.take(&mut waiting, &mut found)?;
        }
        Ok(SegmentDetections { frame_size: source, classes: self.detector.classes.clone(), frames: found })
    }

    fn take(&self, waiting: &mut VecDeque<Ticket>, found: &mut Vec<DetectedFrame>) -> Result<(), Miss> {
        if let Some(ticket) = waiting.pop_front() {
            found.push(ticket.wait()?);
            self.ports.meter.looked_at_one();
        }
        Ok(())
    }

    fn backdrop(&self, time: MediaTime) -> Result<Option<Arc<camcount_detect::Backdrop>>, DecodeError> {
        let Some(wanted) = self.detect.backdrop() else { return Ok(None) };
        let block = wanted.block(time, self.recording.span);
        self.backdrops.get(&self.ports.footage, &self.recording, block, wanted, &self.detect.picture())
    }
}
