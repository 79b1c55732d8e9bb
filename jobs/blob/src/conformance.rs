//! What every place for objects must do, as tests. An adapter's test file names a [`Harness`] and calls
//! [`blob_conformance!`](crate::blob_conformance).
// These are tests, also where they are built as a feature for another crate's tests.
#![allow(clippy::unwrap_used)]

use std::{
    io::{self, Read},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{BlobError, Blobs, Put};

/// How the suite gets its places.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// What must live for as long as the place is used.
    type Guard: Send + Sync;

    /// A new, empty place; `None`, having said why, where there can be none.
    async fn blobs(&self) -> Option<(Arc<dyn Blobs>, Self::Guard)>;
}

/// Defines one test per rule, over a harness and with the attributes that make a function a test.
///
/// ```ignore
/// blob_conformance! { MyHarness::start(), #[tokio::test] }
/// ```
#[macro_export]
macro_rules! blob_conformance {
    (@each [$harness:expr] [$($attr:tt)+]) => {};
    (@each [$harness:expr] [$($attr:tt)+] $rule:ident $($rest:ident)*) => {
        $($attr)+
        async fn $rule() {
            $crate::conformance::$rule(&$harness).await;
        }
        $crate::blob_conformance! { @each [$harness] [$($attr)+] $($rest)* }
    };
    ($harness:expr, $($attr:tt)+) => {
        $crate::blob_conformance! { @each [$harness] [$($attr)+]
            what_is_put_comes_back
            a_stream_is_stored_whole_or_not_at_all
            the_first_put_wins
            what_is_missing_is_said_to_be
            deleting_is_final_and_may_be_repeated
            keys_are_listed_by_pages
            bad_keys_are_refused
            of_many_writers_one_stays
            readers_see_whole_objects
        }
    };
}

fn some(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

/// Objects of any size come back as they were.
pub async fn what_is_put_comes_back(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    let large: Vec<u8> = (0..9_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    for (key, bytes) in [("a/empty", Bytes::new()), ("a/b/small@1.x", some("x")), ("large", large.into())] {
        assert_eq!(blobs.size(key).await.unwrap(), None);
        assert_eq!(blobs.put(key, bytes.clone()).await.unwrap(), Put::Written);
        assert_eq!(blobs.size(key).await.unwrap(), Some(bytes.len() as u64));
        assert!(blobs.get(key).await.unwrap() == bytes);
        // A URL may write the rest in another way.
        let plain = key.split('@').next().unwrap();
        assert!(blobs.source(key).await.unwrap().contains(plain));
    }
}

/// What is read while it is stored comes back too, and nothing is left of what could not be read to its end.
pub async fn a_stream_is_stored_whole_or_not_at_all(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    let half = || io::repeat(7).take(9_000_000);
    let broken = half().chain(Torn);
    let error = blobs.put_stream("a/b", Box::new(broken)).await.unwrap_err();
    assert!(matches!(&error, BlobError::Unread { source, .. } if source.to_string() == "torn"), "{error}");
    assert!(blobs.list("", None, 9).await.unwrap().is_empty());
    assert_eq!(blobs.put_stream("a/b", Box::new(half())).await.unwrap(), Put::Written);
    assert!(blobs.get("a/b").await.unwrap() == vec![7; 9_000_000]);
    assert_eq!(blobs.put_stream("a/b", Box::new(&b"other"[..])).await.unwrap(), Put::Kept);
    assert_eq!(blobs.put_stream("a/c", Box::new(&b""[..])).await.unwrap(), Put::Written);
    assert_eq!(blobs.size("a/c").await.unwrap(), Some(0));
}

/// Cannot be read.
pub(crate) struct Torn;

impl Read for Torn {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("torn"))
    }
}

/// An object never changes.
pub async fn the_first_put_wins(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    assert_eq!(blobs.put("a/b", some("first")).await.unwrap(), Put::Written);
    assert_eq!(blobs.put("a/b", some("second")).await.unwrap(), Put::Kept);
    assert_eq!(blobs.get("a/b").await.unwrap(), some("first"));
}

/// Reading what is not there is an error of its own kind; asking is none.
pub async fn what_is_missing_is_said_to_be(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    blobs.put("a/b", some("x")).await.unwrap();
    for key in ["nothing", "a", "a/nothing", "a/b/c"] {
        assert!(matches!(blobs.get(key).await, Err(BlobError::Missing { .. })), "{key}");
        assert!(matches!(blobs.source(key).await, Err(BlobError::Missing { .. })), "{key}");
        assert_eq!(blobs.size(key).await.unwrap(), None, "{key}");
    }
    assert!(blobs.get("nothing").await.unwrap_err().to_string().contains("nothing"));
}

