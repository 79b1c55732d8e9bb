//! Identities. All of them follow from what they name, so that naming the same thing twice, on another
//! machine or in another order, gives the same identity.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A camera. Derived from what the footage is, see [`CameraId::of_footage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CameraId(pub Uuid);

impl CameraId {
    /// The camera of footage known by `key`, any text that identifies it (where it lies, its fingerprint).
    #[must_use]
    pub fn of_footage(key: &str) -> Self {
        /// Namespace of the version 5 UUIDs (RFC 9562) of cameras.
        const CAMERAS: Uuid = Uuid::from_u128(0x6361_6d63_6f75_6e74_8063_616d_6572_6173);
        Self(Uuid::new_v5(&CAMERAS, key.as_bytes()))
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of a segment in its camera's footage, from 0, without holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// The next place.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A ruleset as it reads: `rules@` and a hash of its content.
    RulesetVersion
}
text_id! {
    /// A detector as it sees: its name, `@`, and a hash of model, preprocessing, thresholds and rate.
    DetectorVersion
}
text_id! {
    /// One counting of a camera: a hash of camera, detector, ruleset and range.
    PassId
}

/// The trace of a segment: all that is done with it anywhere belongs together, and nobody has to be told.
#[must_use]
pub fn segment_trace(camera: CameraId, seq: Seq) -> u128 {
    let mut sha = Sha256::new();
    sha.update(camera.0.as_bytes());
    sha.update(seq.0.to_le_bytes());
    sha.finalize().iter().take(16).fold(0, |id, byte| id << 8 | u128::from(*byte))
}

/// The first 16 hex digits of the SHA-256 of `parts`, each preceded by its length.
#[must_use]
pub fn content_hash(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
