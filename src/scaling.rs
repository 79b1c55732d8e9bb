//! How many workers lanes are to have: told to autoscalers, and logged when it changes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use camcount_domain::Lane;
use camcount_scheduler::{Load, allowed, desired_workers};
use camcount_store::Scaled;
use clap::Args;

use crate::{leader_gauges::LeaderGauges, wiring::Wiring};

/// What workers are like.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Autoscaling")]
pub(crate) struct ScalingArgs {
    /// How many jobs a worker does at a time, for the metric of how many workers each lane is to have
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots_per_worker: u32,
    /// How many workers a lane is to have at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    most_workers: u32,
}

/// What lanes are to have.
pub(crate) struct Scaling {
    args: ScalingArgs,
    /// By lane, what was logged last; `None` until that is known.
    logged: Option<BTreeMap<String, u32>>,
    looked: Option<Instant>,
}

impl Scaling {
    pub(crate) fn new(args: ScalingArgs) -> Self {
        Self { args, logged: None, looked: None }
    }

    /// Another leads, and logs.
    pub(crate) fn rest(&mut self) {
        (self.logged, self.looked) = (None, None);
    }

    /// Looks at the lanes every few seconds, which is as often as autoscalers do.
    ///
    /// # Errors
    /// When the store or the queue fails.
    pub(crate) async fn tick(&mut self, wiring: &Wiring, leader: &LeaderGauges) -> Result<()> {
        const LOOK: Duration = Duration::from_secs(5);
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let store = &wiring.place.store;
        let logged = match &mut self.logged {
            Some(logged) => logged,
            // Whoever led before has logged.
            none => {
                let last = store.last_scaling().await?;
                none.insert(last.into_iter().map(|scaled| (scaled.lane, scaled.workers)).collect())
            }
        };
        for lane in Lane::ALL {
            let depth = wiring.queue.depth(lane).await?;
            let behind = depth.oldest.unwrap_or_default();
            let load = Load { waiting: depth.waiting, running: depth.running, behind };
            let ScalingArgs { slots_per_worker, most_workers } = self.args;
            let workers = desired_workers(load, allowed(lane), slots_per_worker, most_workers);
            leader.tell(|| tell(lane, workers));
            if logged.get(lane.as_str()).copied().unwrap_or_default() == workers {
                continue;
            }
            let scaled = Scaled {
                lane: lane.as_str().to_owned(),
                workers,
                waiting: load.waiting as u64,
                running: load.running as u64,
                behind_ms: u64::try_from(behind.as_millis()).unwrap_or(u64::MAX),
            };
            store.log_scaling(&scaled).await?;
            tracing::info!(lane = lane.as_str(), workers, ?load, "another number of workers is desired");
            logged.insert(scaled.lane, workers);
        }
        Ok(())
    }
}

fn tell(lane: Lane, workers: u32) {
    metrics::gauge!("camcount_lane_desired_workers", "lane" => lane.as_str()).set(f64::from(workers));
}
