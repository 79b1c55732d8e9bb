//! The feed over Redis pub/sub: a channel a camera, kept by nobody.

use std::time::Duration;

use async_trait::async_trait;
use camcount_domain::{CameraId, SegmentCounted};
use futures::StreamExt;
use redis::{
    Client, RedisError, Value,
    aio::{PubSubSink, PubSubStream},
};
use tokio::{
    sync::broadcast,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::{FEED_CAPACITY, Feed, FeedError, Heard, Listener, heard, to_bytes};
use crate::{
    ConnectError,
    broker::{ANSWERS_WITHIN, Address},
    redis::Connected,
};

/// A silent connection is asked this often whether it is alive.
const PING_EVERY: Duration = Duration::from_secs(10);

/// The waits before a lost connection is made again: the first, and the longest.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The feed over Redis.
pub struct RedisFeed {
    redis: Connected,
    name: String,
}

impl RedisFeed {
    pub(crate) async fn connect(address: &Address, name: &str) -> Result<Self, ConnectError> {
        Ok(Self { redis: Connected::to(address).await?, name: name.to_owned() })
    }

    fn channel(&self, camera: CameraId) -> String {
        format!("{}:feed:{camera}", self.name)
    }

    fn failed(&self, action: &'static str, source: impl Into<BoxError>) -> FeedError {
        FeedError { action, broker: self.redis.broker.clone(), source: source.into() }
    }
}

#[async_trait]
impl Feed for RedisFeed {
    async fn publish(&self, counted: &SegmentCounted) -> Result<(), FeedError> {
        const ACTION: &str = "publish to";
        let payload = to_bytes(counted).map_err(|error| self.failed(ACTION, error))?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel(counted.camera)).arg(payload);
        let mut connection = self.redis.connection.clone();
        publish.query_async(&mut connection).await.map_err(|error: RedisError| self.failed(ACTION, error))
    }

    async fn listen(&self, camera: CameraId) -> Result<Listener, FeedError> {
        let channel = self.channel(camera);
        let line = subscribe(&self.redis.client, &channel).await;
        let line = line.map_err(|error| self.failed("listen to", error))?;
        let (send, heard) = broadcast::channel(FEED_CAPACITY);
        let mut bringing = JoinSet::new();
        bringing.spawn(bring(self.redis.client.clone(), channel, line, send));
        Ok(Listener { heard, _bringing: bringing })
    }
}

/// A connection of a listener's own, on which the server has confirmed that it will tell.
type Line = (PubSubSink, PubSubStream);

async fn subscribe(client: &Client, channel: &str) -> Result<Line, BoxError> {
    let subscribing = async {
        let (mut sink, stream) = client.get_async_pubsub().await?.split();
        sink.subscribe(channel).await?;
        Ok::<_, RedisError>((sink, stream))
    };
    Ok(timeout(ANSWERS_WITHIN, subscribing).await??)
}

/// Brings what comes, over one connection after the other.
async fn bring(client: Client, channel: String, mut line: Line, listener: broadcast::Sender<Heard>) {
    loop {
        until_lost(line, &listener).await;
        tracing::warn!("lost the connection to Redis; connecting again");
        let [mut wait, longest] = AGAIN_AFTER;
        line = loop {
            match subscribe(&client, &channel).await {
                Ok(line) => break line,
                Err(error) => tracing::debug!(error, "Redis does not answer yet"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        };
        let _ = listener.send(Heard::Missed);
    }
}

/// Brings what comes over one connection, until it ends or is silent where it should answer.
async fn until_lost((mut sink, mut stream): Line, listener: &broadcast::Sender<Heard>) {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = stream.next() => match message {
                // Nobody listens any more when this fails, and then this task is about to end.
                Some(message) => { let _ = listener.send(heard(message.get_payload_bytes())); }
                None => return,
            },
            _ = pings.tick() => {
                let answered = timeout(ANSWERS_WITHIN, sink.ping::<Value>()).await;
                if !answered.is_ok_and(|answer| answer.is_ok()) {
                    return;
                }
            }
        }
    }
}
