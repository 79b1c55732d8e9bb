//! Telling whoever watches what was committed. Best effort: it takes no time of a job, fails none, and loses no count.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use camcount_domain::SegmentCounted;
use camcount_queue::Feed;
use tokio::{sync::mpsc, time::timeout};

/// Segments that may wait to be told while the broker is slow: a second of a process that counts as fast as it can.
const WAITING: usize = 256;

/// A message that takes longer is lost.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// What is lost is logged this often at most.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

type BoxError = Box<dyn Error + Send + Sync>;

/// Somebody who hears of committed segments, other than by the feed.
#[async_trait]
pub trait Hear: Send + Sync + 'static {
    /// Hears of a segment. Not of every one: some may be lost, and one may overtake another.
    ///
    /// # Errors
    /// When it could not be taken in, and is lost to whoever hears.
    async fn hear(&self, counted: &SegmentCounted) -> Result<(), BoxError>;
}

/// Those who watch hear by the feed.
struct ByFeed(Arc<dyn Feed>);

#[async_trait]
impl Hear for ByFeed {
    async fn hear(&self, counted: &SegmentCounted) -> Result<(), BoxError> {
        Ok(self.0.publish(counted).await?)
    }
}

/// The ways to those who hear of committed segments, none of which delays another. Clones lead to the same; what waits
/// when the last one goes is still told.
#[derive(Clone, Debug)]
pub struct Telling {
    ways: Vec<(&'static str, mpsc::Sender<SegmentCounted>)>,
}

impl Telling {
    /// Tells over `feed`, in a task of its own.
    ///
    /// # Panics
    /// Outside of an asynchronous runtime.
    #[must_use]
    pub fn over(feed: Arc<dyn Feed>) -> Self {
        Self { ways: Vec::new() }.and("feed", Arc::new(ByFeed(feed)))
    }

    /// Also tells `to` this one, in another task.
    ///
    /// # Panics
    /// Outside of an asynchronous runtime.
    #[must_use]
    pub fn and(mut self, to: &'static str, whom: Arc<dyn Hear>) -> Self {
        let (waiting, told) = mpsc::channel(WAITING);
        tokio::spawn(tell(to, whom, told));
        self.ways.push((to, waiting));
        self
    }

    /// Tells of a segment that was committed, or loses it.
    pub(crate) fn tell(&self, counted: &SegmentCounted) {
        for (to, waiting) in &self.ways {
            if waiting.try_send(counted.clone()).is_err() {
                note(to, "lost");
            }
        }
    }
}

fn note(to: &'static str, result: &'static str) {
    metrics::counter!("camcount_feed_messages_total", "to" => to, "result" => result).increment(1);
}

async fn tell(to: &'static str, whom: Arc<dyn Hear>, mut waiting: mpsc::Receiver<SegmentCounted>) {
    let mut logged: Option<Instant> = None;
    while let Some(counted) = waiting.recv().await {
        let lost: BoxError = match timeout(TOLD_WITHIN, whom.hear(&counted)).await {
            Ok(Ok(())) => {
                note(to, "told");
                continue;
            }
            Ok(Err(error)) => error,
            Err(late) => late.into(),
        };
        note(to, "lost");
        if logged.is_none_or(|logged| logged.elapsed() >= LOGGED_EVERY) {
            logged = Some(Instant::now());
            let error = &*lost as &dyn Error;
            tracing::warn!(to, error, "a segment was counted and could not be told of");
        }
    }
}
