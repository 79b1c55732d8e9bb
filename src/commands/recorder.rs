//! `camcount recorder`: records cameras.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use camcount_decode::Ffmpeg;
use camcount_domain::StreamSettings;
use camcount_scheduler::record::{self, Ports, RecorderOptions, Spool, Unsealed};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::worker::parse_wait,
    config::Config,
    interrupt::{self, INTERRUPTED},
    role::Role,
    wall_clock,
    wiring::Wiring,
};

const EXAMPLES: &str = "\
Examples:
  camcount recorder --spool /var/spool/camcount
  camcount recorder --spool /var/spool/camcount --cameras 'gate-*' --most 32

Any number may run, each with a spool of its own: they share the cameras, and when one is gone, others take its cameras within \
seconds. What waits in its spool is brought away when a recorder runs with it again.";

/// Arguments of `recorder`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecorderArgs {
    /// Which cameras, by their names; * stands for any letters; repeatable
    #[arg(long, default_value = "*", value_name = "NAME")]
    cameras: Vec<String>,
    /// How many cameras at once
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    most: u16,
    /// A folder on a local disk where footage waits until it is brought away [default: spool in the data folder]
    #[arg(long, env = "CAMCOUNT_SPOOL", value_name = "DIR")]
    spool: Option<PathBuf>,
    /// How much may wait there, like 20G or 500M; with that nothing is recorded until there is room again
    #[arg(long, default_value = "20G", value_parser = parse_size, value_name = "SIZE")]
    spool_size: u64,
    /// How long segments are meant to be, in seconds from 2 to 10; each begins with a key frame [default: as the camera
    /// was registered]
    #[arg(long, value_parser = parse_segment, value_name = "SECONDS")]
    segment: Option<i64>,
    /// A stream of which nothing comes for so long has stalled, and is begun again
    #[arg(long, default_value = "10s", value_parser = parse_wait, value_name = "TIME")]
    stall: Duration,
}

/// Bytes, with K, M, G or T for powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match text[digits.len()..].trim_end_matches(['i', 'B']) {
        "" => 0,
        "K" | "k" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err("write a size like 20G or 500M".to_owned()),
    };
    let number = digits.parse::<f64>().ok().filter(|n| *n > 0.0 && *n < 1e15);
    number
        .map(|number| (number * 1024_f64.powi(power)) as u64)
        .ok_or_else(|| "write a size like 20G or 500M".to_owned())
}

/// Seconds as microseconds.
pub(crate) fn parse_segment(text: &str) -> Result<i64, String> {
    let us = text.parse::<f64>().ok().map(|s| (s * 1e6).round() as i64);
    us.filter(|us| (StreamSettings::SHORTEST_US..=StreamSettings::LONGEST_US).contains(us))
        .ok_or_else(|| "write seconds from 2 to 10".to_owned())
}

/// Runs the command.
pub(crate) async fn run(args: &RecorderArgs, config: &Config) -> Result<ExitCode> {
    let ffmpeg = Ffmpeg::new(config.ffmpeg.clone());
    tokio::task::block_in_place(|| ffmpeg.check())?;
    let folder = args.spool.clone().unwrap_or_else(|| config.data_dir.join("spool"));
    let spool = Spool::open(&folder, args.spool_size)?;
    let Some((role, wiring)) = Role::begin("recorder", config, Wiring::spooling).await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let _heeding = interrupt::heed();
    let ports = Ports {
        store: Arc::clone(&wiring.place.store),
        blobs: Arc::clone(&wiring.place.blobs),
        ffmpeg,
        spool,
        clock: Arc::new(wall_clock::now),
    };
    let options = RecorderOptions {
        name: role.name.clone(),
        cameras: args.cameras.clone(),
        most: usize::from(args.most),
        segment_us: args.segment,
        stall: args.stall,
        unsealed: unsealed(config),
        s3: config.s3(),
    };
    let stop = CancellationToken::new();
    let recording = record::run(ports, options, stop.clone());
    tokio::pin!(recording);
    tokio::select! {
        () = &mut recording => {}
        () = interrupt::asked(1) => {
            stop.cancel();
            tokio::select! {
                () = recording => {}
                // At once: what is announced in the spool is safe.
                () = interrupt::asked(2) => {}
            }
        }
    }
    role.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// How credentials come into sources: with the secret key, which only recorders of such cameras need.
fn unsealed(config: &Config) -> Unsealed {
    let config = config.clone();
    Arc::new(move |entry, sealed| {
        let unseal = || -> Result<String> {
            let login = config.secret_key()?.open(entry.camera.id, sealed)?;
            login.put_into(&entry.source).context("the credentials do not fit the camera's source")
        };
        unseal().map_err(|error| format!("{error:#}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_lengths_are_read() {
        assert_eq!((parse_size("20G"), parse_size("1.5M")), (Ok(20 << 30), Ok(3 << 19)));
        assert_eq!((parse_size("7"), parse_size("2KiB")), (Ok(7), Ok(2048)));
        for bad in ["", "G", "-1G", "0", "1X", "1e99"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_segment("2.5"), Ok(2_500_000));
        assert!(parse_segment("1").is_err() && parse_segment("11").is_err() && parse_segment("x").is_err());
    }
}
