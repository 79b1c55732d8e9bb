//! `camcount scheduler`: finds what is due and publishes it, over and over, or once.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use camcount_domain::{Lane, Priority};
use camcount_queue::Queue;
use camcount_scheduler::{Due, Leaseholder, ReconcileError, Reconciler};
use camcount_store::{Behind, Scope, Store};
use clap::Args;

use crate::{
    commands::worker::parse_wait,
    config::Config,
    interrupt::{self, INTERRUPTED},
    leader_gauges::LeaderGauges,
    role::{PROCESSES, Role},
    scaling::{Scaling, ScalingArgs},
    upkeep::{UpkeepArgs, Upkeeping},
    wiring::Wiring,
};

const EXAMPLES: &str = "\
Examples:
  camcount scheduler
  camcount scheduler --once        # for cron, and for CronJobs of Kubernetes

Any number may run: one leads, and another takes over within seconds when that one is gone. Two that run at once do no harm.";

/// Arguments of `scheduler`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchedulerArgs {
    /// Publish what is due now, and end
    #[arg(long)]
    once: bool,
    /// How often it is looked for what is due
    #[arg(long, default_value = "1s", value_parser = parse_wait, value_name = "TIME")]
    every: Duration,
    /// How many segments detection may run ahead of counting, for each counting of a camera
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    ahead: u32,
    #[command(flatten)]
    upkeep: UpkeepArgs,
    #[command(flatten)]
    scaling: ScalingArgs,
}

/// Another scheduler leads when this one has not been heard of for so long.
const LEASE: Duration = Duration::from_secs(6);

/// Runs the command.
pub(crate) async fn run(args: &SchedulerArgs, config: &Config) -> Result<ExitCode> {
    if args.once {
        let wiring = Wiring::shared(config).await?;
        let reconciler = reconciler(&wiring, args.ahead);
        let due = tick(&reconciler).await?;
        let upkeep = Upkeeping::new(&args.upkeep).tick(&wiring).await?;
        if let Some(months) = &wiring.place.months {
            camcount_rollover::headroom(months).await?;
        }
        let jobs = due.counts + due.detections;
        println!("{jobs} jobs due, {} of them published now; {upkeep} of upkeep published", due.pushed);
        return Ok(ExitCode::SUCCESS);
    }
    let Some((role, wiring)) = Role::begin("scheduler", config, Wiring::shared).await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let _heeding = interrupt::heed();
    tokio::select! {
        () = lead(&wiring, &role, args) => {}
        () = interrupt::asked(1) => {}
    }
    // Whoever comes next need not wait.
    let _ = wiring.place.store.drop_lease(LEADER, &role.name).await;
    role.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// The lease of who leads.
pub(crate) const LEADER: &str = "scheduler/leader";

fn reconciler(wiring: &Wiring, ahead: u32) -> Reconciler {
    Reconciler::new(Arc::clone(&wiring.place.store), Arc::clone(&wiring.queue), ahead)
}

/// Live work first; each in lanes of its own.
async fn tick(reconciler: &Reconciler) -> Result<Due, ReconcileError> {
    let live = reconciler.tick(Scope::Live, Priority::Live).await?;
    let backfill = reconciler.tick(Scope::Backfill, Priority::Backfill).await?;
    Ok(Due {
        counts: live.counts + backfill.counts,
        detections: live.detections + backfill.detections,
        pushed: live.pushed + backfill.pushed,
    })
}

/// Leads whenever nobody else does.
async fn lead(wiring: &Wiring, role: &Role, args: &SchedulerArgs) {
    let (mut upkeep, mut scaling) = (Upkeeping::new(&args.upkeep), Scaling::new(args.scaling));
    let reconciler = reconciler(wiring, args.ahead);
    let mut lease = Leaseholder::new(Arc::clone(&wiring.place.store), "scheduler/", &role.name, LEASE);
    let wanted = BTreeSet::from(["leader".to_owned()]);
    let mut leading = false;
    let mut ticks = tokio::time::interval(args.every.clamp(Duration::from_millis(10), LEASE / 3));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let leads = match lease.tend(&wanted, 1, Instant::now()).await {
            Ok(held) => !held.is_empty(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the lease was not renewed");
                !lease.held(Instant::now()).is_empty()
            }
        };
        if leads != leading {
            tracing::info!(leads, "leadership changed");
            leading = leads;
        }
        let leadership = metrics::gauge!("camcount_scheduler_leads");
        if !leads {
            role.leader.end();
            leadership.set(0.0);
            scaling.rest();
            upkeep.rest();
            continue;
        }
        leadership.set(1.0);
        let started = Instant::now();
        match tick(&reconciler).await {
            Ok(due) => {
                metrics::counter!("camcount_jobs_published_total").increment(due.pushed as u64);
                metrics::histogram!("camcount_tick_seconds").record(started.elapsed().as_secs_f64());
            }
            // The next one makes up for it.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a tick did not get through");
            }
        }
        if let Err(error) = upkeep.tick(wiring).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "upkeep was not published");
        }
        if let Some(months) = &wiring.place.months
            && let Err(error) = upkeep.look(months, &role.leader).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "how many months are open is not known");
        }
        if let Err(error) = scaling.tick(wiring, &role.leader).await {
            tracing::warn!(error = format!("{error:#}"), "how many workers are desired is not known");
        }
        tell_depths(&*wiring.queue, &role.leader).await;
        tell_lags(&*wiring.place.store, &role.leader).await;
    }
}

/// How far live counting is behind, by camera; and forgets processes that have been gone for long.
async fn tell_lags(store: &dyn Store, leader: &LeaderGauges) {
    const FORGET_AFTER: Duration = Duration::from_secs(3600);
    let told = async {
        let behind = store.behind().await?;
        leader.tell(|| {
            for Behind { name, segments, .. } in behind.into_iter().filter(|behind| behind.live) {
                metrics::gauge!("camcount_camera_segments_behind", "camera" => name).set(segments as f64);
            }
        });
        store.forget_leases(PROCESSES, FORGET_AFTER).await
    };
    if let Err(error) = told.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "how far behind cameras are is not known");
    }
}

/// How much waits in each lane, for people and autoscalers.
async fn tell_depths(queue: &dyn Queue, leader: &LeaderGauges) {
    for lane in Lane::ALL {
        // What is away is told of by the next tick.
        let Ok(depth) = queue.depth(lane).await else { return };
        leader.tell(|| {
            let gauge = |state: &'static str, jobs: usize| {
                metrics::gauge!("camcount_lane_jobs", "lane" => lane.as_str(), "state" => state)
                    .set(jobs as f64);
            };
            gauge("waiting", depth.waiting);
            gauge("delayed", depth.delayed);
            gauge("running", depth.running);
            let oldest = depth.oldest.unwrap_or_default().as_secs_f64();
            metrics::gauge!("camcount_lane_oldest_seconds", "lane" => lane.as_str()).set(oldest);
        });
    }
}
