//! The store: what camcount knows for certain. Cameras, recordings, segments, models, detectors, rulesets, passes
//! and their counts, behind domain verbs; transactions never leak out.
//!
//! [`Store`] is the port. [`Sqlite`] is the embedded adapter. Every adapter passes the same `conformance` suite.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod model;
mod port;
mod sqlite;

pub use error::StoreError;
pub use model::{Model, ModelUse, Registered};
pub use port::{
    Added, Artifact, CameraEvent, Committed, EventKind, Kept, NextFold, Outcome, PassProgress, Rows, Scope,
    SegmentCommit, Store,
};
pub use sqlite::Sqlite;
