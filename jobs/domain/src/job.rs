//! Job arguments: what is to be done, apart from who does it and how.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{CameraId, DetectorVersion, PassId, Seq};

/// How urgent work is. What is live never waits behind a backlog, since the two have lanes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody watches: footage that is being recorded, or a run at a terminal.
    Live,
    /// Footage of the past.
    Backfill,
}

/// One queue of one kind and priority of work; worker pools scale by lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Decoding and inference: stateless, parallel, wants an accelerator.
    Detect,
    /// The same, of the past.
    DetectBackfill,
    /// Tracking and counting: ordered within a pass, cheap.
    Count,
    /// The same, of the past.
    CountBackfill,
    /// What keeps the store in order: roll-ups and partitions.
    Upkeep,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 5] =
        [Self::Detect, Self::DetectBackfill, Self::Count, Self::CountBackfill, Self::Upkeep];

    /// The word used on command lines, in logs and in queue names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::DetectBackfill => "detect-backfill",
            Self::Count => "count",
            Self::CountBackfill => "count-backfill",
            Self::Upkeep => "upkeep",
        }
    }
}

/// The arguments of one kind of job.
pub trait JobArgs: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind's name and version; changing the fields' meaning makes a new one.
    const KIND: &'static str;

    /// Where such jobs wait.
    fn lane(priority: Priority) -> Lane;

    /// The same for the same work, whoever asks for it and however often.
    fn key(&self) -> String;

    /// These arguments as a job for a queue.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    fn to_job(&self, priority: Priority) -> Result<Job, serde_json::Error> {
        Ok(Job {
            kind: Self::KIND.to_owned(),
            lane: Self::lane(priority),
            key: format!("{}/{}", Self::KIND, self.key()),
            args: serde_json::to_string(self)?,
        })
    }
}

/// A job as queues carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// [`JobArgs::KIND`].
    pub kind: String,
    /// [`JobArgs::lane`].
    pub lane: Lane,
    /// Deterministic: a queue holds one job of a key at a time.
    pub key: String,
    /// The arguments as JSON.
    pub args: String,
}

/// Decode one segment, run the detector over it and keep the detections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectSegment {
    /// Whose footage.
    pub camera: CameraId,
    /// Which segment.
    pub seq: Seq,
    /// With which detector.
    pub detector: DetectorVersion,
}

impl JobArgs for DetectSegment {
    const KIND: &'static str = "detect-segment.v1";

    fn lane(priority: Priority) -> Lane {
        match priority {
            Priority::Live => Lane::Detect,
            Priority::Backfill => Lane::DetectBackfill,
        }
    }

    fn key(&self) -> String {
        format!("{}/{}/{}", self.camera, self.seq, self.detector)
    }
}

/// Fold the next detected segments of one pass, in order, for as long as there are some and they are not too many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountPass {
    /// Which pass.
    pub pass: PassId,
    /// The segment that is due next: with it a later push for later work is a job of its own.
    pub next: Seq,
}

impl JobArgs for CountPass {
    const KIND: &'static str = "count-pass.v1";

    fn lane(priority: Priority) -> Lane {
        match priority {
            Priority::Live => Lane::Count,
            Priority::Backfill => Lane::CountBackfill,
        }
    }

    fn key(&self) -> String {
        format!("{}/{}", self.pass, self.next)
    }
}
