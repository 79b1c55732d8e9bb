//! The port: what camcount asks of a queue, and what every broker must answer alike.
//!
//! How brokers keep it:
//!
//! | asked | NATS JetStream | Redis Streams |
//! |---|---|---|
//! | one job of a key at a time | one message a subject, others refused; `Nats-Msg-Id` | a set of the keys that are held |
//! | lease, attempt | pull; delivery count less those noted as no attempt | `XREADGROUP`; delivery count likewise |
//! | extend | `+WPI` | `XCLAIM` |
//! | lapse | ack wait | `XAUTOCLAIM` by idle time |
//! | done, discard | double ack; `TERM` with the reason | `XACK` and `XDEL`; the reason in a short list |
//! | retry, defer | `NAK` with a delay | sorted set by due time |
//! | release | `NAK` | made to look idle for a lease |

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use camcount_domain::{Job, Lane};

/// Lanes of jobs. Shared by everyone who pushes and everyone who works.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Adds a job to its lane. When this returns `Ok`, the broker has it.
    ///
    /// The queue holds one job of a key at a time, be it waiting, delayed or running; a second is a
    /// [`Pushed::Duplicate`] and changes nothing. The key is free again once its job is done or discarded, on
    /// brokers that remember keys for a while after that while. The arguments are not looked at.
    ///
    /// # Errors
    /// [`QueueError::Full`] when the lane holds as many jobs as it may, [`QueueError::Unavailable`] when the
    /// broker cannot be reached or refuses.
    async fn push(&self, job: Job) -> Result<Pushed, QueueError>;

    /// Waits until a job of `lane` is due and leases it to the caller alone for [`LeaseTiming::lease`]. New jobs
    /// come in the order in which they were pushed; brokers may put those that come back before them.
    ///
    /// Cancel-safe: dropping the future before it is ready takes no job and uses no attempt.
    ///
    /// A message that is no [`Job`] is leased all the same, with its raw text as arguments of a kind that
    /// nobody handles, so that poison is recorded where all failures are.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`]; the caller may ask again after a while.
    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError>;

    /// Makes the lease last [`LeaseTiming::lease`] from now.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`]; the lease then runs on to its former end.
    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError>;

    /// Ends the lease with a verdict on its job. By reference, so that it can be tried again when the broker
    /// was not there; settling twice is [`Standing::Lapsed`].
    ///
    /// # Errors
    /// [`QueueError::Unavailable`]; unless it is tried again, the lease lapses and the job runs once more.
    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError>;

    /// How much there is to do in `lane`.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`].
    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError>;

    /// How long leases last and how often they are to be extended.
    fn timing(&self) -> LeaseTiming;
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The job is in its lane now.
    New,
    /// A job of the same key was there already.
    Duplicate,
}

/// A job given to one worker for a limited time. Clones are the same lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What to do.
    pub job: Job,
    /// Which attempt this is, from 1. Retries and lapses use one up, deferring and releasing do not.
    pub attempt: u32,
    /// What the queue knows this lease by.
    pub token: Token,
}

/// What a queue knows a lease by; of no meaning to anyone else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub String);

/// Whether a lease was still the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "whoever lost the lease must stop working on the job"]
pub enum Standing {
    /// It was, and what was asked is done.
    Held,
    /// It was not: it ran out or was settled before, and another may be at work. Nothing was changed.
    Lapsed,
}

/// What is to become of a leased job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It succeeded: forget it.
    Done,
    /// It failed: lease it again after this time, as the next attempt.
    Retry {
        /// The wait.
        after: Duration,
    },
    /// It can never succeed: forget it, and tell the broker why.
    Discard {
        /// Why, for people.
        reason: String,
    },
    /// Not now, and not its fault: lease it again after this time, as the same attempt.
    Defer {
        /// The wait.
        after: Duration,
    },
    /// It was not started: lease it to another at once, as the same attempt.
    Release,
}

/// How much there is to do in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that could start now.
    pub waiting: usize,
    /// Jobs that were put off until later. A broker that cannot tell counts them as running.
    pub delayed: usize,
    /// Jobs that are leased.
    pub running: usize,
    /// How long the first of the waiting jobs has been due; `None` when none waits. Brokers may look at those only
    /// that were never leased.
    pub oldest: Option<Duration>,
}

impl Depth {
    /// All jobs of the lane.
    #[must_use]
    pub fn total(&self) -> usize {
        self.waiting + self.delayed + self.running
    }
}

/// How long leases last and how often they are extended, such that two extensions in a row may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTiming {
    lease: Duration,
    extend_every: Duration,
}

impl LeaseTiming {
    /// Half a minute: a job of a dead worker runs again soon, and a worker that stalls for a few seconds
    /// keeps its jobs.
    pub const DEFAULT: Self = Self { lease: Duration::from_secs(30), extend_every: Duration::from_secs(10) };

    /// Leases of `lease`, extended every `extend_every`.
    ///
    /// # Errors
    /// When `extend_every` is zero, or three times `extend_every` is more than `lease`.
    pub fn new(lease: Duration, extend_every: Duration) -> Result<Self, BadTiming> {
        if extend_every.is_zero() || extend_every.saturating_mul(3) > lease {
            return Err(BadTiming { lease, extend_every });
        }
        Ok(Self { lease, extend_every })
    }

    /// How long a job is its worker's without an extension.
    #[must_use]
    pub fn lease(self) -> Duration {
        self.lease
    }

    /// How often a worker extends its leases.
    #[must_use]
    pub fn extend_every(self) -> Duration {
        self.extend_every
    }
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why lease and extension do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a lease of {lease:?} cannot be kept by extending it every {extend_every:?}: extend at least three times \
     per lease, so extend every {:?} or lease for {:?}",
    self.lease / 3,
    self.extend_every.saturating_mul(3)
)]
pub struct BadTiming {
    lease: Duration,
    extend_every: Duration,
}

/// What a queue could not do.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The lane holds as many jobs as it may.
    #[error("the {} lane is full with {capacity} jobs; push again when some are done", lane.as_str())]
    Full {
        /// Which.
        lane: Lane,
        /// How many it holds at most.
        capacity: usize,
    },
    /// The broker cannot be reached or refuses. It may be back in a moment.
    #[error("could not {action} in the {} lane; check that {broker} is up and can be reached", lane.as_str())]
    Unavailable {
        /// What was asked, as a verb.
        action: &'static str,
        /// In which lane.
        lane: Lane,
        /// Who did not answer, and where.
        broker: String,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
