//! Failures that state the decision: what a job's handler knows better than its queue.

use std::{error::Error, fmt, time::Duration};

/// What is to become of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Perhaps the job's own fault: again after a back-off, until its attempts are used up.
    Retry,
    /// It can never succeed: give up at once.
    Discard,
    /// Not the job's fault (a tool missing, a disk full): again after this time, without using an attempt.
    Defer(Duration),
}

/// Why a job failed and what is to become of it.
#[derive(Debug)]
pub struct Failure {
    /// What to do.
    pub decision: Decision,
    /// What happened.
    pub cause: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// Again later, until the attempts are used up.
    pub fn retry(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { decision: Decision::Retry, cause: cause.into() }
    }

    /// Never again.
    pub fn discard(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { decision: Decision::Discard, cause: cause.into() }
    }

    /// Again after `wait`, without using an attempt.
    pub fn defer(wait: Duration, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { decision: Decision::Defer(wait), cause: cause.into() }
    }

    /// The cause and the causes behind it, on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.cause.to_string();
        let mut source = self.cause.source();
        while let Some(cause) = source {
            let said = cause.to_string();
            // Some errors of libraries repeat what is behind them.
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}
