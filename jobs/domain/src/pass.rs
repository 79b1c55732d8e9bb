//! A pass: one counting of one camera's footage, and the detector whose detections it folds.

use serde::{Deserialize, Serialize};

use crate::{CameraId, DetectorVersion, MediaSpan, PassId, Rate, RulesetVersion, Seq, content_hash};

/// A detector and how it is made to look: everything that its detections depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detector {
    /// What people call it: the model file's stem, or `motion`.
    pub name: String,
    /// SHA-256 of the model file in hex; empty for a detector without one.
    pub sha256: String,
    /// The recognised layout of the model's outputs, for people.
    pub layout: String,
    /// Everything else that its detections depend on, spelled out: preprocessing, thresholds, gate, revision.
    pub settings: String,
    /// How often it looks.
    pub rate: Rate,
    /// Its class names, by index.
    pub classes: Vec<String>,
}

impl Detector {
    /// Name and hash of all that its detections depend on.
    #[must_use]
    pub fn version(&self) -> DetectorVersion {
        let classes = self.classes.join("\n");
        let hash = content_hash(&[
            self.sha256.as_bytes(),
            self.layout.as_bytes(),
            self.settings.as_bytes(),
            &self.rate.millihertz.to_le_bytes(),
            classes.as_bytes(),
        ]);
        DetectorVersion(format!("{}@{hash}", self.name))
    }
}

/// Goes up whenever the same detections and rules give other counts, by a change of the tracker or the counter:
/// then footage that was counted before is counted again, and nothing mixes.
const COUNTING_REVISION: u32 = 1;

/// One counting of a camera: with one detector, by one ruleset, over one range of media time. Its segments
/// are folded in order; how far it came is its cursor, in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Whose footage.
    pub camera: CameraId,
    /// Whose detections.
    pub detector: DetectorVersion,
    /// By which rules.
    pub ruleset: RulesetVersion,
    /// Frames outside this range are not counted.
    pub range: MediaSpan,
    /// The first segment that is folded.
    pub first: Seq,
    /// The last one, with which the pass is finished; `None` for footage that goes on.
    pub last: Option<Seq>,
}

impl Pass {
    /// The identity that follows from all of the above, and from how this version of camcount counts.
    #[must_use]
    pub fn id(&self) -> PassId {
        PassId(content_hash(&[
            &COUNTING_REVISION.to_le_bytes(),
            self.camera.0.as_bytes(),
            self.detector.0.as_bytes(),
            self.ruleset.0.as_bytes(),
            &self.range.start.0.to_le_bytes(),
            &self.range.end.0.to_le_bytes(),
            &self.first.0.to_le_bytes(),
            &self.last.map_or(-1, |seq| seq.0).to_le_bytes(),
        ]))
    }
}
