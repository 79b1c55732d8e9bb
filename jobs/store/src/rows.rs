//! What rows hold, alike in all adapters, and what they mean in the domain's words. No SQL, no database.

mod recorded;
mod registry;

use camcount_domain::{
    CameraId, Confidence, CoverageBucket, Crossing, DetectSegment, Detector, DetectorVersion, Direction,
    FrameRow, FrameSize, LineBucket, MediaSpan, MediaTime, Pass, PassId, Rate, Recording, Ruleset,
    RulesetVersion, Segment, Seq, TrackId, Visit, WallTime, ZoneBucket,
};
use sqlx::FromRow;

use crate::{Artifact, Committed, Kept, Model, Outcome, PassProgress, Registered, StoreError};

pub(crate) use recorded::{StoredEvent, StoredQuality, of_camera};
pub(crate) use registry::{StoredBehind, StoredCamera, StoredPassState};

fn span(start_us: i64, end_us: i64) -> MediaSpan {
    MediaSpan { start: MediaTime(start_us), end: MediaTime(end_us) }
}

fn camera_id(text: &str) -> Result<CameraId, StoreError> {
    text.parse().map(CameraId).map_err(|_| StoreError::Corrupt { what: "camera id" })
}

/// A recording, its span's columns named apart from a segment's.
#[derive(FromRow)]
pub(crate) struct StoredRecording {
    first_seq: i64,
    source: String,
    recording_start_us: i64,
    recording_end_us: i64,
    origin_us: i64,
    #[sqlx(try_from = "i64")]
    width: u32,
    #[sqlx(try_from = "i64")]
    height: u32,
    frame_interval_us: i64,
}

impl StoredRecording {
    /// Its first segment, and itself.
    pub(crate) fn of(self, camera: CameraId) -> (Seq, Recording) {
        let recording = Recording {
            camera,
            source: self.source,
            span: span(self.recording_start_us, self.recording_end_us),
            origin_us: self.origin_us,
            frame_size: FrameSize { width: self.width, height: self.height },
            frame_interval_us: self.frame_interval_us,
        };
        (Seq(self.first_seq), recording)
    }
}

/// A segment and its recording.
#[derive(FromRow)]
pub(crate) struct StoredSegment {
    start_us: i64,
    end_us: i64,
    first: bool,
    last: bool,
    #[sqlx(flatten)]
    recording: StoredRecording,
}

impl StoredSegment {
    pub(crate) fn of(self, camera: CameraId, seq: Seq) -> (Segment, Recording) {
        let Self { start_us, end_us, first, last, recording } = self;
        (Segment { camera, seq, span: span(start_us, end_us), first, last }, recording.of(camera).1)
    }
}

/// Refuses a recording that starts before the end of the footage that is there.
pub(crate) fn follows(recording: &Recording, end_us: Option<i64>) -> Result<(), StoreError> {
    match end_us {
        Some(end_us) if recording.span.start.0 < end_us => Err(StoreError::Overlap {
            source_name: recording.source.clone(),
            start: recording.span.start,
            end: MediaTime(end_us),
        }),
        _ => Ok(()),
    }
}

/// A detector.
#[derive(FromRow)]
pub(crate) struct StoredDetector {
    name: String,
    sha256: String,
    layout: String,
    settings: String,
    #[sqlx(try_from = "i64")]
    rate_mhz: u32,
    classes: String,
}

impl TryFrom<StoredDetector> for Detector {
    type Error = StoreError;

    fn try_from(row: StoredDetector) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            sha256: row.sha256,
            layout: row.layout,
            settings: row.settings,
            rate: Rate { millihertz: row.rate_mhz },
            classes: serde_json::from_str(&row.classes)
                .map_err(|_| StoreError::Corrupt { what: "detector" })?,
        })
    }
}

/// A registered model.
#[derive(FromRow)]
pub(crate) struct StoredModel {
    name: String,
    version: String,
    sha256: String,
    layout: String,
    #[sqlx(try_from = "i64")]
    width: u32,
    #[sqlx(try_from = "i64")]
    height: u32,
    classes: String,
    #[sqlx(try_from = "i64")]
    bytes: u64,
    added_us: i64,
}

impl TryFrom<StoredModel> for Model {
    type Error = StoreError;

    fn try_from(row: StoredModel) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            version: row.version,
            sha256: row.sha256,
            layout: row.layout,
            input: FrameSize { width: row.width, height: row.height },
            classes: serde_json::from_str(&row.classes).map_err(|_| StoreError::Corrupt { what: "model" })?,
            bytes: row.bytes,
            added: WallTime(row.added_us),
        })
    }
}

