//! Upkeep, wired: when its jobs are due, and who does them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use async_trait::async_trait;
use camcount_aggregate::AggregateError;
use camcount_domain::{Failure, RollOver, RollUp};
use camcount_rollover::Rollover;
use camcount_runtime::{Handler, Handlers, Run};
use camcount_scheduler::{CronExpression, ReconcileError, Upkeep};
use camcount_store::{Postgres, Scope, Store, StoreError};
use clap::Args;

use crate::{leader_gauges::LeaderGauges, place::Place, wall_clock, wiring::Wiring};

/// When upkeep is due, and how it is done.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Upkeep")]
pub(crate) struct UpkeepArgs {
    /// When counts are rolled up to minutes, hours, days, weeks and months: a cron expression, in UTC
    #[arg(long, env = "CAMCOUNT_ROLL_UP", default_value = "* * * * *", value_name = "CRON")]
    roll_up: CronExpression,
    /// When months are opened ahead, in UTC
    #[arg(long, env = "CAMCOUNT_ROLL_OVER", default_value = "0 3 * * *", value_name = "CRON")]
    roll_over: CronExpression,
    /// Months to open after this one
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=120))]
    months_ahead: u32,
    /// Detach months that come before this one and so many more. Their counts are then read no more, but nothing is
    /// dropped [default: keep all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_months: Option<u32>,
}

impl UpkeepArgs {
    fn list(&self) -> Vec<Upkeep> {
        let (ahead, keep) = (self.months_ahead, self.keep_months);
        vec![
            Upkeep::of(self.roll_up.clone(), |due| RollUp { due_us: due.0 }),
            Upkeep::of(self.roll_over.clone(), move |due| RollOver { due_us: due.0, ahead, keep }),
        ]
    }
}

/// What is due by the clock, published by whoever leads.
pub(crate) struct Upkeeping {
    list: Vec<Upkeep>,
    /// When the months were looked at.
    looked: Option<Instant>,
}

impl Upkeeping {
    pub(crate) fn new(args: &UpkeepArgs) -> Self {
        Self { list: args.list(), looked: None }
    }

    /// Publishes what is due; returns how many jobs that were.
    ///
    /// # Errors
    /// When the store or the queue fails.
    pub(crate) async fn tick(&self, wiring: &Wiring) -> Result<usize, ReconcileError> {
        let mut published = 0;
        for upkeep in &self.list {
            let place = &wiring.place;
            published += usize::from(upkeep.publish(&*place.store, &*wiring.queue, wall_clock::now()).await?);
        }
        Ok(published)
    }

    /// Another leads.
    pub(crate) fn rest(&mut self) {
        self.looked = None;
    }

    /// Tells how many months are open ahead, for an alert that comes also when none are opened any more.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn look(&mut self, months: &Postgres, leader: &LeaderGauges) -> Result<(), StoreError> {
        /// Months are gained and lost in weeks.
        const LOOK: Duration = Duration::from_secs(60);
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            let headroom = camcount_rollover::headroom(months).await?;
            leader.tell(|| metrics::gauge!("camcount_partitions_headroom_months").set(f64::from(headroom)));
            self.looked = Some(Instant::now());
        }
        Ok(())
    }
}

/// These handlers and those of upkeep.
pub(crate) fn with_upkeep(handlers: Handlers, place: &Place) -> Handlers {
    let handlers = handlers.with(RollUpHandler { store: Arc::clone(&place.store) });
    match place.months.clone() {
        None => handlers,
        Some(months) => handlers.with(RollOverHandler { months }),
    }
}

struct RollUpHandler {
    store: Arc<dyn Store>,
}

#[async_trait]
impl Handler for RollUpHandler {
    type Args = RollUp;

    async fn run(&self, _: RollUp, run: Run) -> Result<(), Failure> {
        tokio::select! {
            done = camcount_aggregate::roll_up(&*self.store, Scope::All) => match done {
                Ok(_) => Ok(()),
                Err(AggregateError::Store(error)) => Err(of_store(error)),
                Err(error) => Err(Failure::discard(error)),
            },
            () = run.cancel.cancelled() => Err(Failure::defer(Duration::ZERO, Stopped)),
        }
    }
}

struct RollOverHandler {
    months: Postgres,
}

#[async_trait]
impl Handler for RollOverHandler {
    type Args = RollOver;

    async fn run(&self, args: RollOver, run: Run) -> Result<(), Failure> {
        let rollover = Rollover { ahead: args.ahead, keep: args.keep };
        tokio::select! {
            done = rollover.run(&self.months) => done.map(drop).map_err(of_store),
            () = run.cancel.cancelled() => Err(Failure::defer(Duration::ZERO, Stopped)),
        }
    }
}

/// The run was cancelled before it had a result. It goes on from what is stored.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// What the store's trouble means for upkeep.
fn of_store(error: StoreError) -> Failure {
    /// As long as other jobs wait for what is away.
    const WAIT: Duration = Duration::from_secs(5);
    if error.is_environment() { Failure::defer(WAIT, error) } else { Failure::discard(error) }
}
