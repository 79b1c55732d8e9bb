//! Artifacts outside the store: where bytes lie, what they are called, how detections become Parquet, and
//! how counts become files for analysts.
//!
//! An object never changes. It is named by what it holds, and what is there stays.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod detections;
mod folder;
pub mod keys;
pub mod models;
mod parquet_file;
mod port;
mod s3;
pub mod tables;

pub use folder::Folder;
pub use port::{BlobError, Blobs, Put};
pub use s3::{S3, S3Options, S3Shelf, Shelved};

/// Bytes as people write them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
