//! Arguments of the jobs that need no pixels and are due by the clock.

use serde::{Deserialize, Serialize};

use crate::{JobArgs, Lane, Priority, WallTime};

/// Roll up what was counted since it was rolled up last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollUp {
    /// When it was due, in microseconds since 1970 (UTC), wall time.
    pub due_us: i64,
}

/// Open months ahead in the shared store, go on with what was interrupted, and detach what is kept long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollOver {
    /// When it was due, in microseconds since 1970 (UTC), wall time.
    pub due_us: i64,
    /// Months to open after the present one.
    pub ahead: u32,
    /// Months to keep before the present one; `None` for all.
    pub keep: Option<u32>,
}

macro_rules! upkeep {
    ($args:ident, $kind:literal) => {
        impl JobArgs for $args {
            const KIND: &'static str = $kind;

            fn lane(_: Priority) -> Lane {
                Lane::Upkeep
            }

            fn key(&self) -> String {
                WallTime(self.due_us).to_string()
            }
        }
    };
}

upkeep!(RollUp, "roll-up.v1");
upkeep!(RollOver, "roll-over.v1");
