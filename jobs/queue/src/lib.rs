//! Lanes of jobs: the port that every broker answers, the adapters for NATS JetStream and Redis and the one that
//! needs no broker, the suite that all of them pass, and the one place where a lane becomes the source of an apalis
//! worker.
//!
//! A queue is a hint: what is due follows from the store, and losing a whole queue loses no work.

mod backend;
mod backoff;
mod broker;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod in_process;
mod jetstream;
mod lane;
mod message;
mod port;
mod redis;
mod waiting;

pub use backend::LaneBackend;
pub use backoff::{BACKOFF_CAP, BACKOFF_FIRST, backoff};
pub use broker::{BrokerOptions, ConnectError, Different, connect};
pub use in_process::{InProcess, Options};
pub use jetstream::JetStream;
pub use port::{BadTiming, Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Token, Verdict};
pub use redis::Redis;
