//! Planning a pass: which segments it is about.

use camcount_domain::{CameraId, DetectorVersion, MediaSpan, Pass, RulesetVersion};
use camcount_store::{Store, StoreError};

/// Why no pass was planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The range lies beside the footage.
    #[error("there is no footage between {} and {}", range.start, range.end)]
    NoFootage {
        /// The wanted range.
        range: MediaSpan,
    },
    /// The store failed.
    #[error("the footage of the range could not be looked up")]
    Store(#[from] StoreError),
}

/// A pass over the footage that a camera has in `range` now. Footage that is added later is another pass.
///
/// # Errors
/// [`PlanError::NoFootage`] when there is none.
pub async fn plan_pass(
    store: &dyn Store,
    camera: CameraId,
    detector: DetectorVersion,
    ruleset: RulesetVersion,
    range: MediaSpan,
) -> Result<Pass, PlanError> {
    let Some((first, last)) = store.segments_in(camera, range).await? else {
        return Err(PlanError::NoFootage { range });
    };
    Ok(Pass { camera, detector, ruleset, range, first: first.seq, last: Some(last.seq) })
}
