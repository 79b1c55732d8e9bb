//! The suite that every store passes: with rows that all lie aside, and with rows in their months.

use std::sync::{Arc, Mutex};

use camcount_domain::MediaTime;
use camcount_store::{Month, Store, conformance, test_database::TestDatabase};

async fn conforms(open: &[MediaTime]) {
    let databases = Mutex::new(Vec::new());
    conformance::all(|| async {
        let (database, store) = TestDatabase::migrated().await;
        databases.lock().unwrap().push(database);
        for time in open {
            store.open_month(Month::of(*time).unwrap()).await.unwrap();
        }
        let store: Arc<dyn Store> = Arc::new(store);
        store
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rows_aside() {
    conforms(&[]).await;
}

/// The suite's media times lie around the start of 1970; one month stays without its rows.
#[tokio::test(flavor = "multi_thread")]
async fn with_rows_in_their_months() {
    conforms(&[MediaTime(-1), MediaTime(0)]).await;
}
