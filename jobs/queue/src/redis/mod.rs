//! The adapter for Redis: a stream with one consumer group a lane, and a sorted set of what was put off.
//!
//! All that changes a lane is one script, and so happens as a whole or not at all. Leases live in the group's list
//! of pending entries, where an entry that has been idle for a lease has lapsed. A lease is known by its entry and
//! how often that was delivered, which no two leases share; Redis itself refuses whoever has lost one.
//!
//! | key | what |
//! |---|---|
//! | `{NAME:LANE}:stream` | jobs that wait and that run, with the number of their first attempt there |
//! | `{NAME:LANE}:held` | the keys of all jobs of the lane |
//! | `{NAME:LANE}:delayed` | jobs that were put off, with their attempt, by when they are due |
//! | `{NAME:LANE}:uncounted` | deliveries of an entry that used up no attempt |
//! | `{NAME:LANE}:discarded` | the last thousand jobs that were given up, and why |
//! | `{NAME:LANE}:lease` | how long leases last, in milliseconds: all who share the lane must agree |
//!
//! The braces keep the keys of a lane on one server of a Redis Cluster.

mod cache;
mod connected;
mod counters;
mod poll;
mod setup;

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use redis::{Client, FromRedisValue, RedisError, Script, ScriptInvocation, aio::ConnectionManager};

pub use self::cache::{Cache, CacheError};
pub(crate) use self::connected::Connected;
pub use self::counters::{Counters, CountersError, Day};
use crate::{
    BrokerOptions, ConnectError, Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Token,
    Verdict,
    broker::{Address, LONGEST_WAIT},
    message,
    waiting::LaneTasks,
};

/// The one consumer group of a lane's stream.
const GROUP: &str = "workers";

/// The one consumer in the group. One for each process would outlive it, and nobody would clear it away.
const CONSUMER: &str = "worker";

type BoxError = Box<dyn Error + Send + Sync>;

/// Lanes in Redis.
pub struct Redis {
    shared: Arc<Shared>,
    tasks: LaneTasks,
}

/// What the adapter and its lanes' tasks know.
struct Shared {
    client: Client,
    /// Connects again by itself.
    connection: ConnectionManager,
    options: BrokerOptions,
    broker: String,
    scripts: Scripts,
}

struct Scripts {
    push: Script,
    take: Script,
    extend: Script,
    settle: Script,
    depth: Script,
}

impl Redis {
    pub(crate) async fn connect(address: Address, options: BrokerOptions) -> Result<Self, ConnectError> {
        let Connected { client, connection, broker } = Connected::to(&address).await?;
        let scripts = Scripts {
            push: Script::new(include_str!("push.lua")),
            take: Script::new(include_str!("take.lua")),
            extend: Script::new(include_str!("extend.lua")),
            settle: Script::new(include_str!("settle.lua")),
            depth: Script::new(include_str!("depth.lua")),
        };
        let shared = Shared { client, connection, options, broker, scripts };
        shared.set_up().await?;
        Ok(Self { shared: Arc::new(shared), tasks: LaneTasks::default() })
    }
}

impl Shared {
    fn key(&self, lane: Lane, what: &str) -> String {
        format!("{{{}:{}}}:{what}", self.options.name, lane.as_str())
    }

    fn lease_ms(&self) -> u64 {
        millis(self.options.timing.lease())
    }

    fn unavailable(&self, action: &'static str, lane: Lane, source: impl Into<BoxError>) -> QueueError {
        QueueError::Unavailable { action, lane, broker: self.broker.clone(), source: source.into() }
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, RedisError> {
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// The arguments that name a lease, for the scripts that look at one.
    fn on_lease<'a>(&self, script: &'a Script, lease: &Lease) -> ScriptInvocation<'a> {
        let (id, deliveries) = lease.token.0.split_once('#').unwrap_or((&lease.token.0, "0"));
        let mut script = script.key(self.key(lease.job.lane, "stream"));
        script.arg(GROUP).arg(CONSUMER).arg(self.lease_ms()).arg(id).arg(deliveries);
        script
    }

