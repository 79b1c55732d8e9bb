//! The clock on the wall, read in one place: what is handled may note when, what is counted never asks.

use std::time::{SystemTime, UNIX_EPOCH};

use camcount_domain::WallTime;

/// Now; 1970 on a clock that is set before it.
#[allow(clippy::disallowed_methods, reason = "wall time is an argument everywhere else")]
pub(crate) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
