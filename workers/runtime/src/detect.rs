//! The handler of [`DetectSegment`]: decodes a segment, runs the detector over its frames and keeps what it
//! found as an artifact.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use async_trait::async_trait;
use camcount_blob::{detections, keys};
use camcount_detect::Detect;
use camcount_domain::{DetectSegment, Detector, DetectorVersion, Failure, Rate};
use camcount_store::{Artifact, Kept, Lookup};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    Handler, Ports, Run,
    backdrops::Backdrops,
    handler::Stopped,
    look::{Found, Looking, Miss},
    meter::Stage,
    trace, trouble,
};

/// How often a segment may fail before it is quarantined, over all processes.
const FAILURES: u32 = 3;

/// The queue's attempts at a segment, after which it is quarantined though nobody could say why. More than failures: a
/// run that ends without a word is rather the doing of who ends workers, and takes down all that they had at hand.
const ATTEMPTS: u32 = 10;

/// Opens detectors by what the store says of them.
#[async_trait]
pub trait LoadDetector: Send + Sync + 'static {
    /// The detector that sees as `wanted` does.
    ///
    /// # Errors
    /// When its model cannot be had or opened here.
    async fn load(&self, wanted: &Detector) -> Result<Arc<dyn Detect>, Box<dyn Error + Send + Sync>>;
}

type Loaded = BTreeMap<DetectorVersion, (Detector, Arc<dyn Detect>)>;

/// The detectors that a process has loaded, by version. Clones share them.
#[derive(Clone, Default)]
pub struct Detectors {
    /// Locked while one is being loaded, so that nobody loads it twice.
    loaded: Arc<Mutex<Loaded>>,
    loader: Option<Arc<dyn LoadDetector>>,
}

impl Detectors {
    /// None yet: `loader` opens those that jobs ask for.
    #[must_use]
    pub fn loaded_by(loader: Arc<dyn LoadDetector>) -> Self {
        Self { loader: Some(loader), ..Self::default() }
    }

    /// Adds a detector that looks at `rate`; returns what it is.
    pub fn load(&mut self, detect: Arc<dyn Detect>, rate: Rate) -> Detector {
        let detector = detect.describe(rate);
        // Whoever adds one has not shared them yet.
        if let Some(loaded) = Arc::get_mut(&mut self.loaded) {
            loaded.get_mut().insert(detector.version(), (detector.clone(), detect));
        }
        detector
    }

    /// The detector of this version, loaded now if it has not been.
    async fn get(
        &self,
        version: &DetectorVersion,
        lookup: &dyn Lookup,
    ) -> Result<(Detector, Arc<dyn Detect>), Failure> {
        let mut loaded = self.loaded.lock().await;
        if let Some(found) = loaded.get(version) {
            return Ok(found.clone());
        }
        let Some(loader) = &self.loader else {
            return Err(Failure::defer(trouble::WAIT, NotLoaded::new(version, None)));
        };
        let wanted = lookup.detector(version).await.map_err(trouble::of_store)?;
        let detect = loader.load(&wanted).await;
        let detect =
            detect.map_err(|error| Failure::defer(trouble::WAIT, NotLoaded::new(version, Some(error))))?;
        loaded.insert(version.clone(), (wanted.clone(), Arc::clone(&detect)));
        Ok((wanted, detect))
    }
}

/// A detector that this process has not loaded.
#[derive(Debug, thiserror::Error)]
#[error("detector {version} cannot be loaded here")]
struct NotLoaded {
    version: DetectorVersion,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl NotLoaded {
    fn new(version: &DetectorVersion, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        Self { version: version.clone(), source }
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

    /// What looking at the segment takes.
    async fn looking(
        &self,
        args: &DetectSegment,
        cancel: CancellationToken,
    ) -> Result<Arc<Looking>, Failure> {
        let (detector, detect) = self.ports.detectors.get(&args.detector, &*self.ports.lookup).await?;
        let (segment, recording) =
            self.ports.store.segment(args.camera, args.seq).await.map_err(trouble::of_store)?;
        Ok(Arc::new(Looking {
            ports: self.ports.clone(),
            backdrops: Arc::clone(&self.backdrops),
            segment,
            recording,
            detector,
            detect,
            runtime: tokio::runtime::Handle::current(),
            cancel,
        }))
    }

    async fn keep(&self, args: &DetectSegment, found: Found) -> Result<(), Failure> {
        let _keeping = self.ports.meter.at(Stage::Keeping);
        let Found { bytes, frames, spared } = found;
        let sha256 = detections::checksum(&bytes);
        let blob_key = keys::detections(args.camera, args.seq, &args.detector, &sha256);
        self.ports.blobs.put(&blob_key, bytes).await.map_err(trouble::of_blobs)?;
        let artifact = Artifact { blob_key, sha256, frames, spared };
        match self.ports.store.keep_artifact(args, &artifact).await.map_err(trouble::of_store)? {
            Kept::First => tracing::debug!(frames, spared, "segment detected"),
            Kept::AlreadyThere(_) | Kept::Quarantined => tracing::debug!("another was first"),
        }
        Ok(())
    }

    /// Notes why a segment failed, and gives it up after its last attempt.
    async fn missed(&self, args: &DetectSegment, miss: Miss) -> Result<(), Failure> {
        let most = if matches!(miss, Miss::Lapsed) { 1 } else { FAILURES };
        let failure = Failure::retry(miss);
        let reason = failure.chain();
        let noted = self.ports.store.note_failure(args, &reason).await.map_err(trouble::of_store)?;
        if noted < most {
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
        let span = tracing::info_span!("detect", camera = %args.camera, seq = args.seq.0);
        let span = trace::of_segment(span, args.camera, args.seq);
        self.detect(args, run).instrument(span).await
    }
}

impl DetectHandler {
    async fn detect(&self, args: DetectSegment, run: Run) -> Result<(), Failure> {
        let store = &self.ports.store;
        if store.outcome(&args).await.map_err(trouble::of_store)?.is_some() {
            return Ok(());
        }
        let looking = self.looking(&args, run.cancel).await?;
        let looked =
            if run.attempt > ATTEMPTS { Err(Miss::Lapsed) } else { look(Arc::clone(&looking)).await };
        match looked {
            Ok(found) => self.keep(&args, found).await,
            Err(miss) => {
                let miss = trouble::of_segment(miss, looking).await?;
                self.missed(&args, miss).await
            }
        }
    }
}

/// Decoding and inference block; a panic there is this segment's failure and nobody else's.
async fn look(looking: Arc<Looking>) -> Result<Found, Miss> {
    let looked = tokio::task::spawn_blocking(move || looking.look()).await;
    looked.unwrap_or_else(|ended| Err(ended.try_into_panic().map_or(Stopped.into(), Miss::panicked)))
}
