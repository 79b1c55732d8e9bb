//! Rolling up while others count, and roll up too.

use camcount_aggregate::{Aggregated, Calendar, roll_up};
use camcount_domain::{Granularity, MediaTime, PassId, Sums};
use camcount_store::{Counted, Dirty, RolledUp, Rollups, Scope, Sqlite, StoreError};

use crate::footage::{Event, HOUR_US, at_once, commit, open, pass, stored, time};

fn event(time: MediaTime) -> Event {
    Event { time, car: false, confidence: 9_000, inside: 2, observed_us: 10_000_000 }
}

async fn all_is_right(store: &Sqlite, pass: &PassId, zone: &str) {
    let calendar = Calendar::of(zone).unwrap();
    for granularity in Granularity::ALL {
        let expected = at_once(store, pass, &calendar, granularity).await;
        assert_eq!(stored(store, pass, granularity).await, expected, "{granularity}");
    }
}

#[tokio::test]
async fn only_what_is_dirty_is_rolled_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let id = pass(&store, "gate", "Europe/Berlin").await;
    let start = time("2026-03-28T23:30:00Z");
    let events: Vec<_> = (0..60).map(|hour| event(start.plus_us(hour * HOUR_US))).collect();
    commit(&store, &id, 0, &events).await;
    let done = roll_up(&store, Scope::All).await.unwrap();
    assert_eq!(done, Aggregated { passes: 1, hours: 60, stale: 0 });
    assert_eq!(roll_up(&store, Scope::All).await.unwrap(), Aggregated::default());
    all_is_right(&store, &id, "Europe/Berlin").await;

    commit(&store, &id, 1, &events[7..8]).await;
    assert_eq!(roll_up(&store, Scope::All).await.unwrap().hours, 1, "late counts correct what was there");
    all_is_right(&store, &id, "Europe/Berlin").await;
    store.close().await;
}

#[tokio::test]
async fn only_what_is_in_scope_is_rolled_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let [a, b] = [pass(&store, "a", "UTC").await, pass(&store, "b", "UTC").await];
    for id in [&a, &b] {
        commit(&store, id, 0, &[event(time("2026-05-01"))]).await;
    }
    roll_up(&store, Scope::Passes(std::slice::from_ref(&a))).await.unwrap();
    assert!(!stored(&store, &a, Granularity::Day).await.lines.is_empty());
    assert_eq!(stored(&store, &b, Granularity::Day).await, Sums::default());
    store.close().await;
}

/// A store on which something happens just before roll-ups are stored.
struct Meanwhile<'a> {
    store: &'a Sqlite,
    /// What happens, by the number of the attempt.
    happens: fn(u32) -> Happens,
    attempt: std::sync::atomic::AtomicU32,
}

enum Happens {
    Nothing,
    /// A commit to the hour that is rolled up.
    Commit(MediaTime),
    /// Somebody else rolls up.
    RollUp,
    /// The process is killed.
    Kill,
}

#[async_trait::async_trait]
impl Rollups for Meanwhile<'static> {
    async fn counted(&self, of: Option<&str>) -> Result<Vec<Counted>, StoreError> {
        self.store.counted(of).await
    }

    async fn dirty(&self, scope: Scope<'_>, hours: u32) -> Result<Vec<Dirty>, StoreError> {
        self.store.dirty(scope, hours).await
    }

    async fn bucket_sums(&self, pass: &PassId, span: camcount_domain::MediaSpan) -> Result<Sums, StoreError> {
        self.store.bucket_sums(pass, span).await
    }

    async fn rollups(
        &self,
        pass: &PassId,
        granularity: Granularity,
        span: camcount_domain::MediaSpan,
    ) -> Result<Sums, StoreError> {
        self.store.rollups(pass, granularity, span).await
    }

    async fn store_rollups(
        &self,
        taken: &Dirty,
        rollups: &[(Granularity, Sums)],
    ) -> Result<RolledUp, StoreError> {
        let attempt = self.attempt.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match (self.happens)(attempt) {
            Happens::Nothing => {}
            Happens::Commit(time) => {
                commit(self.store, &taken.pass, i64::from(attempt) + 1, &[event(time)]).await;
            }
            Happens::RollUp => {
                roll_up(self.store, Scope::All).await.unwrap();
            }
            Happens::Kill => return Err(StoreError::NoPass(taken.pass.clone())),
        }
        self.store.store_rollups(taken, rollups).await
    }
}

