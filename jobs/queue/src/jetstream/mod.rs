//! The adapter for NATS JetStream: a work-queue stream and one durable pull consumer a lane.
//!
//! A job is a message whose subject is made of its key, and a stream holds one message a subject: one job of a
//! key at a time. Redelivery after the ack wait is what a lapse is. The server takes an ack from whoever sends
//! one, be it late; therefore this process knows of each lease of its own when it ends, and says nothing about
//! a lease that has ended. The server's ack wait is a tenth longer than the lease, so that a lease ends here first.
//!
//! Deliveries are unlimited, and so no message ever rests in the stream as one that was delivered too often: how
//! many attempts are enough is the runtime's business.

mod lanes;
mod pull;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_nats::{
    Client, Request,
    datetime::DateTime,
    jetstream::{
        self,
        consumer::PullConsumer,
        context::PublishErrorKind,
        message::{Info, PublishMessage},
    },
};
use async_trait::async_trait;
use camcount_domain::{Job, Lane};
use tokio::{sync::watch, time::Instant};

use crate::{
    BrokerOptions, ConnectError, Depth, Lease, LeaseTiming, Pushed, Queue, QueueError, Standing, Token,
    Verdict,
    broker::{Address, LONGEST_WAIT},
    message,
    nats::Nats,
    waiting::LaneTasks,
};

/// What the server calls a full stream. That of one subject was ruled out before.
const STREAM_FULL: u64 = 10077;

type BoxError = Box<dyn Error + Send + Sync>;

/// Lanes in NATS JetStream.
pub struct JetStream {
    shared: Arc<Shared>,
    tasks: LaneTasks,
}

/// What the adapter and its lanes' tasks know.
struct Shared {
    client: Client,
    context: jetstream::Context,
    options: BrokerOptions,
    broker: String,
    /// How often the connection was made: pulls end with a connection.
    connections: watch::Receiver<u64>,
    /// The leases of this process, by what acks are sent to.
    held: Mutex<HashMap<Token, Held>>,
}

/// A lease that has not ended.
#[derive(Clone)]
struct Held {
    lane: Lane,
    until: Instant,
    /// When the consumer was made that it is of. One that is made anew knows nothing of it, and yet answers: its
    /// messages have the same numbers.
    consumer: DateTime,
    /// The connection over which that was last seen.
    connection: u64,
    /// Deliveries of this message before that used up no attempt.
    uncounted: u32,
    /// What the message is known by in the bucket of such counts.
    note: String,
}

