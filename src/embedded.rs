//! One process that runs passes to their end, with a queue of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use camcount_decode::Ffmpeg;
use camcount_domain::{Lane, PassId, Priority};
use camcount_queue::{InProcess, InProcessFeed, Queue};
use camcount_runtime::{Detectors, JobEnd, Meter, Ports, Stage, Telling, Workers, WorkersOptions, handlers};
use camcount_scheduler::Reconciler;
use camcount_store::{Lookup, Scope, Store};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{config::Config, interrupt, place::Place, progress::FootageBar};

/// How running ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every pass is finished.
    Finished,
    /// Someone asked to stop; running again goes on from here.
    Interrupted,
}

/// Runs `passes` to their end.
pub(crate) async fn run(
    data: &Place,
    footage: Ffmpeg,
    detectors: Detectors,
    passes: &[PassId],
    config: &Config,
    bar: &mut FootageBar,
) -> Result<Ended> {
    let _heeding = interrupt::heed();
    let started = Instant::now();
    let slots = config.workers.get();
    let queue: Arc<dyn Queue> = Arc::new(InProcess::default());
    let ports = Ports {
        store: Arc::clone(&data.store),
        lookup: Arc::clone(&data.store) as Arc<dyn Lookup>,
        blobs: Arc::clone(&data.blobs),
        footage,
        detectors,
        // Nobody watches.
        telling: Telling::over(Arc::new(InProcessFeed::default())),
        meter: Arc::new(Meter::default()),
    };
    let options = WorkersOptions {
        slots: vec![(Lane::Detect, slots), (Lane::Count, slots)],
        // At a terminal, seconds are long.
        longest_backoff: Duration::from_secs(5),
        ..WorkersOptions::default()
    };
    let workers = Workers::start(&queue, handlers(&ports), options);
    let meter = Arc::clone(&ports.meter);
    // Every slot has its next segment waiting, and one slow segment holds up nobody.
    let ahead = u32::try_from(slots.saturating_mul(8)).unwrap_or(u32::MAX);
    let reconciler = Reconciler::new(Arc::clone(&data.store), queue, ahead);
    let mut running = Running {
        store: Arc::clone(&data.store),
        reconciler,
        passes,
        meter: ports.meter,
        put_off_since: None,
        shown: None,
    };
    let mut ends = workers.ends();

    let ended = tokio::select! {
        ended = running.until_finished(&mut ends, bar) => ended,
        () = interrupt::asked(1) => Ok(Ended::Interrupted),
    };
    if ended.is_err() {
        workers.cancel_token().cancel();
    }
    interrupt::stop(workers).await;
    tell(&meter, started.elapsed());
    ended
}

/// Tells where the time went: of all workers together, so that two of them spend two seconds a second.
fn tell(meter: &Meter, took: Duration) {
    let ms = |stage| meter.spent(stage).as_millis() as u64;
    tracing::debug!(
        took_ms = took.as_millis() as u64,
        frames = meter.frames(),
        decoding_ms = ms(Stage::Decoding),
        detecting_ms = ms(Stage::Detecting),
        encoding_ms = ms(Stage::Encoding),
        keeping_ms = ms(Stage::Keeping),
        folding_ms = ms(Stage::Folding),
        committing_ms = ms(Stage::Committing),
        "worked"
    );
}

/// For how long jobs may be put off for want of something before a run at a terminal is given up: what is away for a
/// moment is tried again twice.
const PUT_OFF: Duration = Duration::from_secs(10);

/// How often the bar is drawn: adding up a long pass's progress is not free.
const REDRAW: Duration = Duration::from_millis(250);

struct Running<'a> {
    store: Arc<dyn Store>,
    reconciler: Reconciler,
    passes: &'a [PassId],
    meter: Arc<Meter>,
    put_off_since: Option<Instant>,
    shown: Option<Instant>,
}

impl Running<'_> {
    async fn until_finished(&mut self, ends: &mut Receiver<JobEnd>, bar: &mut FootageBar) -> Result<Ended> {
        loop {
            // Whatever ends after this line is heard of below, so nothing that becomes due is missed.
            let due = self.reconciler.tick(Scope::Passes(self.passes), Priority::Live).await?;
            if due.counts + due.detections == 0 {
                if self.finished().await? {
                    return Ok(Ended::Finished);
                }
                // The next segment of an unfinished pass is to be detected or to be folded: by now it is due.
                continue;
            }
            if self.shown.is_none_or(|shown| shown.elapsed() >= REDRAW) {
                self.show(bar).await?;
            }
            match ends.recv().await {
                Ok(end) => self.heed(end)?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => bail!("the workers ended before the work did"),
            }
        }
    }

    /// Whether every pass has counted its last segment.
    async fn finished(&self) -> Result<bool> {
        for pass in self.passes {
            if !self.store.progress(pass).await?.finished {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn show(&mut self, bar: &mut FootageBar) -> Result<()> {
        let mut done_us = 0;
        for pass in self.passes {
            done_us += self.store.progress(pass).await?.detected_us;
        }
        bar.show(done_us, self.meter.frames());
        self.shown = Some(Instant::now());
        Ok(())
    }

    fn heed(&mut self, end: JobEnd) -> Result<()> {
        match end {
            JobEnd::Done { .. } => self.put_off_since = None,
            JobEnd::Failed { .. } | JobEnd::Released { .. } => {}
            JobEnd::Deferred { reason, .. } => {
                if self.put_off_since.get_or_insert_with(Instant::now).elapsed() >= PUT_OFF {
                    bail!("{reason} (what is done is kept; run again to go on)");
                }
            }
            JobEnd::GivenUp { reason, .. } => bail!(reason),
        }
        Ok(())
    }
}
