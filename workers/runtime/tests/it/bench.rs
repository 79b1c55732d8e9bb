//! A data folder with a camera, its footage and a pass over it, and what is needed to work on it.

use std::{path::Path, sync::Arc};

use camcount_blob::{Blobs, Folder, detections, keys};
use camcount_decode::Ffmpeg;
use camcount_detect::{Detect, MotionDetector};
use camcount_domain::{
    Camera, CameraId, Continuity, CountPass, DetectSegment, Detector, Failure, JobArgs, MediaSpan, MediaTime,
    Pass, PassId, Priority, Rate, Recording, Ruleset, SegmentCounts, SegmentDetections, Seq,
    rules::RulesDraft,
};
use camcount_queue::{Feed, InProcessFeed, Queue};
use camcount_runtime::{
    CountHandler, DetectHandler, Detectors, Fold, FoldRules, Handler, Meter, Ports, Run, Telling,
};
use camcount_store::{Artifact, Lookup, Outcome, Scope, Sqlite, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::tally::Tally;

pub(crate) const SECOND_US: i64 = 1_000_000;

/// Frames a second that are looked at.
pub(crate) const RATE: Rate = Rate { millihertz: 10_000 };

pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) footage: Ffmpeg,
    pub(crate) detect: Arc<dyn Detect>,
    pub(crate) feed: Arc<InProcessFeed>,
    pub(crate) camera: CameraId,
    /// Set by [`Bench::open_pass`], as what follows.
    pub(crate) pass: PassId,
    /// The segments of the pass, from 0.
    pub(crate) segments: i64,
    range: MediaSpan,
}

/// A run of a handler that nobody cancels.
pub(crate) fn run(attempt: u32) -> Run {
    Run { attempt, cancel: CancellationToken::new() }
}

/// A line and a zone in the middle of the picture.
pub(crate) fn rules() -> Ruleset {
    let draft = RulesDraft {
        classes: Vec::new(),
        lines: vec!["middle: 0.5,0 -> 0.5,1".parse().unwrap()],
        zones: vec!["inner: 0.3,0.1 0.7,0.1 0.7,0.95 0.3,0.95".parse().unwrap()],
    };
    draft.resolve(camcount_domain::FrameSize { width: 100, height: 100 }).unwrap()
}