impl JetStream {
    pub(crate) async fn connect(address: Address, options: BrokerOptions) -> Result<Self, ConnectError> {
        let Nats { client, broker, connections } = Nats::connect(&address, &options.name).await?;
        let context = jetstream::new(client.clone());
        let shared = Shared { client, context, options, broker, connections, held: Mutex::default() };
        for lane in Lane::ALL {
            shared.lane_consumer(lane).await.map_err(|error| match error.downcast() {
                Ok(different) => ConnectError::Different(*different),
                Err(source) => ConnectError::Unreachable { broker: shared.broker.clone(), source },
            })?;
        }
        Ok(Self { shared: Arc::new(shared), tasks: LaneTasks::default() })
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, HashMap<Token, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a lease, unless it has ended.
    async fn hold(&self, lease: &Lease) -> Result<Option<Held>, BoxError> {
        let known = || self.held().get(&lease.token).filter(|held| held.until > Instant::now()).cloned();
        let connection = *self.connections.borrow();
        match known() {
            Some(held) if held.connection != connection => {
                // The broker may have been wiped meanwhile. If it was, this forgets the lease.
                self.lane_consumer(held.lane).await?;
                if let Some(held) = self.held().get_mut(&lease.token) {
                    held.connection = connection;
                }
                Ok(known())
            }
            held => Ok(held),
        }
    }

    fn unavailable(&self, action: &'static str, lane: Lane, source: impl Into<BoxError>) -> QueueError {
        QueueError::Unavailable { action, lane, broker: self.broker.clone(), source: source.into() }
    }

    /// The lease that a message delivered by `consumer` is, from `received` on.
    async fn lease_of(
        &self,
        lane: Lane,
        consumer: &PullConsumer,
        message: async_nats::Message,
        received: Instant,
    ) -> Result<Lease, BoxError> {
        let message = jetstream::Message { message, context: self.context.clone() };
        let Info { stream_sequence, delivered, published, .. } = message.info()?;
        let deliveries = u32::try_from(delivered).unwrap_or(u32::MAX).max(1);
        // A stream that was made anew counts from one again: the sequence alone does not name a message.
        let note = format!("{}.{stream_sequence}.{}", lane.as_str(), published.unix_timestamp_nanos());
        let uncounted = match deliveries {
            1 => 0,
            _ => self.uncounted(&note).await?,
        };
        let job = message::job(lane, &stream_sequence.to_string(), &message.payload);
        let token = Token(message.reply.as_deref().unwrap_or_default().to_owned());
        let now = Instant::now();
        let mut held = self.held();
        held.retain(|_, held| held.until > now);
        let until = received + self.options.timing.lease();
        let (consumer, connection) = (consumer.cached_info().created, *self.connections.borrow());
        held.insert(token.clone(), Held { lane, until, consumer, connection, uncounted, note });
        Ok(Lease { job, attempt: deliveries.saturating_sub(uncounted).max(1), token })
    }

    /// Sends `word` about a lease and waits until the server has taken it.
    async fn tell(&self, lease: &Lease, word: String) -> Result<(), BoxError> {
        let request = Request::new().payload(word.into());
        self.client.send_request(lease.token.0.clone(), request).await?;
        Ok(())
    }

    async fn settle(&self, lease: &Lease, verdict: &Verdict) -> Result<Standing, QueueError> {
        let unavailable = |source| self.unavailable("settle a lease", lease.job.lane, source);
        let Some(held) = self.hold(lease).await.map_err(unavailable)? else { return Ok(Standing::Lapsed) };
        if matches!(verdict, Verdict::Defer { .. } | Verdict::Release) {
            // Noted first: when the word itself is lost, the job has an attempt more rather than one less.
            self.note_uncounted(&held.note, held.uncounted.saturating_add(1)).await.map_err(unavailable)?;
        }
        let word = match verdict {
            Verdict::Done => "+ACK".to_owned(),
            Verdict::Discard { reason } => format!("+TERM {reason}"),
            Verdict::Retry { after } | Verdict::Defer { after } if !after.is_zero() => {
                format!("-NAK {{\"delay\": {}}}", after.min(&LONGEST_WAIT).as_nanos())
            }
            Verdict::Retry { .. } | Verdict::Defer { .. } | Verdict::Release => "-NAK".to_owned(),
        };
        self.tell(lease, word).await.map_err(unavailable)?;
        self.held().remove(&lease.token);
        Ok(Standing::Held)
    }

    async fn publish(&self, job: &Job) -> Result<Pushed, jetstream::context::PublishError> {
        let payload = serde_json::to_vec(job)
            .map_err(|error| jetstream::context::PublishError::with_source(PublishErrorKind::Other, error))?;
        let message = PublishMessage::build()
            .payload(payload.into())
            // A key is plain text by construction; whatever else it may hold has no place in a header.
            .message_id(job.key.escape_default().to_string())
            // The stream refuses a second message of a subject in any case; with this it says so in so many words.
            .expected_last_subject_sequence(0);
        let subject = self.subject(job.lane, &job.key);
        match self.context.send_publish(subject, message).await?.await {
            Ok(ack) if ack.duplicate => Ok(Pushed::Duplicate),
            Ok(_) => Ok(Pushed::New),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(Pushed::Duplicate),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Queue for JetStream {
    async fn push(&self, job: Job) -> Result<Pushed, QueueError> {
        let (lane, shared) = (job.lane, &self.shared);
        let mut pushed = shared.publish(&job).await;
        if pushed.as_ref().is_err_and(|error| error.kind() == PublishErrorKind::StreamNotFound) {
            // Somebody has wiped the broker.
            shared
                .lane_consumer(lane)
                .await
                .map_err(|error| shared.unavailable("push a job", lane, error))?;
            pushed = shared.publish(&job).await;
        }
        pushed.map_err(|error| {
            let refusal = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
            if refusal.is_some_and(|refusal| refusal.error_code().0 == STREAM_FULL) {
                return QueueError::Full { lane, capacity: shared.options.capacity };
            }
            shared.unavailable("push a job", lane, error)
        })
    }

    async fn lease(&self, lane: Lane) -> Result<Lease, QueueError> {
        let shared = Arc::clone(&self.shared);
        self.tasks.waiting(lane, |waiting| pull::serve(shared, lane, waiting)).wait().await
    }

    async fn extend(&self, lease: &Lease) -> Result<Standing, QueueError> {
        let shared = &self.shared;
        let unavailable = |error| shared.unavailable("extend a lease", lease.job.lane, error);
        if shared.hold(lease).await.map_err(unavailable)?.is_none() {
            return Ok(Standing::Lapsed);
        }
        let until = Instant::now() + shared.options.timing.lease();
        shared.tell(lease, "+WPI".to_owned()).await.map_err(unavailable)?;
        match shared.held().get_mut(&lease.token) {
            Some(held) if held.until > Instant::now() => held.until = until,
            _ => return Ok(Standing::Lapsed),
        }
        Ok(Standing::Held)
    }

    async fn settle(&self, lease: &Lease, verdict: Verdict) -> Result<Standing, QueueError> {
        self.shared.settle(lease, &verdict).await
    }

    async fn depth(&self, lane: Lane) -> Result<Depth, QueueError> {
        self.shared.depth(lane).await.map_err(|error| self.shared.unavailable("count jobs", lane, error))
    }

    fn timing(&self) -> LeaseTiming {
        self.shared.options.timing
    }
}
