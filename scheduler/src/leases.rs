//! Holding leases: keeping what one has, and taking what nobody keeps.
//!
//! As in Kubernetes' leader election, nobody compares clocks: a lease is free when this process has watched its beat
//! stand still for the lease's length, by its own clock. While the store is away nobody watches, so that when it is
//! back every holder has a whole length to renew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use camcount_store::{Store, StoreError};

/// Leases of names with one prefix, held for one process.
pub struct Leaseholder {
    store: Arc<dyn Store>,
    prefix: String,
    holder: String,
    length: Duration,
    /// Others' leases: their last beat, and since when it is known.
    watched: BTreeMap<String, (i64, Instant)>,
    held: BTreeSet<String>,
    /// When those were last known to be ours.
    renewed: Option<Instant>,
}

impl Leaseholder {
    /// Leases named `prefix` and something, for `holder`, a name that no other process has. They lapse when they are
    /// not renewed for `length`: [`tend`](Self::tend) them at least three times as often.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, prefix: &str, holder: &str, length: Duration) -> Self {
        Self {
            store,
            prefix: prefix.to_owned(),
            holder: holder.to_owned(),
            length,
            watched: BTreeMap::new(),
            held: BTreeSet::new(),
            renewed: None,
        }
    }

    /// Renews what is held and wanted, gives back what is not wanted any more, and takes what is wanted and free, up to
    /// `most` in all. Names are those after the prefix. Returns what is held.
    ///
    /// # Errors
    /// When the store fails. What is [`held`](Self::held) then ends by itself.
    pub async fn tend(
        &mut self,
        wanted: &BTreeSet<String>,
        most: usize,
        now: Instant,
    ) -> Result<&BTreeSet<String>, StoreError> {
        match self.try_tend(wanted, most, now).await {
            Ok(()) => Ok(&self.held),
            Err(error) => {
                self.watched.clear();
                Err(error)
            }
        }
    }

    async fn try_tend(
        &mut self,
        wanted: &BTreeSet<String>,
        most: usize,
        now: Instant,
    ) -> Result<(), StoreError> {
        let renewed = self.store.renew_leases(&self.prefix, &self.holder).await?;
        self.held = renewed.iter().map(|name| self.bare(name)).collect();
        self.renewed = Some(now);
        for name in self.held.clone() {
            if !wanted.contains(&name) {
                self.give_back(&name).await?;
            }
        }
        if self.held.len() >= most || wanted.iter().all(|name| self.held.contains(name)) {
            return Ok(());
        }
        let there = self.store.leases(&self.prefix).await?;
        let there: BTreeMap<String, i64> =
            there.into_iter().map(|lease| (self.bare(&lease.name), lease.beat)).collect();
        self.watched.retain(|name, (beat, _)| there.get(name) == Some(beat));
        for name in wanted {
            if self.held.len() >= most {
                break;
            }
            if self.held.contains(name) {
                continue;
            }
            let seen = there.get(name).copied();
            if let Some(beat) = seen {
                let (_, since) = self.watched.entry(name.clone()).or_insert((beat, now));
                if now.duration_since(*since) < self.length {
                    continue;
                }
            }
            if self.store.take_lease(&self.full(name), &self.holder, seen).await? {
                tracing::info!(lease = self.full(name), "took a lease");
                self.watched.remove(name);
                self.held.insert(name.clone());
            }
        }
        Ok(())
    }

    /// What is held: nothing when the last renewal was a lease's length ago.
    #[must_use]
    pub fn held(&self, now: Instant) -> BTreeSet<String> {
        match self.renewed {
            Some(renewed) if now.duration_since(renewed) < self.length => self.held.clone(),
            _ => BTreeSet::new(),
        }
    }

    /// Gives one back, so that others need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then lapses.
    pub async fn give_back(&mut self, name: &str) -> Result<(), StoreError> {
        self.held.remove(name);
        self.store.drop_lease(&self.full(name), &self.holder).await
    }

    /// Gives all back.
    ///
    /// # Errors
    /// When the store fails; what is left then lapses.
    pub async fn give_all_back(&mut self) -> Result<(), StoreError> {
        for name in self.held.clone() {
            self.give_back(&name).await?;
        }
        Ok(())
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn bare(&self, full: &str) -> String {
        full.strip_prefix(&self.prefix).unwrap_or(full).to_owned()
    }
}
