//! The task that pulls for those in this process who wait for a lease of one lane: as many messages as there are
//! waiters and no more.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Message, Subscriber,
    jetstream::consumer::{PullConsumer, pull::BatchConfig},
};
use camcount_domain::Lane;
use futures::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::{BoxError, Shared};
use crate::{Verdict, waiting::Waiting};

/// How long the server keeps a pull that it cannot serve.
const PULL_LASTS: Duration = Duration::from_secs(60);

/// How often the server shows that it still knows of a pull.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Heartbeats that may be missed before a pull is taken for lost.
const MISSED: u32 = 2;

/// Serves the lane for as long as the process lives, through whatever trouble.
pub(super) async fn serve(shared: Arc<Shared>, lane: Lane, waiting: Arc<Waiting>) {
    let mut pull = None;
    loop {
        for spare in waiting.take_spare() {
            if let Err(error) = shared.settle(&spare, &Verdict::Release).await {
                tracing::warn!(%error, key = spare.job.key, "could not give a job back; it starts when its lease has run out");
            }
        }
        if waiting.count() == 0 && pull.as_ref().is_none_or(|pull: &Pull| pull.asked == 0) {
            waiting.changed.notified().await;
            continue;
        }
        if let Err(trouble) = step(&shared, lane, &waiting, &mut pull).await {
            pull = None;
            let trouble = trouble.to_string();
            waiting.fail(|| shared.unavailable("lease a job", lane, trouble.clone()));
        }
    }
}

/// Asks for what is wanted, and waits for one thing to happen.
async fn step(
    shared: &Shared,
    lane: Lane,
    waiting: &Waiting,
    place: &mut Option<Pull>,
) -> Result<(), BoxError> {
    let pull = match place {
        Some(pull) => pull,
        None => place.insert(Pull::open(shared, lane).await?),
    };
    let wanted = waiting.count();
    if pull.asked > wanted {
        return withdraw(shared, lane, waiting, place).await;
    }
    pull.ask(wanted).await?;
    let mut connections = shared.connections.clone();
    let connection = pull.connection;
    let reconnected = async move { connections.wait_for(|times| *times != connection).await.is_ok() };
    tokio::select! {
        message = pull.inbox.next() => {
            let message = message.ok_or("the connection is closed")?;
            take(shared, lane, waiting, pull, message).await?;
        }
        () = waiting.changed.notified() => {}
        // The server forgets pulls with their connection. This one may yet be of the new one, seen early.
        _ = reconnected => return withdraw(shared, lane, waiting, place).await,
        () = sleep_until(pull.heard + HEARTBEAT * MISSED) => return Err("the server has forgotten the pull".into()),
    }
    Ok(())
}

/// Takes back what was asked for and is not wanted any more. What is under way already is taken, and given back by
/// [`serve`] unless somebody wants it.
async fn withdraw(
    shared: &Shared,
    lane: Lane,
    waiting: &Waiting,
    place: &mut Option<Pull>,
) -> Result<(), BoxError> {
    let Some(mut pull) = place.take() else { return Ok(()) };
    pull.inbox.drain().await?;
    while let Ok(Some(message)) = tokio::time::timeout(HEARTBEAT, pull.inbox.next()).await {
        take(shared, lane, waiting, &mut pull, message).await?;
    }
    Ok(())
}

async fn take(
    shared: &Shared,
    lane: Lane,
    waiting: &Waiting,
    pull: &mut Pull,
    message: Message,
) -> Result<(), BoxError> {
    pull.heard = Instant::now();
    match message.status.map(|status| status.as_u16()) {
        None | Some(200) => {
            pull.asked = pull.asked.saturating_sub(1);
            waiting.give(shared.lease_of(lane, &pull.consumer, message, pull.heard).await?);
        }
        Some(100) => {}
        // The pull has run out, or no more is to come of it; so much of it was not served.
        Some(404 | 408) => {
            let headers = message.headers.as_ref();
            let unserved =
                headers.and_then(|headers| headers.get("Nats-Pending-Messages")?.as_str().parse().ok());
            pull.asked = pull.asked.saturating_sub(unserved.unwrap_or(pull.asked));
        }
        Some(status) => {
            return Err(match message.description {
                Some(description) => format!("the server says {status}: {description}").into(),
                None => format!("the server says {status}").into(),
            });
        }
    }
    Ok(())
}

/// An inbox and what was asked to be sent there.
struct Pull {
    consumer: PullConsumer,
    inbox_name: String,
    inbox: Subscriber,
    /// Messages that the server is to send and has not sent yet.
    asked: usize,
    /// When the server was last heard of.
    heard: Instant,
    /// The connection that all of this belongs to.
    connection: u64,
}

impl Pull {
    async fn open(shared: &Shared, lane: Lane) -> Result<Self, BoxError> {
        let connection = *shared.connections.borrow();
        let consumer = shared.lane_consumer(lane).await?;
        let inbox_name = shared.client.new_inbox();
        let inbox = shared.client.subscribe(inbox_name.clone()).await?;
        Ok(Self { consumer, inbox_name, inbox, asked: 0, heard: Instant::now(), connection })
    }

    /// Asks for as many messages as are missing to `wanted`.
    async fn ask(&mut self, wanted: usize) -> Result<(), BoxError> {
        let missing = wanted.saturating_sub(self.asked);
        if missing == 0 {
            return Ok(());
        }
        if self.asked == 0 {
            self.heard = Instant::now();
        }
        let batch = BatchConfig {
            batch: missing,
            expires: Some(PULL_LASTS),
            idle_heartbeat: HEARTBEAT,
            ..BatchConfig::default()
        };
        self.consumer.request_batch(batch, self.inbox_name.clone().into()).await?;
        self.asked += missing;
        Ok(())
    }
}