impl Registered {
    /// What becomes of registering `model` where `there` has its name and version.
    pub(crate) fn beside(model: &Model, there: Model) -> Result<Self, StoreError> {
        match model.differs_from(&there) {
            None => Ok(Self::AlreadyThere(there)),
            Some(by) => Err(StoreError::ModelTaken { name: there.name, version: there.version, by }),
        }
    }
}

/// Reads a ruleset's content.
pub(crate) fn ruleset(content: &str) -> Result<Ruleset, StoreError> {
    serde_json::from_str(content).map_err(|_| StoreError::Corrupt { what: "ruleset" })
}

/// A segment's detections, detected or given up.
#[derive(FromRow)]
pub(crate) struct StoredOutcome {
    state: String,
    reason: Option<String>,
    blob_key: Option<String>,
    sha256: Option<String>,
    frames: Option<i64>,
    spared: Option<i64>,
}

impl TryFrom<StoredOutcome> for Outcome {
    type Error = StoreError;

    fn try_from(row: StoredOutcome) -> Result<Self, StoreError> {
        if row.state != "detected" {
            return Ok(Self::Quarantined(row.reason.unwrap_or_default()));
        }
        let [frames, spared] =
            [row.frames, row.spared].map(|number| number.and_then(|number| u32::try_from(number).ok()));
        match (row.blob_key, row.sha256, frames, spared) {
            (Some(blob_key), Some(sha256), Some(frames), Some(spared)) => {
                Ok(Self::Detected(Artifact { blob_key, sha256, frames, spared }))
            }
            _ => Err(StoreError::Corrupt { what: "detection" }),
        }
    }
}

impl Kept {
    /// What keeps an artifact from being its segment's.
    pub(crate) fn not(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Detected(winner) => Self::AlreadyThere(winner),
            Outcome::Quarantined(_) => Self::Quarantined,
        }
    }
}

/// A segment whose detections are waited for.
#[derive(FromRow)]
pub(crate) struct StoredDue {
    camera: String,
    seq: i64,
    detector: String,
}

impl TryFrom<StoredDue> for DetectSegment {
    type Error = StoreError;

    fn try_from(row: StoredDue) -> Result<Self, StoreError> {
        Ok(Self {
            camera: camera_id(&row.camera)?,
            seq: Seq(row.seq),
            detector: DetectorVersion(row.detector),
        })
    }
}

/// A pass, its cursor and the fold's state there.
#[derive(FromRow)]
pub(crate) struct StoredPass {
    camera: String,
    detector: String,
    ruleset: String,
    range_start_us: i64,
    range_end_us: i64,
    first_seq: i64,
    last_seq: Option<i64>,
    live: bool,
    next_seq: i64,
    /// `None` before the first segment.
    pub fold_state: Option<Vec<u8>>,
}

impl StoredPass {
    /// The pass as it was opened.
    pub(crate) fn pass(&self) -> Result<Pass, StoreError> {
        Ok(Pass {
            camera: camera_id(&self.camera)?,
            detector: DetectorVersion(self.detector.clone()),
            ruleset: RulesetVersion(self.ruleset.clone()),
            range: span(self.range_start_us, self.range_end_us),
            first: Seq(self.first_seq),
            last: self.last_seq.filter(|_| !self.live).map(Seq),
        })
    }

    /// Its last segment, also where that was decided after it was opened.
    pub(crate) fn last(&self) -> Option<Seq> {
        self.last_seq.map(Seq)
    }

    /// The segment to be folded next; `None` when the pass is finished.
    pub(crate) fn next(&self) -> Option<Seq> {
        self.last_seq.is_none_or(|last| self.next_seq <= last).then_some(Seq(self.next_seq))
    }
}

impl Committed {
    /// Why a commit of `seq` did not move the cursor, after which `next` comes; `None` without such a pass.
    pub(crate) fn not(pass: &PassId, seq: Seq, next: Option<i64>) -> Result<Self, StoreError> {
        match next {
            None => Err(StoreError::NoPass(pass.clone())),
            Some(next) if seq.0 < next => Ok(Self::Before),
            Some(next) => Ok(Self::OutOfOrder { due: Seq(next) }),
        }
    }
}

