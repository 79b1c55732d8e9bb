//! The jobs of one lane of the in-process queue: who waits, who runs, whose lease has lapsed. Time is an
//! argument; waiting for it is somebody else's business.

use std::{
    collections::{BTreeMap, HashMap, btree_map::OccupiedEntry, hash_map::Entry},
    time::Duration,
};

use camcount_domain::Job;
use tokio::time::Instant;

use crate::{Depth, Lease, Pushed, Standing, Token, Verdict};

/// No wait is longer: instants must not overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// A moment, and a number that no two jobs share: among equal moments the lower number came first.
type Place = (Instant, u64);

#[derive(Default)]
pub(crate) struct LaneJobs {
    held: HashMap<String, Held>,
    /// Keys of jobs that are not leased, by when they are due.
    due: BTreeMap<Place, String>,
    /// Keys of jobs that are leased, by when the lease ends.
    leased: BTreeMap<Place, String>,
    next_number: u64,
}

struct Held {
    job: Job,
    /// Which attempt the present or the next lease is.
    attempt: u32,
    /// Its place among those that wait; while leased, the one that it had.
    due: Place,
    lease: Option<Place>,
}

impl LaneJobs {
    /// `None` when there are `capacity` jobs already.
    pub(crate) fn push(&mut self, job: Job, capacity: usize, now: Instant) -> Option<Pushed> {
        let full = self.held.len() >= capacity;
        let place = self.place(now);
        match self.held.entry(job.key.clone()) {
            Entry::Occupied(_) => Some(Pushed::Duplicate),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(free) => {
                self.due.insert(place, job.key.clone());
                free.insert(Held { job, attempt: 1, due: place, lease: None });
                Some(Pushed::New)
            }
        }
    }

    /// Leases the first job that is due; when there is none, says when there may be, unless something changes.
    pub(crate) fn lease(&mut self, lease: Duration, now: Instant) -> Result<Lease, Option<Instant>> {
        self.lapse(now);
        let end = self.place(later(now, lease));
        let due = self.due.first_entry().filter(|first| first.key().0 <= now).map(OccupiedEntry::remove);
        match due.as_ref().and_then(|key| self.held.get_mut(key)) {
            Some(held) => {
                held.lease = Some(end);
                self.leased.insert(end, held.job.key.clone());
                Ok(Lease { job: held.job.clone(), attempt: held.attempt, token: Token(end.1.to_string()) })
            }
            None => {
                let next = |places: &BTreeMap<Place, String>| places.keys().next().map(|place| place.0);
                Err(next(&self.due).into_iter().chain(next(&self.leased)).min())
            }
        }
    }

    pub(crate) fn extend(&mut self, lease: &Lease, by: Duration, now: Instant) -> Standing {
        let Some((place, key)) = self.take_lease(lease, now) else { return Standing::Lapsed };
        let end = (later(now, by), place.1);
        if let Some(held) = self.held.get_mut(&key) {
            held.lease = Some(end);
        }
        self.leased.insert(end, key);
        Standing::Held
    }

    pub(crate) fn settle(&mut self, lease: &Lease, verdict: &Verdict, now: Instant) -> Standing {
        let Some((_, key)) = self.take_lease(lease, now) else { return Standing::Lapsed };
        match verdict {
            Verdict::Done | Verdict::Discard { .. } => {
                self.held.remove(&key);
            }
            Verdict::Retry { after } => {
                let due = self.place(later(now, *after));
                self.wait(key, due, 1);
            }
            Verdict::Defer { after } => {
                let due = self.place(later(now, *after));
                self.wait(key, due, 0);
            }
            Verdict::Release => {
                // It keeps its place: others became due after it.
                let due = self.held.get(&key).map_or((now, 0), |held| held.due);
                self.wait(key, due, 0);
            }
        }
        Standing::Held
    }

    pub(crate) fn depth(&mut self, now: Instant) -> Depth {
        self.lapse(now);
        let delayed = self.due.range((now, u64::MAX)..).count();
        let oldest = self.due.keys().next().and_then(|first| now.checked_duration_since(first.0));
        Depth { waiting: self.due.len() - delayed, delayed, running: self.leased.len(), oldest }
    }

    /// Gives back the jobs of all leases that have ended.
    fn lapse(&mut self, now: Instant) {
        while let Some(first) = self.leased.first_entry().filter(|first| first.key().0 <= now) {
            let (end, key) = first.remove_entry();
            self.wait(key, end, 1);
        }
    }

    /// Ends the lease, if it is the present one of its job and has not ended by itself.
    fn take_lease(&mut self, lease: &Lease, now: Instant) -> Option<(Place, String)> {
        self.lapse(now);
        let place = self.held.get(&lease.job.key)?.lease?;
        if place.1.to_string() != lease.token.0 {
            return None;
        }
        self.leased.remove_entry(&place)
    }

    fn wait(&mut self, key: String, due: Place, attempts_used: u32) {
        if let Some(held) = self.held.get_mut(&key) {
            held.attempt = held.attempt.saturating_add(attempts_used);
            held.due = due;
            held.lease = None;
            self.due.insert(due, key);
        }
    }

    fn place(&mut self, at: Instant) -> Place {
        self.next_number += 1;
        (at, self.next_number)
    }
}

fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(LONGEST_WAIT)
}
