//! Ctrl-C, and what a service manager sends. A signal is for the whole process, and so is this module's state.
//!
//! Where somebody heeds interrupts, the first one is left to him and the second is there to hurry; anywhere else
//! the process ends at once, as it would without this module.

use std::sync::{
    LazyLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use camcount_runtime::Workers;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Interrupted, as shells say it: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

static ASKED: LazyLock<watch::Sender<u32>> = LazyLock::new(|| watch::Sender::new(0));
static HEEDED: AtomicUsize = AtomicUsize::new(0);
/// Whether stopping takes no time and leaves nothing undone.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Starts to listen.
pub(crate) fn listen() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("interrupts cannot be listened for")?;
    let mut terminate = signal(SignalKind::terminate()).context("interrupts cannot be listened for")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if HEEDED.load(Ordering::SeqCst) == 0 {
                std::process::exit(i32::from(INTERRUPTED));
            }
            if *ASKED.borrow() == 0 && !QUIET.load(Ordering::SeqCst) {
                eprintln!("stopping; what is done is kept (again to stop at once)");
            }
            ASKED.send_modify(|times| *times += 1);
        }
    });
    Ok(())
}

/// For as long as it lives, interrupts are heeded by its owner.
pub(crate) struct Heeding;

/// Says that the caller watches for interrupts.
pub(crate) fn heed() -> Heeding {
    HEEDED.fetch_add(1, Ordering::SeqCst);
    Heeding
}

/// As [`heed`], for whoever only shows something: there is nothing to say about stopping that.
pub(crate) fn heed_quietly() -> Heeding {
    QUIET.store(true, Ordering::SeqCst);
    heed()
}

impl Drop for Heeding {
    fn drop(&mut self) {
        HEEDED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the process has been asked to stop `times` times.
pub(crate) async fn asked(times: u32) {
    // The sender is never dropped.
    let _ = ASKED.subscribe().wait_for(|asked| *asked >= times).await;
}

/// Whether the process has been asked to stop.
pub(crate) fn is_asked() -> bool {
    *ASKED.borrow() > 0
}

/// Stops workers in two stages; asked once more, at once.
pub(crate) async fn stop(workers: Workers) {
    let cancel = workers.cancel_token();
    let stopping = workers.stop();
    tokio::pin!(stopping);
    tokio::select! {
        () = &mut stopping => {}
        () = asked(2) => {
            cancel.cancel();
            stopping.await;
        }
    }
}
