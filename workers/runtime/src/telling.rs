//! Telling whoever watches what was committed. Best effort: it takes no time of a job, fails none, and loses no count.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use camcount_domain::SegmentCounted;
use camcount_queue::Feed;
use tokio::{sync::mpsc, time::timeout};

/// Segments that may wait to be told while the broker is slow: a second of a process that counts as fast as it can.
const WAITING: usize = 256;

/// A message that takes longer is lost.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// What is lost is logged this often at most.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// The way to those who watch. Clones lead to the same; what waits when the last one goes is still told.
#[derive(Clone, Debug)]
pub struct Telling {
    waiting: mpsc::Sender<SegmentCounted>,
}

impl Telling {
    /// Tells over `feed`, in a task of its own.
    ///
    /// # Panics
    /// Outside of an asynchronous runtime.
    #[must_use]
    pub fn over(feed: Arc<dyn Feed>) -> Self {
        let (waiting, told) = mpsc::channel(WAITING);
        tokio::spawn(tell(feed, told));
        Self { waiting }
    }

    /// Tells of a segment that was committed, or loses it.
    pub(crate) fn tell(&self, counted: SegmentCounted) {
        if self.waiting.try_send(counted).is_err() {
            note("lost");
        }
    }
}

fn note(result: &'static str) {
    metrics::counter!("camcount_feed_messages_total", "result" => result).increment(1);
}

async fn tell(feed: Arc<dyn Feed>, mut waiting: mpsc::Receiver<SegmentCounted>) {
    let mut logged: Option<Instant> = None;
    while let Some(counted) = waiting.recv().await {
        let lost: Box<dyn std::error::Error + Send + Sync> =
            match timeout(TOLD_WITHIN, feed.publish(&counted)).await {
                Ok(Ok(())) => {
                    note("told");
                    continue;
                }
                Ok(Err(error)) => error.into(),
                Err(late) => late.into(),
            };
        note("lost");
        if logged.is_none_or(|logged| logged.elapsed() >= LOGGED_EVERY) {
            logged = Some(Instant::now());
            let error = &*lost as &dyn std::error::Error;
            tracing::warn!(error, "whoever watches was not told of a segment; it is counted all the same");
        }
    }
}
