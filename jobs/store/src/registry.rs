//! The registry: cameras that people entered, and what each is counted by.

use std::collections::BTreeSet;

use async_trait::async_trait;
use camcount_domain::{
    Camera, CameraId, Detector, DetectorVersion, Pass, PassId, Ruleset, RulesetVersion, Seq, WallTime,
};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// A camera that somebody registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraEntry {
    /// The camera. No two registered ones have one name.
    pub camera: Camera,
    /// What recorders open: a URL without credentials, or a folder.
    pub source: String,
    /// Whether recorders record it.
    pub enabled: bool,
    /// Where it is, in people's words.
    pub location: Option<String>,
    /// Where it is on earth.
    pub gps: Option<Gps>,
    /// Words that people sort cameras by.
    pub tags: BTreeSet<String>,
    /// IANA name of the zone whose midnights its days begin with.
    pub time_zone: String,
    /// How it is recorded, as JSON. The store hands it on.
    pub settings: serde_json::Value,
    /// When footage last came from it.
    pub last_seen: Option<WallTime>,
}

/// A place on earth (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gps {
    /// Degrees north, -90..=90.
    pub latitude: f64,
    /// Degrees east, -180..=180.
    pub longitude: f64,
}

/// A box on earth, borders included. West of `west` lies nothing of it, also where that is more than `east`: then it
/// holds the 180th meridian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpsBox {
    /// Its southern border in degrees north.
    pub south: f64,
    /// Its western border in degrees east.
    pub west: f64,
    /// Its northern border in degrees north.
    pub north: f64,
    /// Its eastern border in degrees east.
    pub east: f64,
}

/// Which registered cameras are asked for: those that all that is given holds for.
#[derive(Clone, Debug, Default)]
pub struct CameraFilter {
    /// Enabled ones, or others.
    pub enabled: Option<bool>,
    /// Those with this tag.
    pub tag: Option<String>,
    /// Those at this location.
    pub location: Option<String>,
    /// Those whose rules have a zone of this name.
    pub zone: Option<String>,
    /// Those in this box.
    pub within: Option<GpsBox>,
}

/// A pass as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PassState {
    /// Its identity.
    pub id: PassId,
    /// As it was opened.
    pub pass: Pass,
    /// The segment with which it ends, also where that was decided after it was opened.
    pub last: Option<Seq>,
    /// The segment that is folded next.
    pub next: Seq,
}

impl PassState {
    /// Whether its last segment is folded.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.last.is_some_and(|last| self.next > last)
    }
}

/// What jobs look up over and over, one entry at a time: a port of its own, so that a cache may stand before the store.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The registered camera of this identity.
    async fn camera(&self, id: CameraId) -> Result<Option<CameraEntry>, StoreError>;

    /// A detector by its version.
    ///
    /// # Errors
    /// [`StoreError::NoDetector`].
    async fn detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError>;

    /// A ruleset by its version.
    ///
    /// # Errors
    /// [`StoreError::NoRuleset`].
    async fn ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError>;
}

/// The store's part in registering cameras.
#[async_trait]
pub trait Registry {
    /// Enters a camera, or changes what was entered. When it was last seen stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when another camera is called so.
    async fn enter_camera(&self, entry: &CameraEntry) -> Result<(), StoreError>;

    /// The registered camera of this name.
    async fn camera_called(&self, name: &str) -> Result<Option<CameraEntry>, StoreError>;

    /// The first `limit` registered cameras after the one called `after`, in the order of their names.
    async fn cameras(
        &self,
        filter: &CameraFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CameraEntry>, StoreError>;

    /// Makes sure that the camera is not registered, and ends its live passes as [`assign`](Self::assign) does. Its
    /// footage and its counts stay.
    async fn forget_camera(&self, id: CameraId) -> Result<(), StoreError>;

    /// Enables or disables a registered camera; returns whether there is one.
    async fn enable_camera(&self, id: CameraId, enabled: bool) -> Result<bool, StoreError>;

    /// Notes that footage came from a camera, unless it came later already.
    async fn saw_camera(&self, id: CameraId, when: WallTime) -> Result<(), StoreError>;

    /// Stores a camera's sealed credentials, or removes them.
    async fn keep_credentials(&self, id: CameraId, sealed: Option<&[u8]>) -> Result<(), StoreError>;

    /// A camera's sealed credentials.
    async fn credentials(&self, id: CameraId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Counts a camera's footage by this detector and these rules from now on, in a live pass; returns it. The live
    /// passes that the camera has end with the segment that comes next, or with the one that they are at, and the new
    /// one begins after that: no segment is missed, and none counted by both. If the newest live pass has this
    /// detector and these rules, nothing changes.
    ///
    /// # Errors
    /// [`StoreError::NoCamera`].
    async fn assign(
        &self,
        camera: CameraId,
        detector: &DetectorVersion,
        ruleset: &RulesetVersion,
    ) -> Result<PassId, StoreError>;

    /// The passes of a camera, or of all, in the order of cameras and of their first segments.
    async fn passes(&self, camera: Option<CameraId>) -> Result<Vec<PassState>, StoreError>;
}
