//! The port: what the rest of camcount may ask of a store.

use async_trait::async_trait;
use camcount_domain::{
    Camera, CameraId, CountPass, CoverageBucket, Crossing, DetectSegment, Detector, DetectorVersion,
    FrameRow, LineBucket, MediaSpan, Pass, PassId, Recording, Ruleset, RulesetVersion, Segment,
    SegmentCounts, Seq, Visit, ZoneBucket,
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{
    Leases, Live, Lookup, Model, ModelUse, Overview, Recorded, Registered, Registry, Rollups, ScalingLog,
    StoreError, UpkeepTimes,
};

/// Rows that come as they are read, so that a reader's memory does not grow with what it reads.
pub type Rows<'a, T> = BoxStream<'a, Result<T, StoreError>>;

/// Whose work is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Every pass's.
    All,
    /// That of passes over footage that goes on.
    Live,
    /// That of passes with an end.
    Backfill,
    /// That of these passes.
    Passes(&'a [PassId]),
}

impl Scope<'_> {
    /// Whether only passes that were opened without an end are meant, or only others; `None` for both.
    pub(crate) fn live(self) -> Option<bool> {
        match self {
            Self::All | Self::Passes(_) => None,
            Self::Live => Some(true),
            Self::Backfill => Some(false),
        }
    }
}

/// What became of adding a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was cut into these segments, ends included.
    New {
        /// Its first segment.
        first: Seq,
        /// Its last segment.
        last: Seq,
    },
    /// It was there before, cut into these segments.
    AlreadyThere {
        /// Its first segment.
        first: Seq,
        /// Its last segment.
        last: Seq,
    },
}

/// A detections artifact that lies in blob storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name there.
    pub blob_key: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Looked-at frames in it.
    pub frames: u32,
    /// Of these, the ones that were spared inference.
    pub spared: u32,
}

/// What became of keeping an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the segment's artifact from now on.
    First,
    /// The segment has this one already, and keeps it.
    AlreadyThere(Artifact),
    /// The segment was given up before.
    Quarantined,
}

/// What detection made of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its detections.
    Detected(Artifact),
    /// It was given up, for this reason, and is a gap.
    Quarantined(String),
}

/// All that is needed to fold a pass's next segment, but for the rules and the detector that the pass names.
#[derive(Clone, Debug, PartialEq)]
pub struct NextFold {
    /// The pass.
    pub pass: Pass,
    /// The segment.
    pub segment: Segment,
    /// The recording that the segment is of.
    pub recording: Recording,
    /// What detection made of it.
    pub outcome: Outcome,
    /// The segment with which the pass ends, also where that was decided after it was opened.
    pub last: Option<Seq>,
    /// The fold's state after the previous segment; `None` before the first.
    pub state: Option<Vec<u8>>,
}

/// The counts of one segment, to be committed as successor of the pass's cursor.
#[derive(Clone, Copy, Debug)]
pub struct SegmentCommit<'a> {
    /// The pass.
    pub pass: &'a PassId,
    /// The segment.
    pub seq: Seq,
    /// What the segment adds.
    pub counts: &'a SegmentCounts,
    /// The fold's state after it.
    pub state: &'a [u8],
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is stored, and the cursor stands on it.
    Now,
    /// It was stored before; nothing changed.
    Before,
    /// Another segment comes first; nothing changed.
    OutOfOrder {
        /// The segment that is due.
        due: Seq,
    },
}

/// How far a pass has come, in segments of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassProgress {
    /// All there are.
    pub segments: u64,
    /// Those with detections.
    pub detected: u64,
    /// Of these, those without a single frame.
    pub empty: u64,
    /// Those that were given up.
    pub quarantined: u64,
    /// Those that are folded, detected and given up alike.
    pub counted: u64,
    /// Looked-at frames in the detected ones.
    pub frames: u64,
    /// Of these, the ones that were spared inference.
    pub spared: u64,
    /// Media time of those with detections, in microseconds.
    pub detected_us: i64,
    /// Media time of all of them, in microseconds.
    pub total_us: i64,
    /// Whether the last segment is folded.
    pub finished: bool,
}

/// What people should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Footage was given up and is a gap.
    Quarantined,
    /// Detections were damaged or lost, and the footage was to be looked at again.
    ArtifactForgotten,
    /// Nothing was recorded.
    Gap,
    /// The clock of a stream, or of the machine that records it, was not believed any more.
    ClockJump,
    /// Recording stopped, for what was recorded could not be brought away.
    SpoolFull,
    /// Footage came too late to be appended.
    Refused,
    /// Footage was recorded and could not be kept.
    Lost,
}

/// Something about a camera's footage that people should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraEvent {
    /// What kind of thing; of a kind, a span and a detector the last one is kept.
    pub kind: EventKind,
    /// The footage concerned.
    pub span: MediaSpan,
    /// The detector that was looking, if one was.
    pub detector: Option<DetectorVersion>,
    /// What happened.
    pub detail: String,
}

