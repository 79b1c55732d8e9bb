//! The port's part for work that is due by the clock: when it was due last.

use async_trait::async_trait;
use camcount_domain::WallTime;

use crate::StoreError;

/// When jobs were due by their cron expressions, and published.
#[async_trait]
pub trait UpkeepTimes: Send + Sync + 'static {
    /// When a kind of job was due last and published; `None` before the first time.
    async fn last_due(&self, kind: &str) -> Result<Option<WallTime>, StoreError>;

    /// Notes that a kind of job was published that was due at `due`.
    async fn note_due(&self, kind: &str, due: WallTime) -> Result<(), StoreError>;
}
