//! `camcount status`: lanes, processes, cameras, and how far behind they are.

use std::{io::Write, process::ExitCode, time::Duration};

use anyhow::Result;
use camcount_domain::Lane;
use camcount_queue::Depth;
use camcount_store::{Behind, CameraTally, HeldLease};
use clap::Args;
use serde_json::json;

use crate::{
    commands::scheduler::LEADER,
    config::Config,
    report::columns,
    role::{PRESENT_EVERY, PROCESSES},
    wiring::Wiring,
};

/// Arguments of `status`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  camcount status\n  camcount status --json | jq '.cameras[] | select(.segments_behind > 2)'"
)]
pub(crate) struct StatusArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A process that has not said for so long that it is there may be gone.
const GONE_AFTER: Duration = PRESENT_EVERY.saturating_mul(3);

/// Runs the command.
pub(crate) async fn run(args: &StatusArgs, config: &Config) -> Result<ExitCode> {
    let wiring = Wiring::shared(config).await?;
    let store = &*wiring.place.store;
    let mut lanes: Vec<(Lane, Depth)> = Vec::new();
    for lane in Lane::ALL {
        lanes.push((lane, wiring.queue.depth(lane).await?));
    }
    let leases = store.leases("").await?;
    let behind = store.behind().await?;
    let CameraTally { registered, enabled } = store.tally_cameras().await?;
    let processes: Vec<&HeldLease> =
        leases.iter().filter(|lease| lease.name.starts_with(PROCESSES)).collect();
    let leader = leases.iter().find(|lease| lease.name == LEADER);
    let mut out = std::io::stdout().lock();
    if args.json {
        let document = json!({
            "lanes": lanes.iter().map(|(lane, depth)| json!({
                "lane": lane.as_str(), "waiting": depth.waiting, "delayed": depth.delayed,
                "running": depth.running, "oldest_s": depth.oldest.map(|age| age.as_secs_f64()),
            })).collect::<Vec<_>>(),
            "leader": leader.map(|lease| &lease.holder),
            "processes": processes.iter().map(|lease| json!({
                "process": lease.holder, "seen_s_ago": lease.idle.as_secs_f64(), "gone": lease.idle > GONE_AFTER,
            })).collect::<Vec<_>>(),
            "registered": registered,
            "enabled": enabled,
            "cameras": behind.iter().map(|behind| json!({
                "camera": behind.name, "pass": behind.pass, "live": behind.live,
                "segments_behind": behind.segments, "lag_s": behind.lag_us() as f64 / 1e6,
                "recorded_to": behind.recorded.map(|time| time.to_string()),
                "counted_to": behind.counted.map(|time| time.to_string()),
            })).collect::<Vec<_>>(),
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = lanes.iter().map(lane_row).collect();
    columns(&mut out, ["lane", "waiting", "delayed", "running", "oldest"], &rows)?;
    writeln!(out, "\nleader   {}", leader.map_or("none", |lease| lease.holder.as_str()))?;
    for lease in processes {
        let gone = if lease.idle > GONE_AFTER { ", gone?" } else { "" };
        writeln!(out, "process  {} (seen {} s ago{gone})", lease.holder, lease.idle.as_secs())?;
    }
    writeln!(out, "\n{registered} cameras registered, {enabled} enabled")?;
    let rows: Vec<_> = behind.iter().map(camera_row).collect();
    columns(&mut out, ["camera", "kind", "segments behind", "lag", "counted to", "pass"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn lane_row((lane, depth): &(Lane, Depth)) -> [String; 5] {
    let oldest = depth.oldest.map_or_else(|| "-".to_owned(), |age| format!("{:.1} s", age.as_secs_f64()));
    let Depth { waiting, delayed, running, .. } = depth;
    [lane.as_str().to_owned(), waiting.to_string(), delayed.to_string(), running.to_string(), oldest]
}

fn camera_row(behind: &Behind) -> [String; 6] {
    [
        behind.name.clone(),
        if behind.live { "live" } else { "backfill" }.to_owned(),
        behind.segments.to_string(),
        format!("{:.1} s", behind.lag_us() as f64 / 1e6),
        behind.counted.map_or_else(|| "-".to_owned(), |time| time.to_string()),
        behind.pass.to_string(),
    ]
}
