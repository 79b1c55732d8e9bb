//! How far it goes: worker slots that scale, and a thousand cameras on one machine. `just bench-scale` runs this.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is tests")]

mod cameras;
mod replay;
#[path = "../../jobs/queue/tests/lanes/servers.rs"]
#[allow(dead_code, reason = "the brokers' own tests use the rest")]
mod servers;
mod slots;
mod usage;
