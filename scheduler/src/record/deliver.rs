//! From the spool to blob storage and the store: in order, as often as it takes, and exactly once.
//!
//! The bytes go first, under a name that follows from them; then the row, which the store takes once by its source.
//! Whatever happens in between, doing it again changes nothing.

use std::{fs::File, io, time::Duration};

use camcount_blob::{BlobError, keys};
use camcount_domain::CameraId;
use camcount_queue::backoff;
use camcount_store::{Added, CameraEvent, EventKind, StoreError};
use tokio_util::sync::CancellationToken;

use super::{
    Ports,
    spool::{SpoolError, Spooled},
};

/// After so many failures in a row waits grow no longer: half a minute, about.
const PATIENCE: u32 = 6;

/// Why an entry was not brought away, and may be later.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("blob storage did not take it")]
    Blobs(#[from] BlobError),
    #[error("the store did not take it")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Brings away what waits of `camera`, until `stop` and then until nothing waits or something fails.
pub async fn deliver(ports: Ports, camera: CameraId, stop: CancellationToken) {
    let mut changes = ports.spool.changes();
    let mut failures = 0;
    loop {
        changes.mark_unchanged();
        let Some(spooled) = ports.spool.first(camera) else {
            tokio::select! {
                // The spool outlives this.
                _ = changes.changed() => continue,
                () = stop.cancelled() => return,
            }
        };
        let delivered = match bring(&ports, camera, &spooled).await {
            Ok(()) => ports.spool.remove(camera, &spooled).map_err(NotYet::from),
            Err(error) => Err(error),
        };
        let Err(error) = delivered else {
            if failures > 0 {
                tracing::info!(%camera, "what was recorded is brought away again");
            }
            failures = 0;
            continue;
        };
        failures += 1;
        if failures == 1 {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%camera, error, "what was recorded waits in the spool");
        }
        metrics::counter!("camcount_recorder_delivery_failures_total").increment(1);
        if stop.is_cancelled() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait(failures, camera)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The wait after so many failures in a row: soon after the first, half a minute at most, and spread.
pub(crate) fn wait(failures: u32, camera: CameraId) -> Duration {
    let key = format!("{camera} {failures}");
    backoff(failures.min(PATIENCE), &key)
}

async fn bring(ports: &Ports, camera: CameraId, spooled: &Spooled) -> Result<(), NotYet> {
    let entry = &spooled.entry;
    let mut events = entry.events.clone();
    if let Some(recording) = &entry.recording {
        let key = recording.source.strip_prefix(keys::SOURCE).unwrap_or(&recording.source);
        let event = |kind, detail| CameraEvent { kind, span: recording.span, detector: None, detail };
        match put(ports, key, spooled).await {
            Ok(()) => match ports.store.add_recording(recording, i64::MAX).await {
                Ok(Added::New { first, .. }) => {
                    tracing::debug!(%camera, seq = first.0, "footage appended");
                    metrics::counter!("camcount_recorder_pieces_total").increment(1);
                }
                Ok(Added::AlreadyThere { .. }) => {}
                Err(error @ StoreError::Overlap { .. }) => {
                    tracing::warn!(%camera, %error, "recorded footage came too late; it is dropped");
                    // No row will ever name it.
                    ports.blobs.delete(key).await?;
                    events.push(event(EventKind::Refused, error.to_string()));
                }
                Err(error @ StoreError::NoCamera(_)) => {
                    tracing::warn!(%camera, %error, "footage of a camera that was removed is dropped");
                    ports.blobs.delete(key).await?;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            },
            Err(NotYet::Blobs(BlobError::Unread { source, .. })) => {
                tracing::error!(%camera, error = %source, "recorded footage was lost in the spool");
                events.push(event(EventKind::Lost, format!("it cannot be read in the spool: {source}")));
            }
            Err(error) => return Err(error),
        }
    }
    for event in &events {
        match ports.store.note_event(camera, event).await {
            Err(StoreError::NoCamera(_)) => return Ok(()),
            noted => noted?,
        }
    }
    Ok(())
}

async fn put(ports: &Ports, key: &str, spooled: &Spooled) -> Result<(), NotYet> {
    let file = File::open(&spooled.video).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BlobError::Unread { key: key.to_owned(), source }.into(),
        // Too many open files, or a disk that is away: it may be there the next time.
        _ => NotYet::Spool(SpoolError::Disk { place: spooled.video.clone(), action: "read", source }),
    })?;
    Ok(ports.blobs.put_stream(key, Box::new(file)).await.map(drop)?)
}
