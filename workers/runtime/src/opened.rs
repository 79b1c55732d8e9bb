//! Where the bytes of a recording are: what FFmpeg opens by itself, or an object in blob storage.
//!
//! An object's address is asked for whenever it is opened, since some are good for a while only.

use camcount_blob::{BlobError, Blobs, keys};
use camcount_decode::{DecodeError, Ffmpeg};
use camcount_domain::Recording;

/// The recording with a source that FFmpeg opens now.
///
/// # Errors
/// When its object is lost, or blob storage away.
pub async fn opened(blobs: &dyn Blobs, recording: &Recording) -> Result<Recording, BlobError> {
    let source = match recording.source.strip_prefix(keys::SOURCE) {
        Some(key) => blobs.source(key).await?,
        None => recording.source.clone(),
    };
    Ok(Recording { source, ..recording.clone() })
}

/// Why footage cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("the footage cannot be read any more")]
    Footage(#[from] DecodeError),
    #[error("the footage cannot be had from blob storage")]
    Blobs(#[from] BlobError),
}

/// Whether a recording can be read at both its ends. Blocks; `runtime` is the one to wait for blobs with.
pub(crate) fn reads(
    runtime: &tokio::runtime::Handle,
    blobs: &dyn Blobs,
    footage: &Ffmpeg,
    recording: &Recording,
) -> Result<(), Unread> {
    let recording = runtime.block_on(opened(blobs, recording))?;
    Ok(footage.reads(&recording.source)?)
}