/// The truth. Every verb is atomic, and safe to repeat. Areas of their own are traits of their own.
#[async_trait]
pub trait Store:
    Leases + Live + Lookup + Recorded + Overview + Registry + Rollups + ScalingLog + UpkeepTimes
{
    /// Makes a camera known, or renames it.
    async fn register_camera(&self, camera: &Camera) -> Result<(), StoreError>;

    /// Makes a detector known.
    async fn register_detector(&self, detector: &Detector) -> Result<DetectorVersion, StoreError>;

    /// Registers a model under its name and version.
    ///
    /// # Errors
    /// [`StoreError::ModelTaken`] when another one has them.
    async fn register_model(&self, model: &Model) -> Result<Registered, StoreError>;

    /// The registered models in order of their names; of one name, the newest first.
    async fn models(&self) -> Result<Vec<Model>, StoreError>;

    /// Makes sure that no model is registered under this name and version. What was counted with it stays.
    async fn remove_model(&self, name: &str, version: &str) -> Result<(), StoreError>;

    /// What was counted with the model file of this SHA-256.
    async fn model_use(&self, sha256: &str) -> Result<ModelUse, StoreError>;

    /// Makes a ruleset known.
    async fn register_ruleset(&self, ruleset: &Ruleset) -> Result<RulesetVersion, StoreError>;

    /// Cuts a recording into segments of `segment_us` and appends them to the camera's footage. A recording
    /// (known by its source) that is there already keeps the cuts it has.
    ///
    /// # Errors
    /// [`StoreError::Overlap`] when it does not follow the footage already there.
    async fn add_recording(&self, recording: &Recording, segment_us: i64) -> Result<Added, StoreError>;

    /// The camera's recordings in order of media time, each with its first segment.
    async fn recordings(&self, camera: CameraId) -> Result<Vec<(Seq, Recording)>, StoreError>;

    /// The camera's last recording; `None` before the first.
    async fn last_recording(&self, camera: CameraId) -> Result<Option<Recording>, StoreError>;

    /// The first and last segment of a camera that `span` touches; `None` when there are none.
    async fn segments_in(
        &self,
        camera: CameraId,
        span: MediaSpan,
    ) -> Result<Option<(Segment, Segment)>, StoreError>;

    /// One segment and its recording.
    async fn segment(&self, camera: CameraId, seq: Seq) -> Result<(Segment, Recording), StoreError>;

    /// Opens a pass at its first segment. One that is open already stays where it is.
    async fn open_pass(&self, pass: &Pass) -> Result<PassId, StoreError>;

    /// Detections that unfinished passes in `scope` wait for: `per_pass` of each at most, those in front first, the passes
    /// taking turns. None lies more than `per_pass` segments ahead of its pass's cursor, so that detection does
    /// not run away from counting.
    async fn due_detections(&self, scope: Scope<'_>, per_pass: u32)
    -> Result<Vec<DetectSegment>, StoreError>;

    /// Unfinished passes in `scope` whose next segment can be folded.
    async fn due_counts(&self, scope: Scope<'_>) -> Result<Vec<CountPass>, StoreError>;

    /// Keeps a segment's detections. The first artifact wins; a later one changes nothing.
    async fn keep_artifact(&self, job: &DetectSegment, artifact: &Artifact) -> Result<Kept, StoreError>;

    /// Forgets an artifact that was found damaged or lost, and records it as an event, if it is still the segment's
    /// own by its checksum. The segment is as if it had never been looked at, and due again for passes that have not
    /// folded it; what others have folded stays as it is. Returns whether it was forgotten now.
    async fn forget_artifact(
        &self,
        job: &DetectSegment,
        sha256: &str,
        reason: &str,
    ) -> Result<bool, StoreError>;

    /// Whether a segment's detections are there, or the segment given up; `None` when neither.
    async fn outcome(&self, job: &DetectSegment) -> Result<Option<Outcome>, StoreError>;

    /// Notes a failed attempt at a segment's detections; returns how many there were, over all processes.
    async fn note_failure(&self, job: &DetectSegment, reason: &str) -> Result<u32, StoreError>;

    /// Gives a segment up: it becomes a gap. Changes nothing where there are detections.
    async fn quarantine(&self, job: &DetectSegment, reason: &str) -> Result<(), StoreError>;

    /// What is needed to fold the pass's next segment; `None` while that is not detected, or when the pass
    /// is finished.
    async fn next_fold(&self, pass: &PassId) -> Result<Option<NextFold>, StoreError>;

    /// Stores a segment's counts, the fold's state and the cursor in one transaction, if the segment is the
    /// cursor's successor.
    async fn commit_segment(&self, commit: SegmentCommit<'_>) -> Result<Committed, StoreError>;

    /// How far a pass has come.
    async fn progress(&self, pass: &PassId) -> Result<PassProgress, StoreError>;

    /// The events of a camera in order of media time.
    async fn camera_events(&self, camera: CameraId) -> Result<Vec<CameraEvent>, StoreError>;

    /// A pass's crossings in order of media time, then line, track, direction and ordinal.
    fn crossings<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Crossing>;

    /// A pass's ended visits in order of entry, then zone, track and ordinal.
    fn visits<'a>(&'a self, pass: &'a PassId) -> Rows<'a, Visit>;

    /// A pass's line buckets in order of time, line and class.
    fn line_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, LineBucket>;

    /// A pass's zone buckets in order of time and zone.
    fn zone_buckets<'a>(&'a self, pass: &'a PassId) -> Rows<'a, ZoneBucket>;

    /// A pass's coverage in order of time.
    fn coverage<'a>(&'a self, pass: &'a PassId) -> Rows<'a, CoverageBucket>;

    /// A pass's looked-at frames in order of time.
    fn frames<'a>(&'a self, pass: &'a PassId) -> Rows<'a, FrameRow>;
}
