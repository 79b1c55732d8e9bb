//! Whose fault a failure is: the environment's is waited out, anything else is not.

use std::{any::Any, time::Duration};

use camcount_blob::BlobError;
use camcount_domain::Failure;
use camcount_store::StoreError;

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

/// What was said in a panic.
pub(crate) fn words_of_panic(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or("without words", |text| text).to_owned(),
    }
}