/// How far a pass has come.
#[derive(FromRow)]
pub(crate) struct StoredProgress {
    #[sqlx(try_from = "i64")]
    segments: u64,
    #[sqlx(try_from = "i64")]
    detected: u64,
    #[sqlx(try_from = "i64")]
    empty: u64,
    #[sqlx(try_from = "i64")]
    quarantined: u64,
    #[sqlx(try_from = "i64")]
    counted: u64,
    #[sqlx(try_from = "i64")]
    frames: u64,
    #[sqlx(try_from = "i64")]
    spared: u64,
    detected_us: i64,
    total_us: i64,
    finished: bool,
}

impl From<StoredProgress> for PassProgress {
    fn from(row: StoredProgress) -> Self {
        let StoredProgress { segments, detected, empty, quarantined, counted, frames, spared, .. } = row;
        let StoredProgress { detected_us, total_us, finished, .. } = row;
        Self {
            segments,
            detected,
            empty,
            quarantined,
            counted,
            frames,
            spared,
            detected_us,
            total_us,
            finished,
        }
    }
}

/// A crossing.
#[derive(FromRow)]
pub(crate) struct StoredCrossing {
    line: String,
    direction: String,
    media_us: i64,
    #[sqlx(try_from = "i64")]
    track: u64,
    #[sqlx(try_from = "i64")]
    ordinal: u32,
    class: String,
    #[sqlx(try_from = "i64")]
    confidence: u16,
    stitched: bool,
}

impl From<StoredCrossing> for Crossing {
    fn from(row: StoredCrossing) -> Self {
        Self {
            line: row.line,
            direction: if row.direction == "in" { Direction::In } else { Direction::Out },
            time: MediaTime(row.media_us),
            track: TrackId(row.track),
            ordinal: row.ordinal,
            class: row.class,
            confidence: Confidence(row.confidence),
            stitched: row.stitched,
        }
    }
}

/// A visit.
#[derive(FromRow)]
pub(crate) struct StoredVisit {
    zone: String,
    #[sqlx(try_from = "i64")]
    track: u64,
    #[sqlx(try_from = "i64")]
    ordinal: u32,
    class: String,
    entered_us: i64,
    left_us: i64,
    stationary_us: i64,
    saw_entry: bool,
    saw_exit: bool,
}

impl From<StoredVisit> for Visit {
    fn from(row: StoredVisit) -> Self {
        Self {
            zone: row.zone,
            track: TrackId(row.track),
            ordinal: row.ordinal,
            class: row.class,
            entered: MediaTime(row.entered_us),
            left: MediaTime(row.left_us),
            stationary_us: row.stationary_us,
            saw_entry: row.saw_entry,
            saw_exit: row.saw_exit,
        }
    }
}

/// A line's bucket.
#[derive(FromRow)]
pub(crate) struct StoredLineBucket {
    line: String,
    class: String,
    start_us: i64,
    count_in: i64,
    count_out: i64,
}

impl From<StoredLineBucket> for LineBucket {
    fn from(row: StoredLineBucket) -> Self {
        let StoredLineBucket { line, class, start_us, count_in, count_out } = row;
        Self { line, class, start: MediaTime(start_us), count_in, count_out }
    }
}

/// A zone's bucket.
#[derive(FromRow)]
pub(crate) struct StoredZoneBucket {
    zone: String,
    start_us: i64,
    entered: i64,
    left: i64,
    occupancy_min: i64,
    occupancy_max: i64,
    occupied_us: i64,
    stationary_us: i64,
}

impl From<StoredZoneBucket> for ZoneBucket {
    fn from(row: StoredZoneBucket) -> Self {
        Self {
            zone: row.zone,
            start: MediaTime(row.start_us),
            entered: row.entered,
            left: row.left,
            occupancy_min: row.occupancy_min,
            occupancy_max: row.occupancy_max,
            occupied_us: row.occupied_us,
            stationary_us: row.stationary_us,
        }
    }
}

/// A bucket of coverage.
#[derive(FromRow)]
pub(crate) struct StoredCoverage {
    start_us: i64,
    observed_us: i64,
    gap_us: i64,
}

impl From<StoredCoverage> for CoverageBucket {
    fn from(row: StoredCoverage) -> Self {
        Self { start: MediaTime(row.start_us), observed_us: row.observed_us, gap_us: row.gap_us }
    }
}

/// A looked-at frame.
#[derive(FromRow)]
pub(crate) struct StoredFrame {
    media_us: i64,
    #[sqlx(try_from = "i64")]
    detected: u32,
    #[sqlx(try_from = "i64")]
    tracked: u32,
}

impl From<StoredFrame> for FrameRow {
    fn from(row: StoredFrame) -> Self {
        Self { time: MediaTime(row.media_us), detected: row.detected, tracked: row.tracked }
    }
}
