//! Stories of the distributed wiring: real processes of every role around a real PostgreSQL, NATS or Redis, and S3.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is tests")]

mod counters;
mod counting;
mod fleet;
mod leading;
mod recording;
#[path = "../../scheduler/tests/recording/servers.rs"]
#[allow(dead_code, reason = "the recorder's own tests use the rest")]
mod recording_servers;
mod registry_cache;
#[path = "../../jobs/queue/tests/lanes/servers.rs"]
#[allow(dead_code, reason = "the brokers' own tests use the rest")]
mod servers;
mod shelves;
mod starting;
mod traces;
mod upkeep;
mod verifying;
mod watching;
#[path = "../../jobs/blob/src/s3/tests/weed.rs"]
#[allow(dead_code, reason = "the bucket's own tests use the rest")]
mod weed;
