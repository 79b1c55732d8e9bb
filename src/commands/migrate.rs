//! `camcount migrate` and `camcount partitions`: the shared store's schema, and the months that it has tables for.

use std::{io::Write, process::ExitCode};

use anyhow::{Result, ensure};
use camcount_domain::{MediaSpan, MediaTime};
use camcount_store::{Migrations, Month, Postgres, PostgresOptions};
use clap::{Args, Subcommand};

use crate::{cli::Misuse, config::Config};

/// What `migrate` is told.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Run it before a new camcount starts anywhere. Any number of machines may run it at once. It needs a user who \
                        owns the database and its tables; counting does not."
)]
pub(crate) struct MigrateArgs {
    /// Only list the migrations, and whether the database has them
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    ahead: AheadArgs,
}

/// How far ahead months are opened.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct AheadArgs {
    /// Months to open after this one
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=120))]
    ahead: u32,
}

/// What to do with months.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum PartitionsCommand {
    /// List the months that have tables, and those whose rows wait for some
    List,
    /// Open the months ahead, those of all recordings, and those whose rows wait; move these rows in
    Ensure(EnsureArgs),
    /// Take a month out of the tables, or go on with it: its counts are kept, but read no more
    Detach {
        /// The month, like 2026-05
        #[arg(value_name = "MONTH")]
        month: Month,
    },
    /// Drop a detached month for good, once its archive was read back and verified
    Release {
        /// The month, like 2026-05
        #[arg(value_name = "MONTH")]
        month: Month,
    },
}

/// What `partitions ensure` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct EnsureArgs {
    #[command(flatten)]
    ahead: AheadArgs,
    /// Also the months from this one on, like 2026-05-01, for recordings that are to come
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<MediaTime>,
    /// Up to, and without, this date
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<MediaTime>,
}

/// Brings the schema up to date, and opens the months that are wanted.
pub(crate) async fn migrate(args: &MigrateArgs, config: &Config) -> Result<ExitCode> {
    let url = config.database_url()?;
    let mut migrations = Migrations::connect(&url).await?;
    let before = migrations.status().await?;
    let mut out = std::io::stdout();
    if args.status {
        for step in before {
            let state = if step.applied { "applied" } else { "pending" };
            writeln!(out, "{state}  {:04} {}", step.version, step.description)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    migrations.run().await?;
    for step in before.iter().filter(|step| !step.applied) {
        writeln!(out, "applied  {:04} {}", step.version, step.description)?;
    }
    let store = Postgres::connect(&PostgresOptions::new(url.clone())).await?;
    open(&store, store.months_wanted(args.ahead.ahead).await?).await?;
    writeln!(out, "{url} is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// Lists or opens months.
pub(crate) async fn partitions(command: &PartitionsCommand, config: &Config) -> Result<ExitCode> {
    let store = Postgres::connect(&PostgresOptions::new(config.database_url()?)).await?;
    match command {
        PartitionsCommand::List => {
            let mut out = std::io::stdout();
            writeln!(out, "{:<8} {:<10} {:>10}  {:>12}  last step", "month", "state", "MiB", "passes aside")?;
            for status in store.months().await? {
                let mib = status.bytes as f64 / f64::from(1 << 20);
                let (month, last) = (status.month.to_string(), status.last_step.unwrap_or_default());
                let line = format!(
                    "{month:<8} {:<10} {mib:>10.1}  {:>12}  {last}",
                    status.state, status.passes_aside
                );
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        PartitionsCommand::Ensure(EnsureArgs { ahead, from, to }) => {
            let mut wanted = store.months_wanted(ahead.ahead).await?;
            if let (Some(start), Some(end)) = (*from, *to) {
                /// Each has nine tables, and every one costs each statement a little planning.
                const MOST: usize = 600;
                ensure!(start < end, Misuse(format!("--from {start} is not before --to {end}")));
                let months: Vec<Month> = Month::touched(MediaSpan { start, end }).take(MOST + 1).collect();
                ensure!(
                    months.len() <= MOST,
                    Misuse(format!("more than {MOST} months lie between --from and --to; name fewer"))
                );
                wanted.extend(months);
            }
            open(&store, wanted).await?;
        }
        PartitionsCommand::Detach { month } => {
            store.detach_month(*month).await?;
            writeln!(std::io::stdout(), "detached {month}")?;
        }
        PartitionsCommand::Release { month } => {
            store.release_month(*month).await?;
            writeln!(std::io::stdout(), "released {month}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(store: &Postgres, months: impl IntoIterator<Item = Month>) -> Result<()> {
    for month in months {
        if store.open_month(month).await? {
            writeln!(std::io::stdout(), "opened   {month}")?;
        }
    }
    Ok(())
}
