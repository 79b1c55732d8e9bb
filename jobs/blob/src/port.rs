//! The port: what camcount asks of a place for bytes, and what every such place must answer alike.

use std::{
    error::Error,
    io::{self, Read},
};

use async_trait::async_trait;
use bytes::Bytes;

/// A place for objects. Keys are checked by [`keys::check`](crate::keys::check); no key may be the folder of
/// another.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Stores `bytes` as `key`, unless an object of that key is there already, which stays. When this returns, the
    /// object survives a crash; a crash before leaves the whole object or none.
    ///
    /// Of puts of one key that race, one's object is there when all have returned, and whole; places that cannot
    /// create "if missing" may say [`Put::Written`] to several of them. Nobody may depend on who was first: keys
    /// follow from what they hold, or a row in the store says which object counts.
    ///
    /// # Errors
    /// [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn put(&self, key: &str, bytes: Bytes) -> Result<Put, BlobError>;

    /// As [`put`](Self::put), of bytes that are read as they are stored, so that memory does not grow with them.
    /// `bytes` may block. Whatever was read before it fails is not stored.
    ///
    /// # Errors
    /// [`BlobError::Unread`], [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn put_stream(&self, key: &str, bytes: Box<dyn Read + Send>) -> Result<Put, BlobError>;

    /// The object's bytes.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn get(&self, key: &str) -> Result<Bytes, BlobError>;

    /// The object's size in bytes, `None` when there is no such object.
    ///
    /// # Errors
    /// [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn size(&self, key: &str) -> Result<Option<u64>, BlobError>;

    /// Makes sure that there is no such object.
    ///
    /// # Errors
    /// [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn delete(&self, key: &str) -> Result<(), BlobError>;

    /// The first `limit` keys that begin with `prefix` and come after `after`, a key listed before. Those of one
    /// folder come in the order of their bytes; how folders lie among each other differs between places (SeaweedFS
    /// compares part by part) but not from page to page. Any text may be a prefix, not only whole folders.
    ///
    /// # Errors
    /// [`BlobError::Storage`].
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, BlobError>;

    /// What FFmpeg opens to read the object: a path, or a URL that is good for a while.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::BadKey`] and [`BlobError::Storage`].
    async fn source(&self, key: &str) -> Result<String, BlobError>;
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is there now.
    Written,
    /// One was there before, and stays.
    Kept,
}

/// What went wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No object can be called so.
    #[error("{key:?} cannot name an object: {reason}")]
    BadKey {
        /// The key.
        key: String,
        /// What about it is wrong.
        reason: &'static str,
    },
    /// There is no such object.
    #[error("there is no object {key} at {place}; it was deleted, or this is not where it was written")]
    Missing {
        /// The key.
        key: String,
        /// The path or URL that was looked at.
        place: String,
    },
    /// What was to be stored could not be read.
    #[error("what was to be stored as {key} could not be read to its end")]
    Unread {
        /// The key.
        key: String,
        /// Why.
        source: io::Error,
    },
    /// The object is not what its name says.
    #[error("the object {key} is damaged: its bytes do not have the checksum that it is named by")]
    Damaged {
        /// The key.
        key: String,
    },
    /// The place itself failed: not the fault of the job that came across it.
    #[error("could not {action} {what} at {place}: {remedy}")]
    Storage {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object's key, or what else it was.
        what: String,
        /// The path or URL.
        place: String,
        /// What people can do about it.
        remedy: &'static str,
        /// What the place said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What people can do about a failure of a file system.
pub(crate) fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull => "the disk is full; free some space",
        Kind::QuotaExceeded => "the quota is used up; free some space or raise it",
        Kind::ReadOnlyFilesystem => "it is mounted read-only; mount it writable or choose another folder",
        Kind::PermissionDenied => "grant this user access or choose another folder",
        Kind::NotFound => "it is gone; check that nobody else cleans up or unmounts this folder",
        Kind::NotADirectory | Kind::IsADirectory | Kind::AlreadyExists => {
            "a file and a folder of the same name are in each other's way; move one of them"
        }
        Kind::CrossesDevices => "parts of this folder lie on different disks; keep it on one",
        _ => "check the disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_object_place_and_remedy() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = BlobError::Storage {
            action: "write",
            what: "detections/a.parquet".to_owned(),
            place: "/data/detections/a.parquet".to_owned(),
            remedy: remedy(&full),
            source: full.into(),
        };
        assert_eq!(
            error.to_string(),
            "could not write detections/a.parquet at /data/detections/a.parquet: the disk is full; free some space"
        );
        assert!(error.source().is_some());
    }
}
