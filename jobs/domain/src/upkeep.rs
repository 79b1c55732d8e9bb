//! Arguments of the jobs that need no pixels and are due by the clock.

use serde::{Deserialize, Serialize};

use crate::{JobArgs, Lane, Priority, WallTime};

/// The arguments of a job that is due by the clock.
pub trait UpkeepArgs: JobArgs {
    /// Those of the job that is due at `due`.
    fn due(due: WallTime) -> Self;
}

/// Roll up what was counted since it was rolled up last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollUp {
    /// When it was due, in microseconds since 1970 (UTC), wall time.
    pub due_us: i64,
}

/// Open months ahead in the shared store, and go on with what was interrupted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollOver {
    /// When it was due, in microseconds since 1970 (UTC), wall time.
    pub due_us: i64,
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

        impl UpkeepArgs for $args {
            fn due(due: WallTime) -> Self {
                Self { due_us: due.0 }
            }
        }
    };
}

upkeep!(RollUp, "roll-up.v1");
upkeep!(RollOver, "roll-over.v1");
