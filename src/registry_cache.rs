//! The registry cache: what jobs look up, from Redis where it is there and from the store where it is not.
//!
//! It is a copy and no more. What has a version never changes, since its version is a hash of it, and a copy that has
//! another is not believed; what is said of cameras is believed for a minute. A Redis that is away, slow, empty or full
//! of something else costs a look into the store, and nothing else.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use camcount_domain::{CameraId, Detector, DetectorVersion, Ruleset, RulesetVersion};
use camcount_queue::{Cache, CacheError};
use camcount_store::{CameraEntry, Lookup, StoreError};
use serde::{Serialize, de::DeserializeOwned};

#[cfg(test)]
mod tests;

/// How long what has a version is kept: long enough to be read from the store seldom, and to be gone when nobody counts
/// by it any more.
const VERSIONED: Duration = Duration::from_secs(24 * 3600);

/// How long what is said of a camera is believed. Whoever changes a camera tells nobody.
const BELIEVED: Duration = Duration::from_secs(60);

/// How long a Redis that did not answer is done without before one asks again, for all.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A store's entries, with copies in Redis.
pub(crate) struct RegistryCache {
    store: Arc<dyn Lookup>,
    cache: Cache,
    /// While Redis is away: when it is asked again.
    away_until: Mutex<Option<Instant>>,
}

/// Whose copy is looked for.
struct Wanted<'a> {
    kind: &'static str,
    id: &'a str,
    kept: Duration,
}

impl RegistryCache {
    pub(crate) fn new(store: Arc<dyn Lookup>, cache: Cache) -> Self {
        Self { store, cache, away_until: Mutex::default() }
    }

    /// The copy in Redis where there is one that `is_it`, and otherwise what is `stored`, which is then put there.
    async fn look_up<T: Serialize + DeserializeOwned>(
        &self,
        Wanted { kind, id, kept }: Wanted<'_>,
        is_it: impl Fn(&T) -> bool,
        stored: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = self.ask(self.cache.read(kind, id)).await;
        let there = answer.is_some();
        let copy = answer.flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok()).filter(&is_it);
        let result = match &copy {
            Some(_) => "hit",
            None if there => "miss",
            None => "failed",
        };
        metrics::counter!("camcount_registry_cache_reads_total", "kind" => kind, "result" => result)
            .increment(1);
        if let Some(copy) = copy {
            return Ok(copy);
        }
        let stored = stored.await?;
        if there
            && is_it(&stored)
            && let Ok(copy) = serde_json::to_vec(&stored)
            && let Err(error) = self.cache.put(kind, id, &copy, kept).await
        {
            // A Redis that is full, say: it is read all the same, and the ratio of hits tells.
            tracing::debug!(error = &error as &dyn Error, kind, id, "no copy is kept");
        }
        Ok(stored)
    }

    fn away_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What Redis says; `None` while it is away.
    async fn ask<T>(&self, asked: impl Future<Output = Result<T, CacheError>>) -> Option<T> {
        if let Some(until) = &mut *self.away_until() {
            if Instant::now() < *until {
                return None;
            }
            // Nobody else asks meanwhile.
            *until = Instant::now() + AGAIN_AFTER;
        }
        match asked.await {
            Ok(said) => {
                if self.away_until().take().is_some() {
                    tracing::info!("the registry cache is back");
                }
                Some(said)
            }
            Err(error) => {
                if self.away_until().replace(Instant::now() + AGAIN_AFTER).is_none() {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "the registry cache is done without; the store is asked");
                }
                None
            }
        }
    }
}

#[async_trait]
impl Lookup for RegistryCache {
    async fn camera(&self, id: CameraId) -> Result<Option<CameraEntry>, StoreError> {
        let wanted = Wanted { kind: "camera", id: &id.to_string(), kept: BELIEVED };
        // That nobody registered it is a copy, too.
        let is_it = |entry: &Option<CameraEntry>| entry.as_ref().is_none_or(|entry| entry.camera.id == id);
        self.look_up(wanted, is_it, self.store.camera(id)).await
    }

    async fn detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError> {
        let wanted = Wanted { kind: "detector", id: &version.0, kept: VERSIONED };
        let is_it = |detector: &Detector| detector.version() == *version;
        self.look_up(wanted, is_it, self.store.detector(version)).await
    }

    async fn ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError> {
        let wanted = Wanted { kind: "ruleset", id: &version.0, kept: VERSIONED };
        let is_it = |ruleset: &Ruleset| ruleset.version() == *version;
        self.look_up(wanted, is_it, self.store.ruleset(version)).await
    }
}
