//! What every store must do for leases.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;

use crate::{HeldLease, Store};

pub(super) async fn all<F: Future<Output = Arc<dyn Store>>>(empty: &impl Fn() -> F) {
    a_lease_is_taken_by_its_last_beat(&*empty().await).await;
    leases_of_the_dead_are_forgotten(&*empty().await).await;
    one_of_many_takes_it(empty().await).await;
}

/// Names, holders and beats.
fn told(leases: &[HeldLease]) -> Vec<(&str, &str, i64)> {
    leases.iter().map(|lease| (&*lease.name, &*lease.holder, lease.beat)).collect()
}

async fn a_lease_is_taken_by_its_last_beat(store: &dyn Store) {
    assert!(store.take_lease("camera/b", "me", None).await.unwrap());
    assert!(!store.take_lease("camera/b", "you", None).await.unwrap(), "somebody has it");
    assert!(store.take_lease("camera/a%", "me", None).await.unwrap());
    assert!(store.take_lease("leader", "me", None).await.unwrap());
    assert_eq!(store.renew_leases("camera/", "me").await.unwrap(), ["camera/a%", "camera/b"]);
    assert_eq!(store.renew_leases("camera/a%", "me").await.unwrap(), ["camera/a%"], "a prefix is no pattern");
    assert!(store.renew_leases("camera/", "you").await.unwrap().is_empty());
    assert!(!store.take_lease("camera/b", "you", Some(1)).await.unwrap(), "it was renewed since");
    assert!(store.take_lease("camera/b", "you", Some(2)).await.unwrap());
    let there = store.leases("camera/").await.unwrap();
    assert_eq!(told(&there), [("camera/a%", "me", 3), ("camera/b", "you", 3)]);
    assert!(there.iter().all(|lease| lease.idle < Duration::from_secs(60)), "{there:?}");
    store.forget_leases("camera/", Duration::from_secs(60)).await.unwrap();
    assert_eq!(store.leases("camera/").await.unwrap().len(), 2, "they were renewed just now");
    store.drop_lease("camera/b", "me").await.unwrap();
    assert_eq!(store.leases("camera/b").await.unwrap().len(), 1, "only its holder gives it back");
    store.drop_lease("camera/b", "you").await.unwrap();
    assert!(store.leases("camera/b").await.unwrap().is_empty());
}

async fn leases_of_the_dead_are_forgotten(store: &dyn Store) {
    for name in ["process/a", "process/b", "leader"] {
        assert!(store.take_lease(name, "me", None).await.unwrap());
    }
    let idle = async || store.leases("process/").await.unwrap().iter().map(|lease| lease.idle).min();
    store.forget_leases("process/", Duration::from_secs(60)).await.unwrap();
    assert_eq!(store.leases("process/").await.unwrap().len(), 2);
    while idle().await.is_some_and(|idle| idle.is_zero()) {}
    store.forget_leases("process/", Duration::ZERO).await.unwrap();
    let there = store.leases("").await.unwrap();
    assert_eq!(told(&there), [("leader", "me", 1)]);
}

async fn one_of_many_takes_it(store: Arc<dyn Store>) {
    assert!(store.take_lease("leader", "old", None).await.unwrap());
    let taken = join_all((0..8).map(|n| {
        let store = Arc::clone(&store);
        async move { store.take_lease("leader", &n.to_string(), Some(1)).await.unwrap() }
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
}
