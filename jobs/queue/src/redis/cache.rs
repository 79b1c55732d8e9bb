//! The registry cache in Redis: copies of what the registry says, for whoever asks often. What they mean is not known here.
//!
//! They are copies and no more: each goes when its time is over, and any may be gone at any moment.
//!
//! | key | what |
//! |---|---|
//! | `NAME:registry:KIND:ID` | what the registry says of the thing of this kind and identity, as the bytes that were put there |

use std::{error::Error, time::Duration};

use redis::{AsyncCommands, RedisError, aio::ConnectionManager};
use tokio::time::timeout;

use super::Connected;
use crate::ConnectError;

/// How long whoever asks waits at most: a hundred times what Redis takes, and little beside a job.
const ANSWERS_WITHIN: Duration = Duration::from_millis(250);

/// Copies of registered things in Redis.
#[derive(Clone)]
pub struct Cache {
    connection: ConnectionManager,
    broker: String,
    name: String,
}

/// Redis did not answer in time, or refused.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} the registry cache; check that {broker} is up and can be reached")]
pub struct CacheError {
    /// What was asked, as a verb.
    action: &'static str,
    /// Who did not answer, and where.
    broker: String,
    /// What it said.
    source: Box<dyn Error + Send + Sync>,
}

impl Cache {
    /// The cache in the Redis at `url`, for all who say the same `name`. Connects when it is used first, and again
    /// whenever the connection is lost.
    ///
    /// # Errors
    /// When the address cannot be read or is no Redis.
    pub fn at(url: &str, name: &str) -> Result<Self, ConnectError> {
        let Connected { connection, broker, .. } =
            Connected::later_at(url, name, "the registry cache is in Redis")?;
        Ok(Self { connection, broker, name: name.to_owned() })
    }

    fn key(&self, kind: &str, id: &str) -> String {
        format!("{}:registry:{kind}:{id}", self.name)
    }

    async fn answer<T>(
        &self,
        action: &'static str,
        asked: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, CacheError> {
        let failed = |source| CacheError { action, broker: self.broker.clone(), source };
        let answer = timeout(ANSWERS_WITHIN, asked).await.map_err(|late| failed(late.into()))?;
        answer.map_err(|error| failed(error.into()))
    }

    /// What was put there; `None` when it is gone, never was there, or something else than bytes is.
    ///
    /// # Errors
    /// [`CacheError`], within a quarter of a second.
    pub async fn read(&self, kind: &str, id: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let (key, mut connection) = (self.key(kind, id), self.connection.clone());
        let asked = async {
            match connection.get(key).await {
                // Whoever puts something there puts it in its place.
                Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
                read => read,
            }
        };
        self.answer("read", asked).await
    }

    /// Puts `copy` there for so many whole seconds, in place of whatever is there.
    ///
    /// # Errors
    /// [`CacheError`], within a quarter of a second.
    pub async fn put(&self, kind: &str, id: &str, copy: &[u8], kept: Duration) -> Result<(), CacheError> {
        let (key, mut connection) = (self.key(kind, id), self.connection.clone());
        self.answer("put into", connection.set_ex(key, copy, kept.as_secs().max(1))).await
    }
}