    async fn settle(&self, lease: &Lease, verdict: &Verdict) -> Result<Standing, QueueError> {
        let lane = lease.job.lane;
        let mut script = self.on_lease(&self.scripts.settle, lease);
        for what in ["held", "delayed", "uncounted", "discarded"] {
            script.key(self.key(lane, what));
        }
        let word = match verdict {
            Verdict::Done => "done",
            Verdict::Discard { .. } => "discard",
            Verdict::Retry { .. } | Verdict::Defer { .. } => "again",
            Verdict::Release => "release",
        };
        script.arg(word).arg(&lease.job.key);
        match verdict {
            Verdict::Retry { after } => script.arg(lease.attempt.saturating_add(1)).arg(millis(*after)),
            Verdict::Defer { after } => script.arg(lease.attempt).arg(millis(*after)),
            Verdict::Discard { reason } => script.arg(reason),
            Verdict::Done | Verdict::Release => &mut script,
        };
        let held = self.run(&script).await;
        held.map(standing).map_err(|error| self.unavailable("settle a lease", lane, error))
    }
}

/// In whole milliseconds, rounded up: nothing is due too early.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.min(LONGEST_WAIT).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn standing(held: i64) -> Standing {
    if held == 1 { Standing::Held } else { Standing::Lapsed }
}

/// The lease that a delivered entry is.
fn lease_of(lane: Lane, id: &str, deliveries: u32, uncounted: u32, fields: &[(String, Vec<u8>)]) -> Lease {
    let field = |name| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_slice());
    let first = field("attempt").and_then(|first| std::str::from_utf8(first).ok()?.parse().ok()).unwrap_or(1);
    let attempt = deliveries.saturating_sub(uncounted).max(1).saturating_add(first - 1);
    let job = match field("job") {
        Some(job) => message::job(lane, id, job),
        // Somebody else wrote it: all of it is what is recorded.
        None => {
            let texts: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name} {}", String::from_utf8_lossy(value)))
                .collect();
            message::job(lane, id, texts.join(" ").as_bytes())
        }
    };
    Lease { job, attempt, token: Token(format!("{id}#{deliveries}")) }
}

#[async_trait]
impl Queue for Redis {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        let (lane, shared) = (job.lane, &self.shared);
        let unavailable = |error: BoxError| shared.unavailable("push a job", lane, error);
        let payload = serde_json::to_string(&job).map_err(|error| unavailable(error.into()))?;
        let mut script = shared.scripts.push.key(shared.key(lane, "stream"));
        script.key(shared.key(lane, "held")).arg(&job.key).arg(payload).arg(shared.options.capacity);
        match shared.run(&script).await.map_err(|error| unavailable(error.into()))? {
            1 => Ok(Pushed::New),
            0 => Ok(Pushed::Duplicate),
            _ => Err(QueueError::Full { lane, capacity: shared.options.capacity }),
        }
    }

    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        let shared = Arc::clone(&self.shared);
        self.tasks.waiting(lane, |waiting| poll::serve(shared, lane, waiting)).wait().await
    }

    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        let shared = &self.shared;
        let held = shared.run(&shared.on_lease(&shared.scripts.extend, lease)).await;
        held.map(standing).map_err(|error| shared.unavailable("extend a lease", lease.job.lane, error))
    }

    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        self.shared.settle(lease, &verdict).await
    }

    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        let shared = &self.shared;
        let mut script = shared.scripts.depth.key(shared.key(lane, "stream"));
        script.key(shared.key(lane, "delayed")).arg(GROUP).arg(shared.lease_ms());
        let (waiting, delayed, running, since_ms): (usize, usize, usize, i64) =
            shared.run(&script).await.map_err(|error| shared.unavailable("count jobs", lane, error))?;
        let oldest = u64::try_from(since_ms).ok().map(Duration::from_millis);
        Ok(Depth { waiting, delayed, running, oldest })
    }

    fn timing(&self) -> LeaseTiming {
        self.shared.options.timing
    }
}
