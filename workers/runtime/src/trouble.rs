//! Whose fault a failure is: the environment's is waited out, anything else is not.
//!
//! Errors say what they know. Where they cannot know (FFmpeg stalls, inference fails, reading breaks off), what is
//! around the segment is tried without it: footage is blamed only when everything else was seen in order after it
//! failed.

use std::{any::Any, slice, sync::Arc, time::Duration};

use camcount_blob::BlobError;
use camcount_decode::DecodeError;
use camcount_detect::{Backdrop, DetectError};
use camcount_domain::{Failure, Frame, MediaTime};
use camcount_store::StoreError;

use crate::{
    look::{Looking, Miss},
    opened::{self, Unread},
};

/// How long to wait for what is away, full or missing.
pub(crate) const WAIT: Duration = Duration::from_secs(5);

/// What the store's trouble means for a job.
pub(crate) fn of_store(error: StoreError) -> Failure {
    if error.is_environment() { Failure::defer(WAIT, error) } else { Failure::discard(error) }
}

/// What blob storage's trouble means for a job.
pub(crate) fn of_blobs(error: BlobError) -> Failure {
    match error {
        BlobError::Storage { .. } => Failure::defer(WAIT, error),
        _ => Failure::retry(error),
    }
}

/// What around a segment is out of order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Sick {
    #[error(transparent)]
    Footage(Unread),
    #[error("FFmpeg fails on a sound picture too; camcount doctor may tell why")]
    Ffmpeg(#[source] DecodeError),
    #[error(
        "the detector fails on a made-up picture too; check the model, its device and the device's driver"
    )]
    Detector(#[source] DetectError),
    #[error("the detector panics over a made-up picture too: {0}")]
    Panic(String),
}

/// Whose fault it is that `looking` missed: gives the miss back when it is the segment's own.
///
/// # Errors
/// A failure to defer, when it is that of something else.
pub(crate) async fn of_segment(miss: Miss, looking: Arc<Looking>) -> Result<Miss, Failure> {
    if miss.is_environment() {
        return Err(Failure::defer(WAIT, miss));
    }
    let tried = tokio::task::spawn_blocking(move || try_around(&looking)).await;
    let tried = tried.unwrap_or_else(|ended| {
        Err(Sick::Panic(ended.try_into_panic().map_or_else(|_| "stopped".to_owned(), words_of_panic)))
    });
    match tried {
        Ok(()) => Ok(miss),
        Err(sick) => {
            tracing::warn!(miss = &miss as &dyn std::error::Error, "the segment is not to blame");
            Err(Failure::defer(WAIT, sick))
        }
    }
}

/// Tries all that looking at a segment takes, but for the segment.
pub(crate) fn try_around(Looking { ports, recording, detect, runtime, .. }: &Looking) -> Result<(), Sick> {
    match opened::reads(runtime, &*ports.blobs, &ports.footage, recording) {
        // A lost object is nobody's fault but its own: blob storage is there, and said so.
        Ok(()) | Err(Unread::Blobs(BlobError::Missing { .. })) => {}
        Err(sick) => return Err(Sick::Footage(sick)),
    }
    ports.footage.decodes().map_err(Sick::Ffmpeg)?;
    let picture = detect.picture(recording.frame_size);
    // Every level there is: models that overflow do so on bright pictures.
    let data = (0..picture.bytes()).map(|byte| byte as u8).collect();
    let frame = Frame { time: MediaTime::default(), data };
    let backdrop = detect.backdrop().and_then(|_| Backdrop::median(slice::from_ref(&frame)));
    // As of a camera of just that size, so that none of it lies where others have bars.
    let ticket = detect.submit(frame, picture.size, backdrop.map(Arc::new));
    ticket.wait().map(drop).map_err(Sick::Detector)
}

/// What was said in a panic.
pub(crate) fn words_of_panic(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or("without words", |text| text).to_owned(),
    }
}
