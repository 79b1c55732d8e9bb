//! `camcount counts`: what was counted by minute, hour, day, week or month, each beside the period before.

use std::{io::Write, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, bail};
use camcount_aggregate::{Calendar, LineCount, PeriodCounts, ZoneCount, read, roll_up};
use camcount_domain::{Granularity, MediaSpan, MediaTime, PassId};
use camcount_store::{Counted, Postgres, PostgresOptions, Scope, Store};
use clap::Args;
use serde::Serialize;

use crate::{
    cli::Misuse,
    config::Config,
    place::Place,
    report::{Format, columns},
};

const EXAMPLES: &str = "\
Examples:
  camcount counts                            # what was counted
  camcount counts gate --by day
  camcount counts gate --by hour --from 2026-05-01 --to 2026-05-02 --format csv

Of a period that was not observed nothing is known, so it is left empty; a zero says that it was observed and nobody came.";

/// Arguments of `counts`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CountsArgs {
    /// A camera by its name or id, or one counting of it by its id; without, what was counted is listed
    #[arg(value_name = "CAMERA|PASS")]
    of: Option<String>,
    /// How wide the periods are: minute, hour, day, week (from Monday on) or month, by the camera's clock
    #[arg(long, default_value = "hour", value_name = "PERIOD")]
    by: Granularity,
    /// Only periods from this date or time on, by the camera's clock
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only periods that start before this date or time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Tell classes apart
    #[arg(long)]
    by_class: bool,
    /// How counts are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Runs the command.
pub(crate) async fn run(args: &CountsArgs, config: &Config) -> Result<ExitCode> {
    // Blobs are not needed, so they need not be named.
    let (store, _place): (Arc<dyn Store>, Option<Place>) = if config.is_shared() {
        (Arc::new(Postgres::connect(&PostgresOptions::new(config.database_url()?)).await?), None)
    } else {
        let place = Place::folder(&config.data_dir).await?;
        (Arc::clone(&place.store), Some(place))
    };
    let counted = store.counted(args.of.as_deref()).await?;
    let Some(of) = &args.of else {
        list(&counted)?;
        return Ok(ExitCode::SUCCESS);
    };
    if counted.is_empty() {
        bail!("no camera and no counting is called {of}; camcount counts lists what there is");
    }
    let ids: Vec<PassId> = counted.iter().map(|counted| counted.pass.clone()).collect();
    if let Err(error) = roll_up(&*store, Scope::Passes(&ids)).await {
        // Whoever may only read sees what was rolled up before.
        tracing::warn!(error = &error as &dyn std::error::Error, "the latest counts are missing");
    }
    let mut rows = csv::Writer::from_writer(std::io::stdout());
    for counted in &counted {
        let calendar = Calendar::of(&counted.time_zone)?;
        let end = |text: &Option<String>, default| match text {
            None => Ok(default),
            Some(text) => calendar.read(text).with_context(|| {
                Misuse(format!(
                    "{text:?} is no date or time; write it like 2026-05-01 or \"2026-05-01 08:00\""
                ))
            }),
        };
        let span = MediaSpan { start: end(&args.from, MediaTime::MIN)?, end: end(&args.to, MediaTime::MAX)? };
        let ruleset = store.ruleset(&counted.ruleset).await?;
        let mut periods = read(&*store, &counted.pass, &ruleset, &calendar, args.by, span).await?;
        if !args.by_class {
            periods.iter_mut().for_each(|period| period.lines.retain(|line| line.class.is_none()));
        }
        match args.format {
            Format::Table => table(counted, args, &periods)?,
            Format::Json => json(counted, args.by, &periods)?,
            Format::Csv => {
                for row in periods.iter().flat_map(|period| csv_rows(counted, period)) {
                    rows.serialize(row)?;
                }
            }
        }
    }
    rows.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(counted: &[Counted]) -> Result<()> {
    let rows: Vec<_> = counted
        .iter()
        .map(|c| [c.camera.clone(), c.pass.to_string(), c.ruleset.to_string(), c.detector.to_string()])
        .collect();
    columns(&mut std::io::stdout(), ["camera", "counting", "rules", "model"], &rows)
}

/// A number that may be unknown.
fn shown(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn rounded(number: Option<f64>, places: usize) -> String {
    number.map(|number| format!("{number:.places$}")).unwrap_or_default()
}

fn table(counted: &Counted, args: &CountsArgs, periods: &[PeriodCounts]) -> Result<()> {
    let mut out = std::io::stdout();
    let Counted { camera, ruleset, detector, .. } = counted;
    writeln!(out, "{camera} by {}, {ruleset}, model {detector}", args.by)?;
    let observed = |period: &PeriodCounts| {
        let length_s = period.period.len_us() as f64 / 1e6;
        format!("{:.1}", 100.0 * period.observed_s / length_s)
    };
    let line = |period: &PeriodCounts, line: &LineCount| {
        [
            period.start.clone(),
            line.line.clone(),
            line.class.clone().unwrap_or_default(),
            shown(line.count_in),
            shown(line.count_out),
            shown(line.total),
            rounded(line.confidence, 2),
            shown(line.trend.change),
            rounded(line.trend.change_percent, 1),
            observed(period),
        ]
    };
    let lines: Vec<_> = periods.iter().flat_map(|p| p.lines.iter().map(move |l| line(p, l))).collect();
    let class = if args.by_class { "class" } else { "" };
    let heads = ["start", "line", class, "in", "out", "total", "conf", "change", "%", "observed %"];
    columns(&mut out, heads, &lines)?;
    let zone = |period: &PeriodCounts, zone: &ZoneCount| {
        [
            period.start.clone(),
            zone.zone.clone(),
            shown(zone.entered),
            shown(zone.left),
            shown(zone.occupancy_min),
            rounded(zone.occupancy_mean, 2),
            shown(zone.occupancy_max),
            shown(zone.trend.change),
            rounded(zone.trend.change_percent, 1),
            observed(period),
        ]
    };
    let zones: Vec<_> = periods.iter().flat_map(|p| p.zones.iter().map(move |z| zone(p, z))).collect();
    let heads = ["start", "zone", "entered", "left", "min", "mean", "max", "change", "%", "observed %"];
    columns(&mut out, heads, &zones)
}

/// A counting's periods, on a line of its own.
#[derive(Serialize)]
struct CountsJson<'c> {
    camera: &'c str,
    pass: &'c str,
    ruleset: &'c str,
    model: &'c str,
    time_zone: &'c str,
    by: Granularity,
    periods: &'c [PeriodCounts],
}

fn json(counted: &Counted, by: Granularity, periods: &[PeriodCounts]) -> Result<()> {
    let Counted { pass, camera, time_zone, ruleset, detector } = counted;
    let told =
        CountsJson { camera, pass: &pass.0, ruleset: &ruleset.0, model: &detector.0, time_zone, by, periods };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&told)?)?;
    Ok(())
}

