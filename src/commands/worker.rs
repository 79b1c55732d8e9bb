//! `camcount worker`: does the jobs of some lanes.

use std::{
    collections::BTreeMap, num::NonZeroUsize, process::ExitCode, str::FromStr, sync::Arc, time::Duration,
};

use anyhow::Result;
use camcount_decode::Ffmpeg;
use camcount_domain::Lane;
use camcount_queue::Queue;
use camcount_runtime::{Detectors, Meter, Ports, Telling, Workers, WorkersOptions, handlers};
use clap::Args;
use tokio::time::{Instant, sleep_until};

use crate::{
    config::Config,
    interrupt::{self, INTERRUPTED},
    live::Counting,
    models::Loader,
    role::Role,
    upkeep::with_upkeep,
    wiring::{self, Wiring},
};

const EXAMPLES: &str = "\
Examples:
  camcount worker --lanes detect,detect-backfill --device cuda
  camcount worker --lanes count=8,count-backfill=2,upkeep
  camcount worker --lanes detect-backfill --exit-when-idle 30s

Live work and that of the past have lanes, and so slots, of their own: a backlog delays nothing that is live. Any number of \
workers may share a lane; one that is killed loses nothing.";

/// Arguments of `worker`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WorkerArgs {
    /// Which lanes, and how many jobs of each at a time: detect, detect-backfill, count, count-backfill, upkeep
    #[arg(long, required = true, value_delimiter = ',', value_name = "LANE[=N]")]
    lanes: Vec<Slots>,
    /// How many jobs at a time, in lanes that do not say [default: one a core]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
    /// End when there was nothing to do for so long, like 30s: for machines that are paid by the second
    #[arg(long, value_parser = parse_wait, value_name = "TIME")]
    exit_when_idle: Option<Duration>,
    /// How long running jobs may take to end when the worker is to stop; then they are given back
    #[arg(long, default_value = "25s", value_parser = parse_wait, value_name = "TIME")]
    drain: Duration,
}

/// A lane, and how many of its jobs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slots {
    lane: Lane,
    slots: Option<NonZeroUsize>,
}

impl FromStr for Slots {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, slots) = match text.split_once('=') {
            Some((name, slots)) => (name, Some(slots)),
            None => (text, None),
        };
        let lane = Lane::ALL.into_iter().find(|lane| lane.as_str() == name.trim()).ok_or_else(|| {
            let lanes = Lane::ALL.map(Lane::as_str).join(", ");
            format!("{name:?} is no lane; there are {lanes}")
        })?;
        let slots = slots.map(|slots| slots.trim().parse()).transpose();
        let slots = slots.map_err(|_| format!("write a number of jobs from 1 after {name}="))?;
        Ok(Self { lane, slots })
    }
}

/// A time like 30s, 5m or 250ms; bare numbers are seconds.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time like 30s, 5m or 250ms".to_owned()),
    };
    let number = digits.parse::<f64>().ok().filter(|n| (0.0..=1e6).contains(n));
    number
        .map(|number| Duration::from_secs_f64(number * unit))
        .ok_or_else(|| "write a time like 30s, 5m or 250ms".to_owned())
}

/// Runs the command.
pub(crate) async fn run(args: &WorkerArgs, config: &Config) -> Result<ExitCode> {
    let begun = match args.exit_when_idle {
        // Somebody waits for it to end, and starts it again when there is work.
        Some(_) => Some(Role::begin_now("worker", config).await?),
        None => Role::begin("worker", config, Wiring::shared).await?,
    };
    let Some((role, wiring)) = begun else { return Ok(ExitCode::from(INTERRUPTED)) };
    let _heeding = interrupt::heed();
    let slots: BTreeMap<Lane, usize> = args
        .lanes
        .iter()
        .map(|Slots { lane, slots }| (*lane, slots.or(args.concurrency).unwrap_or(config.workers).get()))
        .collect();
    let workers = start(&wiring, config, slots.clone().into_iter().collect(), args.drain).await?;
    let ended = tokio::select! {
        () = idle(&workers, &wiring.queue, &slots, args.exit_when_idle) => ExitCode::SUCCESS,
        () = interrupt::asked(1) => ExitCode::SUCCESS,
    };
    interrupt::stop(workers).await;
    role.leave().await;
    Ok(ended)
}

/// Starts workers over what is wired.
pub(crate) async fn start(
    wiring: &Wiring,
    config: &Config,
    slots: Vec<(Lane, usize)>,
    drain: Duration,
) -> Result<Workers> {
    let footage = Ffmpeg::new(config.ffmpeg.clone());
    if slots.iter().any(|(lane, _)| matches!(lane, Lane::Detect | Lane::DetectBackfill)) {
        tokio::task::block_in_place(|| footage.check())?;
    }
    let mut telling = Telling::over(Arc::clone(&wiring.feed));
    let lookup = wiring::lookup(config, &wiring.place)?;
    if let Some(counters) = wiring::counters(config)? {
        let counting = Counting::new(Arc::clone(&wiring.place.store), Arc::clone(&lookup), counters);
        telling = telling.and("counters", Arc::new(counting));
    }
    let loader = Loader::new(Arc::clone(&wiring.place.blobs), config.clone());
    let ports = Ports {
        store: Arc::clone(&wiring.place.store),
        lookup,
        blobs: Arc::clone(&wiring.place.blobs),
        footage,
        detectors: Detectors::loaded_by(Arc::new(loader)),
        telling,
        meter: Arc::new(Meter::default()),
    };
    let options = WorkersOptions { slots, drain, ..WorkersOptions::default() };
    Ok(Workers::start(&wiring.queue, with_upkeep(handlers(&ports), &wiring.place), options))
}

/// Returns when nothing has run here, and nothing waited in the lanes, for `how_long`.
async fn idle(
    workers: &Workers,
    queue: &Arc<dyn Queue>,
    lanes: &BTreeMap<Lane, usize>,
    how_long: Option<Duration>,
) {
    let Some(how_long) = how_long else { return std::future::pending().await };
    let mut ends = workers.ends();
    let mut until = Instant::now() + how_long;
    loop {
        tokio::select! {
            _ = ends.recv() => until = Instant::now() + how_long,
            () = sleep_until(until) => {
                if workers.running() == 0 && nothing_waits(queue, lanes).await {
                    tracing::info!("nothing to do; ending");
                    return;
                }
                until = Instant::now() + how_long;
            }
        }
    }
}

async fn nothing_waits(queue: &Arc<dyn Queue>, lanes: &BTreeMap<Lane, usize>) -> bool {
    for lane in lanes.keys() {
        // A broker that is away may hold anything.
        if !queue.depth(*lane).await.is_ok_and(|depth| depth.waiting + depth.delayed == 0) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read_with_and_without_slots() {
        let slots = NonZeroUsize::new(3);
        assert_eq!("count-backfill".parse(), Ok(Slots { lane: Lane::CountBackfill, slots: None }));
        assert_eq!("detect=3".parse(), Ok(Slots { lane: Lane::Detect, slots }));
        for bad in ["", "detect=0", "detect=-1", "detect=x", "night"] {
            assert!(bad.parse::<Slots>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_wait("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_wait("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_wait("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "s", "-1s", "1d", "1e99", "ü", "nan"] {
            assert!(parse_wait(bad).is_err(), "{bad:?}");
        }
    }
}
