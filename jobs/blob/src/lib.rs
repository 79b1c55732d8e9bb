//! Artifacts outside the store: where bytes lie, what they are called, how detections become Parquet, and
//! how counts become files for analysts.
//!
//! An object never changes. It is named by what it holds, and the first one of a name wins.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod detections;
mod folder;
pub mod keys;
pub mod models;
mod parquet_file;
mod port;
pub mod tables;

pub use folder::Folder;
pub use port::{BlobError, Blobs, Put};

/// Bytes as people write them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
