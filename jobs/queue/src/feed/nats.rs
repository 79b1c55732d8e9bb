//! The feed over core NATS: a subject a camera, kept by nobody.

use async_nats::{Client, Subscriber, connection::State};
use async_trait::async_trait;
use camcount_domain::{CameraId, SegmentCounted};
use futures::StreamExt;
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
    time::timeout,
};

use super::{FEED_CAPACITY, Feed, FeedError, Heard, Listener, heard, to_bytes};
use crate::{
    ConnectError,
    broker::{ANSWERS_WITHIN, Address},
    nats::Nats,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The feed over NATS.
pub struct NatsFeed {
    nats: Nats,
    name: String,
}

impl NatsFeed {
    pub(crate) async fn connect(address: &Address, name: &str) -> Result<Self, ConnectError> {
        Ok(Self { nats: Nats::connect(address, name).await?, name: name.to_owned() })
    }

    fn subject(&self, camera: CameraId) -> String {
        format!("{}.feed.{camera}", self.name)
    }

    fn failed(&self, action: &'static str, source: impl Into<BoxError>) -> FeedError {
        FeedError { action, broker: self.nats.broker.clone(), source: source.into() }
    }
}

#[async_trait]
impl Feed for NatsFeed {
    async fn publish(&self, counted: &SegmentCounted) -> Result<(), FeedError> {
        const ACTION: &str = "publish to";
        let client = &self.nats.client;
        // The client would keep it until it is connected again, or wait when it keeps too much.
        if client.connection_state() != State::Connected {
            return Err(self.failed(ACTION, "there is no connection now"));
        }
        let payload = to_bytes(counted).map_err(|error| self.failed(ACTION, error))?;
        let publishing = client.publish(self.subject(counted.camera), payload.into());
        let published = timeout(ANSWERS_WITHIN, publishing).await;
        published.map_err(|late| self.failed(ACTION, late))?.map_err(|error| self.failed(ACTION, error))
    }

    async fn listen(&self, camera: CameraId) -> Result<Listener, FeedError> {
        const ACTION: &str = "listen to";
        let client = self.nats.client.clone();
        let mut connections = self.nats.connections.clone();
        connections.mark_unchanged();
        let subscriber = client.subscribe(self.subject(camera)).await;
        let subscriber = subscriber.map_err(|error| self.failed(ACTION, error))?;
        echo(&client).await.map_err(|error| self.failed(ACTION, error))?;
        let (send, heard) = broadcast::channel(FEED_CAPACITY);
        let mut bringing = JoinSet::new();
        bringing.spawn(bring(client, subscriber, connections, send));
        Ok(Listener { heard, _bringing: bringing })
    }
}

/// Brings what comes. It is never slow, so that the client has no reason to drop anything.
async fn bring(
    client: Client,
    mut subscriber: Subscriber,
    mut connections: watch::Receiver<u64>,
    listener: broadcast::Sender<Heard>,
) {
    loop {
        let heard = tokio::select! {
            message = subscriber.next() => match message {
                Some(message) => heard(&message.payload),
                None => return,
            },
            Ok(()) = connections.changed() => {
                // Once the server answers, it knows again who listens. If it does not, there is a connection to come.
                if let Err(error) = echo(&client).await {
                    tracing::debug!(error, "NATS does not answer yet");
                }
                Heard::Missed
            }
        };
        // Nobody listens any more when this fails, and then this task is about to end.
        let _ = listener.send(heard);
    }
}

/// Waits for an answer of the server to something that it is told after all else.
async fn echo(client: &Client) -> Result<(), BoxError> {
    let inbox = client.new_inbox();
    let mut answer = client.subscribe(inbox.clone()).await?;
    client.publish(inbox, "".into()).await?;
    timeout(ANSWERS_WITHIN, answer.next()).await?.ok_or("the connection has ended")?;
    Ok(())
}
