//! Who does the work: workers lease jobs, run their handlers, keep the leases alive, retry and drain.
//!
//! [`handlers`] lists every kind of job there is. Handlers hold nothing but the ports they need; killing a
//! worker at any moment loses no count and doubles none.

mod backdrops;
mod count;
mod detect;
mod fold;
mod handler;
mod lease;
mod look;
mod meter;
mod opened;
mod telling;
mod trace;
mod trouble;
mod workers;

use std::sync::Arc;

use camcount_blob::Blobs;
use camcount_decode::Ffmpeg;
use camcount_store::{Lookup, Store};

pub use count::CountHandler;
pub use detect::{DetectHandler, Detectors, LoadDetector};
pub use fold::{BadFold, Fold, FoldRules};
pub use handler::{Handler, Handlers, Run};
pub use meter::{Meter, Stage};
pub use opened::opened;
pub use telling::{Hear, Telling};
pub use workers::{JobEnd, Workers, WorkersOptions};

/// What handlers work with.
#[derive(Clone)]
pub struct Ports {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// What is registered: the same store, or a cache before it.
    pub lookup: Arc<dyn Lookup>,
    /// Artifacts and copies of streams.
    pub blobs: Arc<dyn Blobs>,
    /// The way to frames.
    pub footage: Ffmpeg,
    /// The detectors that this process has loaded.
    pub detectors: Detectors,
    /// The way to those who watch from elsewhere.
    pub telling: Telling,
    /// What has been done, for people who watch here.
    pub meter: Arc<Meter>,
}

/// Every kind of job: the table of contents of the system.
#[must_use]
pub fn handlers(ports: &Ports) -> Handlers {
    Handlers::default().with(DetectHandler::new(ports.clone())).with(CountHandler::new(ports.clone()))
}
