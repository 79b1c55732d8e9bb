//! What every store must do for leases.

use std::sync::Arc;

use futures::future::join_all;

use crate::{HeldLease, Store};

pub(super) async fn all<F: Future<Output = Arc<dyn Store>>>(empty: &impl Fn() -> F) {
    a_lease_is_taken_by_its_last_beat(&*empty().await).await;
    one_of_many_takes_it(empty().await).await;
}

fn held(name: &str, holder: &str, beat: i64) -> HeldLease {
    HeldLease { name: name.into(), holder: holder.into(), beat }
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
    assert_eq!(
        store.leases("camera/").await.unwrap(),
        [held("camera/a%", "me", 3), held("camera/b", "you", 3)]
    );
    store.drop_lease("camera/b", "me").await.unwrap();
    assert_eq!(store.leases("camera/b").await.unwrap().len(), 1, "only its holder gives it back");
    store.drop_lease("camera/b", "you").await.unwrap();
    assert!(store.leases("camera/b").await.unwrap().is_empty());
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
