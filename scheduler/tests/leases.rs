//! Who holds which lease, with time told rather than awaited.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use camcount_scheduler::Leaseholder;
use camcount_store::{Sqlite, Store};
use tempfile::TempDir;

const LENGTH: Duration = Duration::from_secs(6);

async fn store() -> (TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("camcount.db")).await.unwrap();
    (dir, Arc::new(store))
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_lease_has_one_holder_until_its_beats_stop() {
    let (_dir, store) = store().await;
    let start = Instant::now();
    let at = |s: u64| start + Duration::from_secs(s);
    let wanted = names(&["gate", "yard"]);
    let mut first = Leaseholder::new(Arc::clone(&store), "camera/", "first", LENGTH);
    let mut second = Leaseholder::new(Arc::clone(&store), "camera/", "second", LENGTH);
    assert_eq!(*first.tend(&wanted, 9, at(0)).await.unwrap(), wanted);
    for second_s in [0, 2, 4, 6, 8, 10] {
        assert_eq!(*first.tend(&wanted, 9, at(second_s)).await.unwrap(), wanted);
        assert!(second.tend(&wanted, 9, at(second_s)).await.unwrap().is_empty(), "at {second_s} s");
    }
    // The first one hangs.
    assert!(second.tend(&wanted, 9, at(15)).await.unwrap().is_empty(), "seen to beat 5 s before");
    assert_eq!(*second.tend(&wanted, 9, at(16)).await.unwrap(), wanted);
    assert!(first.held(at(16)).is_empty(), "it knows without asking");
    assert!(first.tend(&wanted, 9, at(17)).await.unwrap().is_empty(), "what is taken is gone");
    second.give_all_back().await.unwrap();
    assert_eq!(*first.tend(&wanted, 9, at(18)).await.unwrap(), wanted, "given back is free at once");
}

#[tokio::test]
async fn nobody_holds_more_than_it_may_nor_what_is_not_wanted() {
    let (_dir, store) = store().await;
    let now = Instant::now();
    let mut first = Leaseholder::new(Arc::clone(&store), "camera/", "first", LENGTH);
    let mut second = Leaseholder::new(Arc::clone(&store), "camera/", "second", LENGTH);
    let mut leader = Leaseholder::new(Arc::clone(&store), "leader", "first", LENGTH);
    assert_eq!(*leader.tend(&names(&[""]), 1, now).await.unwrap(), names(&[""]));
    assert_eq!(first.tend(&names(&["a", "b", "c"]), 2, now).await.unwrap().len(), 2);
    assert_eq!(*second.tend(&names(&["a", "b", "c"]), 2, now).await.unwrap(), names(&["c"]));
    assert_eq!(*first.tend(&names(&["b", "c"]), 2, now).await.unwrap(), names(&["b"]));
    assert_eq!(store.leases("").await.unwrap().len(), 3, "what is not wanted was given back");
    assert_eq!(leader.held(now), names(&[""]), "other prefixes are others' business");
}