/// What is deleted is gone, and its key is free.
pub async fn deleting_is_final_and_may_be_repeated(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    blobs.put("a/b", some("old")).await.unwrap();
    blobs.put("a/c", some("other")).await.unwrap();
    for _ in 0..2 {
        blobs.delete("a/b").await.unwrap();
        assert_eq!(blobs.size("a/b").await.unwrap(), None);
    }
    assert_eq!(blobs.list("", None, 9).await.unwrap(), ["a/c"]);
    assert_eq!(blobs.put("a/b", some("new")).await.unwrap(), Put::Written);
    assert_eq!(blobs.get("a/b").await.unwrap(), some("new"));
}

/// Listings are complete, those of one folder in the order of the keys' bytes, and may be read in pages of any size.
pub async fn keys_are_listed_by_pages(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    assert!(blobs.list("", None, 9).await.unwrap().is_empty());
    let mut keys = ["a-b", "a.b", "a/b", "a/b.c", "a/b-c/d", "a/b0", "a0", "b/c/d/e", "b/c/d0"];
    for key in keys {
        blobs.put(key, some("x")).await.unwrap();
    }
    keys.sort_unstable();
    let folder = |key: &str| key.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    for prefix in ["", "a", "a/", "a/b", "a/b.", "b/c/d", "nothing", "a/b/"] {
        let wanted: Vec<_> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        let whole = blobs.list(prefix, None, 99).await.unwrap();
        for (n, key) in whole.iter().enumerate() {
            let before = whole[..n].iter().filter(|before| folder(before) == folder(key)).max();
            assert!(before < Some(key), "prefix {prefix:?}: {whole:?}");
        }
        for limit in 1..=keys.len() + 1 {
            let mut listed: Vec<String> = Vec::new();
            loop {
                let page = blobs.list(prefix, listed.last().map(String::as_str), limit).await.unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                listed.extend(page);
            }
            assert_eq!(listed, whole, "prefix {prefix:?}, pages of {limit}");
        }
        let mut sorted = whole;
        sorted.sort_unstable();
        assert_eq!(sorted, wanted, "prefix {prefix:?}");
    }
}

/// No key leads out of the place.
pub async fn bad_keys_are_refused(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    for key in ["", "/a", "../a", "a/../../b", "a//b", ".incoming/a", "a b"] {
        let refused = |error| matches!(error, BlobError::BadKey { .. });
        assert!(blobs.put(key, some("x")).await.is_err_and(refused), "{key:?}");
        assert!(blobs.get(key).await.is_err_and(refused), "{key:?}");
        assert!(blobs.size(key).await.is_err_and(refused), "{key:?}");
        assert!(blobs.delete(key).await.is_err_and(refused), "{key:?}");
        assert!(blobs.source(key).await.is_err_and(refused), "{key:?}");
    }
}

/// Of many that write the same key at once, one's object is there afterwards, whole, and stays.
pub async fn of_many_writers_one_stays(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    let mut writers = JoinSet::new();
    for n in 0..16_u8 {
        let blobs = Arc::clone(&blobs);
        writers.spawn(async move { (n, blobs.put("a/b/c", Bytes::from(vec![n; 50_000])).await.unwrap()) });
    }
    let puts = writers.join_all().await;
    let stored = blobs.get("a/b/c").await.unwrap();
    let one = |put: &(u8, Put)| put.1 == Put::Written && stored == vec![put.0; 50_000];
    assert!(puts.iter().any(one), "{puts:?}");
    assert_eq!(blobs.put("a/b/c", some("late")).await.unwrap(), Put::Kept);
    assert!(blobs.get("a/b/c").await.unwrap() == stored);
    assert_eq!(blobs.list("", None, 99).await.unwrap(), ["a/b/c"]);
}

/// Whoever reads while another writes gets the whole object or none.
pub async fn readers_see_whole_objects(harness: &impl Harness) {
    let Some((blobs, _guard)) = harness.blobs().await else { return };
    let bytes = Bytes::from(vec![7; 4_000_000]);
    for key in ["a", "b", "c"] {
        let writer = tokio::spawn({
            let (blobs, bytes) = (Arc::clone(&blobs), bytes.clone());
            async move { blobs.put(key, bytes).await.unwrap() }
        });
        loop {
            match blobs.get(key).await {
                Ok(read) => {
                    assert!(read == bytes, "{} bytes of {}", read.len(), bytes.len());
                    break;
                }
                Err(error) => assert!(matches!(error, BlobError::Missing { .. }), "{error}"),
            }
        }
        assert_eq!(writer.await.unwrap(), Put::Written);
    }
}
