//! The port's part for scaling: what lanes were to have, as it changed.

use async_trait::async_trait;
use sqlx::FromRow;

use crate::StoreError;

/// How many workers a lane was to have from then on, and why.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Scaled {
    /// The lane.
    pub lane: String,
    /// How many workers.
    #[sqlx(try_from = "i64")]
    pub workers: u32,
    /// Jobs that could start.
    #[sqlx(try_from = "i64")]
    pub waiting: u64,
    /// Jobs at work.
    #[sqlx(try_from = "i64")]
    pub running: u64,
    /// How long the first of the waiting ones had waited, in milliseconds.
    #[sqlx(try_from = "i64")]
    pub behind_ms: u64,
}

/// The log of what lanes were to have. It keeps the last ten thousand changes.
#[async_trait]
pub trait ScalingLog: Send + Sync + 'static {
    /// Notes a change.
    async fn log_scaling(&self, scaled: &Scaled) -> Result<(), StoreError>;

    /// The last change of every lane that had one, in the order of lanes' names.
    async fn last_scaling(&self) -> Result<Vec<Scaled>, StoreError>;
}

/// As numbers are stored.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
