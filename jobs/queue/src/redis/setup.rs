//! What Redis must be like before anybody counts on it, and lanes in it.

use camcount_domain::Lane;
use redis::{RedisError, Script};

use super::{GROUP, Shared};
use crate::{ConnectError, broker::Different};

/// The first major version whose scripts may look at the clock before they write, and whose wipes wake who blocks.
const OLDEST_SERVER: u32 = 7;

impl Shared {
    /// # Errors
    /// When it is too old, forgets what it should keep, takes nothing, or has lanes of that name that are none of ours.
    pub(super) async fn set_up(&self) -> Result<(), ConnectError> {
        let info: String = redis::cmd("INFO")
            .arg(&["server", "memory"])
            .query_async(&mut self.connection.clone())
            .await
            .map_err(|error| self.refused(error))?;
        let told = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let version = told("redis_version").unwrap_or("unknown");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < OLDEST_SERVER) {
            let (broker, version) = (self.broker.clone(), version.to_owned());
            return Err(ConnectError::TooOld { broker, version, needed: "7.0" });
        }
        // The other policies evict only keys that are to expire, and of ours only copies are: counters and the registry cache.
        let policy = told("maxmemory_policy").filter(|policy| policy.starts_with("allkeys"));
        if let Some(policy) = policy.filter(|_| told("maxmemory") != Some("0")) {
            return Err(ConnectError::Forgetful { broker: self.broker.clone(), policy: policy.to_owned() });
        }
        for lane in Lane::ALL {
            self.set_up_lane(lane).await?;
        }
        Ok(())
    }

    async fn set_up_lane(&self, lane: Lane) -> Result<(), ConnectError> {
        let script = Script::new(include_str!("setup.lua"));
        let mut script = script.key(self.key(lane, "stream"));
        for what in ["held", "delayed", "uncounted", "discarded", "lease"] {
            script.key(self.key(lane, what));
        }
        script.arg(GROUP).arg(self.lease_ms());
        let wrong: Vec<String> = self.run(&script).await.map_err(|error| self.refused(error))?;
        let [key, has, needed] = wrong.as_slice() else { return Ok(()) };
        Err(ConnectError::Different(Different {
            what: format!("key {key} of {}", self.broker),
            differences: vec![format!("it is {has} and must be {needed}")],
            remove: format!("redis-cli DEL '{key}'"),
        }))
    }

    /// What it means that Redis did not do as it was told.
    pub(super) fn refused(&self, error: RedisError) -> ConnectError {
        let broker = self.broker.clone();
        let remedy = match error.code() {
            Some("READONLY") => "it is a replica; name the server that it follows, or promote it",
            Some("MISCONF") => "it cannot write to its disk; free some space there, and see its log",
            Some("OOM") => "its memory is full; raise maxmemory, and see what else lies in it",
            Some("NOPERM") => {
                "its user may not do that; grant it all keys of the lanes, and all commands on them"
            }
            _ => return ConnectError::Unreachable { broker, source: error.into() },
        };
        // Its causes only say it again.
        ConnectError::Refuses { broker, remedy, source: error.to_string().into() }
    }
}