impl Bench {
    /// An empty data folder and a camera without footage.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&dir.path().join("camcount.db")).await.unwrap());
        let blobs = Arc::new(Folder::open(&dir.path().join("blobs")).unwrap());
        let camera = Camera { id: CameraId::of_footage("gate"), name: "gate".into(), start_known: true };
        store.register_camera(&camera).await.unwrap();
        let (footage, detect) = (Ffmpeg::default(), Arc::new(MotionDetector::new()));
        let pass = PassId(String::new());
        Self {
            dir,
            store,
            blobs,
            footage,
            detect,
            feed: Arc::default(),
            camera: camera.id,
            pass,
            segments: 0,
            range: MediaSpan::ALL,
        }
    }

    /// One with these recordings, cut into segments of `segment_us`, and a pass over all of them.
    pub(crate) async fn with(recordings: &[Recording], segment_us: i64) -> Self {
        let mut bench = Self::new().await;
        for recording in recordings {
            bench.store.add_recording(recording, segment_us).await.unwrap();
        }
        bench.open_pass(MediaSpan::ALL).await;
        bench
    }

    pub(crate) async fn open_pass(&mut self, range: MediaSpan) {
        let detector = self.detect.describe(RATE);
        let detector = self.store.register_detector(&detector).await.unwrap();
        let ruleset = self.store.register_ruleset(&rules()).await.unwrap();
        let (first, last) = self.store.segments_in(self.camera, range).await.unwrap().unwrap();
        (self.segments, self.range) = (last.seq.0 + 1, range);
        let (camera, first, last) = (self.camera, first.seq, Some(last.seq));
        let pass = Pass { camera, detector, ruleset, range, first, last };
        self.pass = self.store.open_pass(&pass).await.unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store once more, by connections of its own.
    pub(crate) async fn store_again(&self) -> Arc<Sqlite> {
        Arc::new(Sqlite::open(&self.dir.path().join("camcount.db")).await.unwrap())
    }

    pub(crate) fn detector(&self) -> Detector {
        self.detect.describe(RATE)
    }

    pub(crate) fn ports(&self) -> Ports {
        let mut detectors = Detectors::default();
        detectors.load(Arc::clone(&self.detect), RATE);
        Ports {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            lookup: Arc::clone(&self.store) as Arc<dyn Lookup>,
            blobs: Arc::clone(&self.blobs),
            footage: self.footage.clone(),
            detectors,
            telling: Telling::over(Arc::clone(&self.feed) as Arc<dyn Feed>),
            meter: Arc::new(Meter::default()),
        }
    }

    pub(crate) fn detection(&self, seq: i64) -> DetectSegment {
        DetectSegment { camera: self.camera, seq: Seq(seq), detector: self.detector().version() }
    }

    pub(crate) async fn outcome(&self, seq: i64) -> Option<Outcome> {
        self.store.outcome(&self.detection(seq)).await.unwrap()
    }

    pub(crate) async fn artifact(&self, seq: i64) -> Artifact {
        match self.outcome(seq).await {
            Some(Outcome::Detected(artifact)) => artifact,
            other => panic!("segment {seq} has no artifact: {other:?}"),
        }
    }

    pub(crate) async fn quarantined(&self, seq: i64) -> String {
        match self.outcome(seq).await {
            Some(Outcome::Quarantined(reason)) => reason,
            other => panic!("segment {seq} is not quarantined: {other:?}"),
        }
    }

    /// Runs detection of one segment once.
    pub(crate) async fn detect(&self, seq: i64, attempt: u32) -> Result<(), Failure> {
        DetectHandler::new(self.ports()).run(self.detection(seq), run(attempt)).await
    }

    /// Keeps an artifact that nobody detected.
    pub(crate) async fn keep(&self, seq: i64, found: &SegmentDetections) -> Artifact {
        let bytes = detections::encode(found).unwrap();
        let sha256 = detections::checksum(&bytes);
        let job = self.detection(seq);
        let blob_key = keys::detections(self.camera, job.seq, &job.detector, &sha256);
        self.blobs.put(&blob_key, bytes).await.unwrap();
        let artifact = Artifact { blob_key, sha256, frames: found.frames.len() as u32, spared: 0 };
        self.store.keep_artifact(&job, &artifact).await.unwrap();
        artifact
    }

    /// Folds what can be folded.
    pub(crate) async fn count(&self) -> Result<(), Failure> {
        let args = CountPass { pass: self.pass.clone(), next: Seq(0) };
        CountHandler::new(self.ports()).run(args, run(1)).await
    }

    pub(crate) async fn tally(&self) -> Tally {
        Tally::stored(&*self.store, &self.pass).await
    }

    pub(crate) async fn is_finished(&self) -> bool {
        self.store.progress(&self.pass).await.unwrap().finished
    }

    /// Publishes what is due; returns how much that is.
    pub(crate) async fn publish(&self, queue: &dyn Queue) -> usize {
        let passes = [self.pass.clone()];
        let counts = self.store.due_counts(Scope::Passes(&passes)).await.unwrap();
        let detections = self.store.due_detections(Scope::Passes(&passes), 16).await.unwrap();
        let jobs = counts
            .iter()
            .map(|job| job.to_job(Priority::Live))
            .chain(detections.iter().map(|job| job.to_job(Priority::Live)));
        let jobs: Vec<_> = jobs.map(Result::unwrap).collect();
        for job in &jobs {
            queue.push(job.clone()).await.unwrap();
        }
        jobs.len()
    }

    /// What the kept artifacts of all segments count up to, folded in one go from state to state in memory.
    pub(crate) async fn plain_fold(&self) -> Tally {
        let mut counts = SegmentCounts::default();
        let mut fold: Option<Fold> = None;
        for seq in 0..self.segments {
            let (segment, recording) = self.store.segment(self.camera, Seq(seq)).await.unwrap();
            let fold = fold.get_or_insert_with(|| Fold::new(segment.span.start));
            let bytes = self.blobs.get(&self.artifact(seq).await.blob_key).await.unwrap();
            let found = detections::decode(bytes).unwrap();
            let rules = FoldRules::new(
                rules(),
                &found.classes,
                recording.frame_size,
                Continuity::of(recording.frame_interval_us, RATE.interval_us()),
                self.range,
            );
            found.frames.iter().for_each(|frame| drop(fold.frame(&rules, frame, &mut counts)));
            if seq + 1 == self.segments {
                fold.finish(&rules, segment.span.end, &mut counts);
            }
        }
        Tally::of([counts])
    }
}

/// That many seconds after the start of time.
pub(crate) fn seconds(seconds: i64) -> MediaTime {
    MediaTime(seconds * SECOND_US)
}
