//! The two wirings: one process with a queue of its own, or many machines around a database, a broker and a bucket.
//! Everything else is told ports, and never which of the two it is.

use std::{sync::Arc, time::Duration};

use anyhow::{Error, Result};
use camcount_queue::{BrokerOptions, InProcess, Queue, connect};

use crate::{cli::Misuse, config::Config, interrupt, place::Place};

/// What all roles work with.
pub(crate) struct Wiring {
    /// What is known, and where bytes lie.
    pub place: Place,
    /// Jobs on their way.
    pub queue: Arc<dyn Queue>,
}

impl Wiring {
    /// One process with a data folder of its own.
    pub(crate) async fn embedded(config: &Config) -> Result<Self> {
        let place = Place::folder(&config.data_dir).await?;
        Ok(Self { place, queue: Arc::new(InProcess::default()) })
    }

    /// What many machines share.
    pub(crate) async fn shared(config: &Config) -> Result<Self> {
        let place = Place::shared(config).await?;
        let queue = connect(config.broker_url()?, BrokerOptions::default()).await?;
        Ok(Self { place, queue })
    }

    /// As [`shared`](Self::shared), again and again until it is there: whatever is away, not set up yet or set up
    /// wrongly is somebody's to mend, and restarting at once does not mend it. `None` when the process was asked to stop.
    ///
    /// # Errors
    /// Where it is the command line or a setting that must be written differently.
    pub(crate) async fn shared_when_there(config: &Config) -> Result<Option<Self>> {
        const LONGEST: Duration = Duration::from_secs(30);
        let _heeding = interrupt::heed();
        let mut wait = Duration::from_secs(1);
        loop {
            let connected = tokio::select! {
                connected = Self::shared(config) => connected,
                () = interrupt::asked(1) => return Ok(None),
            };
            match connected {
                Ok(wiring) => return Ok(Some(wiring)),
                Err(error) if Misuse::is_behind(&error) => return Err(error),
                Err(error) => tell(&error, wait),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST),
                () = interrupt::asked(1) => return Ok(None),
            }
        }
    }
}

/// At whatever level logs are: a process that only waits must say for what.
fn tell(error: &Error, wait: Duration) {
    eprintln!("error: {error:#} (trying again in {} s)", wait.as_secs());
}
