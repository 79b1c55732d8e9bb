//! Lanes of jobs and the live feed: the ports that every broker answers, the adapters for NATS and Redis and those
//! that need no broker, the suites that all of them pass, and the one place where a lane becomes the source of an
//! apalis worker.
//!
//! A queue is a hint: what is due follows from the store, and losing a whole queue loses no work. So is the feed: it
//! tells whoever watches what was committed, and losing it loses no count.

mod backend;
mod backoff;
mod broker;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod feed;
mod in_process;
mod jetstream;
mod lane;
mod message;
mod nats;
mod port;
mod redis;
mod waiting;

pub use backend::LaneBackend;
pub use backoff::{BACKOFF_CAP, BACKOFF_FIRST, backoff};
pub use broker::{BrokerOptions, ConnectError, Different, connect};
pub use feed::{
    FEED_CAPACITY, Feed, FeedError, Heard, InProcessFeed, Listener, NatsFeed, RedisFeed, connect_feed,
};
pub use in_process::{InProcess, Options};
pub use jetstream::JetStream;
pub use port::{BadTiming, Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Token, Verdict};
pub use redis::{Cache, CacheError, Counters, CountersError, Day, Redis};
