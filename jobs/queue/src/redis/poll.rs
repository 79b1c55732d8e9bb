//! The task that takes leases of one lane for those in this process who wait for one: as many as there are waiters
//! and no more.

use std::{sync::Arc, time::Duration};

use camcount_domain::Lane;
use redis::{AsyncConnectionConfig, RedisError, aio::MultiplexedConnection};

use super::{CONSUMER, GROUP, Shared, lease_of};
use crate::{Lease, Verdict, broker::ANSWERS_WITHIN, waiting::Waiting};

/// The longest wait for a new job before lapsed ones are looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An entry's fields, an entry, and one as the script hands it out.
type Fields = Vec<(String, Vec<u8>)>;
type Entry = (String, Fields);
type Taken = (String, u32, u32, Fields);

/// Serves the lane for as long as the process lives, through whatever trouble.
pub(super) async fn serve(shared: Arc<Shared>, lane: Lane, waiting: Arc<Waiting>) {
    // A connection of its own: whoever blocks holds up all that share one.
    let mut blocking = None;
    loop {
        for spare in waiting.take_spare() {
            if let Err(error) = shared.settle(&spare, &Verdict::Release).await {
                tracing::warn!(%error, key = spare.job.key, "could not give a job back; it starts when its lease has run out");
            }
        }
        let wanted = waiting.count();
        if wanted == 0 {
            waiting.changed.notified().await;
            continue;
        }
        match shared.next(lane, wanted, &mut blocking).await {
            Ok(leases) => leases.into_iter().for_each(|lease| waiting.give(lease)),
            Err(error) if error.code() == Some("NOGROUP") => {
                if let Err(error) = shared.make_group(lane).await {
                    waiting.fail(|| shared.unavailable("lease a job", lane, error.to_string()));
                }
            }
            Err(error) => {
                blocking = None;
                waiting.fail(|| shared.unavailable("lease a job", lane, error.to_string()));
            }
        }
    }
}

impl Shared {
    /// Up to `most` leases; none when there was nothing for a while.
    async fn next(
        &self,
        lane: Lane,
        most: usize,
        blocking: &mut Option<MultiplexedConnection>,
    ) -> Result<Vec<Lease>, RedisError> {
        let mut script = self.scripts.take.key(self.key(lane, "stream"));
        script.key(self.key(lane, "delayed")).key(self.key(lane, "uncounted"));
        script.arg(GROUP).arg(CONSUMER).arg(self.lease_ms()).arg(most);
        let (taken, due_ms): (Vec<Taken>, i64) = self.run(&script).await?;
        if !taken.is_empty() || due_ms == 0 {
            let lease = |(id, deliveries, uncounted, fields): Taken| {
                lease_of(lane, &id, deliveries, uncounted, &fields)
            };
            return Ok(taken.into_iter().map(lease).collect());
        }
        let due = u64::try_from(due_ms).map_or(LOOK_AGAIN, Duration::from_millis);
        self.next_new(lane, most, due.min(LOOK_AGAIN), blocking).await
    }

    /// Up to `most` leases of jobs that get into the stream within `wait`.
    async fn next_new(
        &self,
        lane: Lane,
        most: usize,
        wait: Duration,
        blocking: &mut Option<MultiplexedConnection>,
    ) -> Result<Vec<Lease>, RedisError> {
        let connection = match blocking {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(ANSWERS_WITHIN))
                    .set_response_timeout(Some(LOOK_AGAIN + ANSWERS_WITHIN));
                blocking.insert(self.client.get_multiplexed_async_connection_with_config(&config).await?)
            }
        };
        // One stream, and its entries; nothing at all when the wait is over.
        let read: Option<Vec<(String, Vec<Entry>)>> = redis::cmd("XREADGROUP")
            .arg(&["GROUP", GROUP, CONSUMER, "COUNT"])
            .arg(most)
            .arg("BLOCK")
            .arg(super::millis(wait).max(1))
            .arg("STREAMS")
            .arg(self.key(lane, "stream"))
            .arg(">")
            .query_async(connection)
            .await?;
        let entries = read.into_iter().flatten().flat_map(|(_, entries)| entries);
        Ok(entries.map(|(id, fields)| lease_of(lane, &id, 1, 0, &fields)).collect())
    }

    /// Makes the lane's consumer group, and its stream if need be. What is in the stream already is to be read.
    async fn make_group(&self, lane: Lane) -> Result<(), RedisError> {
        let made = redis::cmd("XGROUP")
            .arg("CREATE")
            .arg(self.key(lane, "stream"))
            .arg(&[GROUP, "0", "MKSTREAM"])
            .query_async(&mut self.connection.clone())
            .await;
        match made {
            // Somebody else was faster.
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }
}
