//! The live feed: who watches a camera hears of its counts as they are committed.
//!
//! Best effort, and no more: the store is the truth, and the feed only says when to look. What is published while
//! nobody listens is gone; whoever may have missed something is told so, and reads the store again.
//!
//! | asked | NATS | Redis |
//! |---|---|---|
//! | a camera's messages | the subject `NAME.feed.CAMERA` | the channel `NAME:feed:CAMERA` |
//! | nothing is missed from here on | an echo through the server comes back | the server confirms |
//! | something may have been missed | the connection was made anew | the same, or a ping was not answered |

mod in_process;
mod nats;
mod redis;

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use camcount_domain::{CameraId, SegmentCounted};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::JoinSet,
};

pub use self::{in_process::InProcessFeed, nats::NatsFeed, redis::RedisFeed};
use crate::broker::{ConnectError, Kind, address};

/// Messages that a listener may be behind by: minutes of a camera. Then it misses some, and holds up nobody.
pub const FEED_CAPACITY: usize = 256;

/// Counts on their way to whoever watches. Shared by all who tell and all who listen.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// Tells all who listen to the camera now. When this returns `Ok`, the message is on its way; nobody confirms
    /// that it arrives.
    ///
    /// # Errors
    /// [`FeedError`], within seconds. The message is lost; whoever misses it hears of that with the next one.
    async fn publish(&self, counted: &SegmentCounted) -> Result<(), FeedError>;

    /// Listens to a camera. Whatever is published after this has returned is heard or told to be missed.
    ///
    /// # Errors
    /// [`FeedError`], within seconds.
    async fn listen(&self, camera: CameraId) -> Result<Listener, FeedError>;
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A segment was committed. The same one may be heard twice, and one before its predecessor.
    Counted(Arc<SegmentCounted>),
    /// Something may have gone by unheard: the broker was away, the listener too slow, or a message of a kind that
    /// this version of camcount does not know.
    Missed,
}

/// Somebody who listens to a camera, until this is dropped.
#[derive(Debug)]
pub struct Listener {
    heard: broadcast::Receiver<Heard>,
    /// What brings messages here, for brokers.
    _bringing: JoinSet<()>,
}

impl Listener {
    /// Waits for what is heard next. Cancel-safe.
    pub async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Ok(heard) => heard,
            Err(RecvError::Lagged(_)) => Heard::Missed,
            // Nobody is left who could tell anything.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// A broker that did not take a message, or does not let anyone listen. It may be back in a moment.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} the live feed; check that {broker} is up and can be reached")]
pub struct FeedError {
    /// What was asked, as a verb.
    action: &'static str,
    /// Who did not answer, and where.
    broker: String,
    /// What it said.
    source: Box<dyn Error + Send + Sync>,
}

/// The live feed of the broker at `url`, read as by [`connect`](crate::connect), for all who say the same `name`.
///
/// # Errors
/// When the address cannot be read, nobody answers there, or the broker is too old.
pub async fn connect_feed(url: &str, name: &str) -> Result<Arc<dyn Feed>, ConnectError> {
    let address = address(url, name)?;
    Ok(match address.kind {
        Kind::Nats => Arc::new(NatsFeed::connect(&address, name).await?),
        Kind::Redis => Arc::new(RedisFeed::connect(&address, name).await?),
    })
}

/// A message as brokers carry it. Changing the fields' meaning makes a new kind.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Message<C> {
    #[serde(rename = "segment-counted.v1")]
    Counted(C),
}

fn to_bytes(counted: &SegmentCounted) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Message::Counted(counted))
}

fn heard(payload: &[u8]) -> Heard {
    match serde_json::from_slice::<Message<SegmentCounted>>(payload) {
        Ok(Message::Counted(counted)) => Heard::Counted(Arc::new(counted)),
        Err(error) => {
            tracing::debug!(%error, "a message of the live feed cannot be read");
            Heard::Missed
        }
    }
}
