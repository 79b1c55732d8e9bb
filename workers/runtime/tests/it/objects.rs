//! Recordings whose bytes are objects in blob storage.

use std::{fs::File, io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use camcount_blob::{BlobError, Blobs, Put, keys};
use camcount_store::Store;

use crate::{
    bench::{Bench, SECOND_US, seconds},
    clips,
    detecting::{is_deferred, is_retried},
};

/// Blobs that are away.
struct Away;

fn away<T>(key: &str) -> Result<T, BlobError> {
    Err(BlobError::Storage {
        action: "read",
        what: key.to_owned(),
        place: "http://bucket".to_owned(),
        remedy: "is it up?",
        source: io::Error::from(io::ErrorKind::ConnectionRefused).into(),
    })
}

#[async_trait]
impl Blobs for Away {
    async fn put(&self, key: &str, _: Bytes) -> Result<Put, BlobError> {
        away(key)
    }

    async fn put_stream(&self, key: &str, _: Box<dyn io::Read + Send>) -> Result<Put, BlobError> {
        away(key)
    }

    async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        away(key)
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        away(key)
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        away(key)
    }

    async fn list(&self, prefix: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, BlobError> {
        away(prefix)
    }

    async fn source(&self, key: &str) -> Result<String, BlobError> {
        away(key)
    }
}

/// A bench whose footage is an object, its key, and one whose footage is a file.
async fn benches() -> (Bench, String, Bench) {
    let file = Bench::new().await;
    let recording = clips::recording(file.camera, clips::walk(), seconds(0));
    let file = Bench::with(std::slice::from_ref(&recording), 3 * SECOND_US).await;
    let key = keys::recording(file.camera, seconds(0), "0123456789abcdef", "mp4");
    let mut object = Bench::new().await;
    object.blobs.put_stream(&key, Box::new(File::open(clips::walk()).unwrap())).await.unwrap();
    let source = format!("{}{key}", keys::SOURCE);
    let recording = camcount_domain::Recording { source, ..recording };
    object.store.add_recording(&recording, 3 * SECOND_US).await.unwrap();
    object.open_pass(camcount_domain::MediaSpan::ALL).await;
    (object, key, file)
}

#[tokio::test]
async fn objects_are_looked_at_like_files() {
    let (object, _, file) = benches().await;
    for seq in 0..file.segments {
        object.detect(seq, 1).await.unwrap();
        file.detect(seq, 1).await.unwrap();
        assert_eq!(object.artifact(seq).await, file.artifact(seq).await);
    }
}

#[tokio::test]
async fn while_blobs_are_away_footage_waits_and_lost_footage_is_a_gap() {
    let (mut object, key, _) = benches().await;
    let there = std::mem::replace(&mut object.blobs, Arc::new(Away));
    for attempt in [1, 3, 9] {
        let result = object.detect(0, attempt).await;
        assert!(is_deferred(&result), "{result:?}");
        let reason = result.unwrap_err().chain();
        assert!(reason.contains("could not read recordings/"), "{reason}");
    }
    object.blobs = there;
    object.detect(0, 1).await.unwrap();

    object.blobs.delete(&key).await.unwrap();
    for attempt in 1..3 {
        let result = object.detect(1, attempt).await;
        assert!(is_retried(&result), "{result:?}");
    }
    object.detect(1, 3).await.unwrap();
    assert!(object.quarantined(1).await.contains("there is no object recordings/"));
    object.artifact(0).await;
}
