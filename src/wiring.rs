//! The wiring of many machines, around a database, a broker and a bucket. That of one process is in `embedded.rs`;
//! everything else is told ports, and never which of the two it is.

use std::sync::Arc;

use anyhow::Result;
use camcount_queue::{BrokerOptions, Cache, Counters, Feed, Queue, connect, connect_feed};
use camcount_store::Lookup;

use crate::{config::Config, place::Place, registry_cache::RegistryCache};

/// What all roles work with.
pub(crate) struct Wiring {
    /// What is known, and where bytes lie.
    pub place: Place,
    /// Jobs on their way.
    pub queue: Arc<dyn Queue>,
    /// Counts on their way to whoever watches.
    pub feed: Arc<dyn Feed>,
}

impl Wiring {
    /// What many machines share.
    pub(crate) async fn shared(config: &Config) -> Result<Self> {
        Self::around(Place::shared(config).await?, config).await
    }

    /// The same for whoever keeps a spool, and can do without a bucket for a while.
    pub(crate) async fn spooling(config: &Config) -> Result<Self> {
        Self::around(Place::spooling(config).await?, config).await
    }

    async fn around(place: Place, config: &Config) -> Result<Self> {
        let options = BrokerOptions { timing: config.lease, ..BrokerOptions::default() };
        let queue = connect(config.broker_url()?, options).await?;
        let feed = feed(config).await?;
        Ok(Self { place, queue, feed })
    }
}

/// The live feed, which the broker that carries jobs carries too.
pub(crate) async fn feed(config: &Config) -> Result<Arc<dyn Feed>> {
    Ok(connect_feed(config.broker_url()?, &BrokerOptions::default().name).await?)
}

/// The counters of the day, where a Redis is named. It may be away: they are a copy, and done without.
pub(crate) fn counters(config: &Config) -> Result<Option<Counters>> {
    let url = config.copies_url();
    Ok(url.map(|url| Counters::at(url, &BrokerOptions::default().name)).transpose()?)
}

/// What jobs look up: in the store, with a cache before it where a Redis is named, which may be away.
pub(crate) fn lookup(config: &Config, place: &Place) -> Result<Arc<dyn Lookup>> {
    let store = Arc::clone(&place.store) as Arc<dyn Lookup>;
    let Some(url) = config.copies_url() else { return Ok(store) };
    let cache = Cache::at(url, &BrokerOptions::default().name)?;
    Ok(Arc::new(RegistryCache::new(store, cache)))
}