async fn meanwhile(happens: fn(u32) -> Happens) -> (tempfile::TempDir, Meanwhile<'static>, PassId) {
    let folder = tempfile::tempdir().unwrap();
    let store = Box::leak(Box::new(open(&folder).await));
    let id = pass(store, "gate", "UTC").await;
    commit(store, &id, 0, &[event(time("2026-05-01T10:00:00Z"))]).await;
    (folder, Meanwhile { store, happens, attempt: 0.into() }, id)
}

#[tokio::test]
async fn what_is_counted_meanwhile_stays_dirty() {
    let (_folder, store, id) = meanwhile(|attempt| match attempt {
        0 => Happens::Commit(time("2026-05-01T10:30:00Z")),
        _ => Happens::Nothing,
    })
    .await;
    roll_up(&store, Scope::All).await.unwrap();
    let dirty = store.dirty(Scope::All, 9).await.unwrap();
    assert_eq!((dirty.len(), dirty[0].hours.len()), (1, 1), "{dirty:?}");
    roll_up(&store, Scope::All).await.unwrap();
    assert!(store.dirty(Scope::All, 9).await.unwrap().is_empty());
    all_is_right(store.store, &id, "UTC").await;
}

#[tokio::test]
async fn of_two_who_roll_up_at_once_one_is_refused() {
    let (_folder, store, id) = meanwhile(|attempt| match attempt {
        0 => Happens::RollUp,
        _ => Happens::Nothing,
    })
    .await;
    let done = roll_up(&store, Scope::All).await.unwrap();
    assert_eq!((done.stale, done.passes), (1, 0), "nothing was left to do");
    all_is_right(store.store, &id, "UTC").await;
}

#[tokio::test]
async fn a_run_that_was_killed_is_made_up_for() {
    let (_folder, store, id) = meanwhile(|attempt| match attempt {
        0 => Happens::Kill,
        _ => Happens::Nothing,
    })
    .await;
    assert!(roll_up(&store, Scope::All).await.is_err());
    roll_up(&store, Scope::All).await.unwrap();
    all_is_right(store.store, &id, "UTC").await;
}

/// An endless quarrel is left to the next run.
#[tokio::test]
async fn a_run_ends_although_it_is_refused_again_and_again() {
    let (_folder, store, id) = meanwhile(|_| Happens::RollUp).await;
    let mut done = Aggregated::default();
    for n in 1..9 {
        commit(store.store, &id, n, &[event(time("2026-05-01T10:00:00Z"))]).await;
        done = roll_up(&store, Scope::All).await.unwrap();
    }
    assert!(done.stale > 0);
    all_is_right(store.store, &id, "UTC").await;
}

#[tokio::test]
async fn another_time_zone_cuts_everything_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let id = pass(&store, "gate", "UTC").await;
    let start = time("2026-03-28T12:00:00Z");
    let events: Vec<_> = (0..50).map(|hour| event(start.plus_us(hour * HOUR_US))).collect();
    commit(&store, &id, 0, &events).await;
    roll_up(&store, Scope::All).await.unwrap();
    pass(&store, "gate", "Asia/Kolkata").await;
    roll_up(&store, Scope::All).await.unwrap();
    all_is_right(&store, &id, "Asia/Kolkata").await;

    pass(&store, "gate", "Europe/Atlantis").await;
    let error = roll_up(&store, Scope::All).await.unwrap_err();
    assert!(error.to_string().contains(&id.0), "{error}");
    pass(&store, "gate", "Europe/Berlin").await;
    roll_up(&store, Scope::All).await.unwrap();
    all_is_right(&store, &id, "Europe/Berlin").await;
    store.close().await;
}
