//! Jobs as brokers carry them.

use camcount_domain::{Job, Lane};

/// The kind of a message that is no job. Nobody handles it.
const UNREADABLE: &str = "unreadable";

/// The job that a message is. One that is none becomes a job that nobody handles, with the message's text as its
/// arguments and `name` in its key, so that it is recorded and removed like any job that fails for good.
pub(crate) fn job(lane: Lane, name: &str, payload: &[u8]) -> Job {
    serde_json::from_slice(payload).unwrap_or_else(|_| Job {
        kind: UNREADABLE.to_owned(),
        lane,
        key: format!("{UNREADABLE}/{name}"),
        args: String::from_utf8_lossy(payload).into_owned(),
    })
}
