//! The store: what camcount knows for certain. Cameras, recordings, segments, models, detectors, rulesets, passes
//! and their counts, behind domain verbs; transactions never leak out.
//!
//! [`Store`] is the port. [`Sqlite`] is the embedded adapter, [`Postgres`] the one that many machines share. Both pass
//! the same `conformance` suite.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod leases;
mod live;
mod model;
mod overview;
mod port;
mod postgres;
mod recorded;
mod registry;
mod rollups;
mod rows;
mod scaling;
mod sqlite;
#[cfg(feature = "conformance")]
pub mod test_database;
mod upkeep;

pub use error::StoreError;
pub use leases::{HeldLease, Leases};
pub use live::{Live, SoFar};
pub use model::{Model, ModelUse, Registered};
pub use overview::{Behind, CameraTally, Overview};
pub use port::{
    Added, Artifact, CameraEvent, Committed, EventKind, Kept, NextFold, Outcome, PassProgress, Rows, Scope,
    SegmentCommit, Store,
};
pub use postgres::{
    BadDatabaseUrl, BadMonth, DatabaseUrl, MigrationStatus, Migrations, Month, MonthState, MonthStatus,
    Postgres, PostgresOptions,
};
pub use recorded::{Recorded, StreamQuality};
pub use registry::{CameraEntry, CameraFilter, Gps, GpsBox, Lookup, PassState, Registry};
pub use rollups::{Counted, DIRTY_US, Dirty, RolledUp, Rollups};
pub use scaling::{Scaled, ScalingLog};
pub use sqlite::Sqlite;
pub use upkeep::UpkeepTimes;