/// A line, a class of it, or a zone in one period. In and out of a zone are who entered and who left.
#[derive(Serialize)]
struct Row<'c> {
    camera: &'c str,
    pass: &'c str,
    ruleset: &'c str,
    model: &'c str,
    start: &'c str,
    end: &'c str,
    kind: &'static str,
    name: &'c str,
    class: Option<&'c str>,
    #[serde(rename = "in")]
    count_in: Option<i64>,
    #[serde(rename = "out")]
    count_out: Option<i64>,
    confidence: Option<f64>,
    occupancy_min: Option<i64>,
    occupancy_mean: Option<f64>,
    occupancy_max: Option<i64>,
    previous: Option<i64>,
    change: Option<i64>,
    change_percent: Option<f64>,
    observed_s: f64,
    gap_s: f64,
}

fn csv_rows<'c>(counted: &'c Counted, period: &'c PeriodCounts) -> Vec<Row<'c>> {
    let row = |kind, name| Row {
        camera: &counted.camera,
        pass: &counted.pass.0,
        ruleset: &counted.ruleset.0,
        model: &counted.detector.0,
        start: &period.start,
        end: &period.end,
        kind,
        name,
        class: None,
        count_in: None,
        count_out: None,
        confidence: None,
        occupancy_min: None,
        occupancy_mean: None,
        occupancy_max: None,
        previous: None,
        change: None,
        change_percent: None,
        observed_s: period.observed_s,
        gap_s: period.gap_s,
    };
    let lines = period.lines.iter().map(|line| Row {
        class: line.class.as_deref(),
        count_in: line.count_in,
        count_out: line.count_out,
        confidence: line.confidence,
        previous: line.trend.previous,
        change: line.trend.change,
        change_percent: line.trend.change_percent,
        ..row("line", &line.line)
    });
    let zones = period.zones.iter().map(|zone| Row {
        count_in: zone.entered,
        count_out: zone.left,
        occupancy_min: zone.occupancy_min,
        occupancy_mean: zone.occupancy_mean,
        occupancy_max: zone.occupancy_max,
        previous: zone.trend.previous,
        change: zone.trend.change,
        change_percent: zone.trend.change_percent,
        ..row("zone", &zone.zone)
    });
    lines.chain(zones).collect()
}
