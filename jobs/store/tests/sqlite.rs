//! The embedded store passes the suite, survives reopening, and its schema can be taken back.

use std::sync::Arc;

use camcount_domain::{Camera, CameraId};
use camcount_store::{Sqlite, Store, StoreError, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    conformance::all(|| async {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&dir.path().join(format!("{n}.db"))).await.unwrap());
        store
    })
    .await;
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("camcount.db");
    let camera = Camera { id: CameraId::of_footage("x"), name: "gate".into(), start_known: false };
    let store = Sqlite::open(&path).await.unwrap();
    store.register_camera(&camera).await.unwrap();
    store.close().await;
    let store = Sqlite::open(&path).await.unwrap();
    assert!(store.camera_events(camera.id).await.unwrap().is_empty());
    assert!(store.recordings(camera.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_schema_has_a_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("camcount.db");
    let store = Sqlite::open(&path).await.unwrap();
    let beside = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::migrate!("../../migrations/sqlite").undo(&beside, 0).await.unwrap();
    beside.close().await;
    let camera = Camera { id: CameraId::of_footage("x"), name: "gate".into(), start_known: false };
    let gone = store.register_camera(&camera).await.unwrap_err();
    assert!(!gone.is_environment(), "waiting does not bring a table back: {gone}");
    store.close().await;
    Sqlite::open(&path).await.unwrap().register_camera(&camera).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.db");
    std::fs::write(&path, "these are not the rows you are looking for, and long enough to be read").unwrap();
    let error = Sqlite::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("notes.db"), "{error}");
    assert!(matches!(error, StoreError::Database { .. }));
}
