//! The command line.

use std::{ffi::OsString, path::PathBuf};

use camcount_detect::DetectError;
use camcount_domain::rules::BadRules;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    commands::{
        audit::AuditArgs,
        camera::CameraCommand,
        count::CountArgs,
        counts::CountsArgs,
        demo::DemoArgs,
        migrate::{MigrateArgs, PartitionsCommand},
        model::ModelCommand,
        recorder::RecorderArgs,
        replay::ReplayArgs,
        rules::RulesCommand,
        scheduler::SchedulerArgs,
        status::StatusArgs,
        track::TrackArgs,
        verify::VerifyArgs,
        watch::WatchArgs,
        worker::WorkerArgs,
    },
    config::Settings,
};

/// Counts people and vehicles in camera footage: who crossed which line, in which direction, and how full
/// each zone was.
#[derive(Parser, Debug)]
#[command(name = "camcount", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Program {
    #[command(subcommand)]
    command: Command,
    /// A TOML file with settings [default: camcount.toml here, or ~/.config/camcount/config.toml]
    #[arg(long, global = true, env = "CAMCOUNT_CONFIG", value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 the command line, a setting or the rules must be written differently, \
                          3 counted but part of the footage was given up, 130 interrupted.";

/// The command line, a setting or the rules must be written differently: what they say cannot be read, or not be
/// done. What fails although they are right, like a file that is not there, is no misuse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misuse(pub String);

impl Misuse {
    /// Exits with this code, as clap does where it finds misuse by itself.
    pub(crate) const EXIT: u8 = 2;

    /// Whether it is what `error` comes from.
    pub(crate) fn is_behind(error: &anyhow::Error) -> bool {
        error.is::<Self>()
            || error.is::<BadRules>()
            || matches!(error.downcast_ref(), Some(DetectError::NoSuchLayout { .. }))
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Count recordings: files, folders, or HTTP(S) and HLS URLs with an end
    Count(CountArgs),
    /// Read counts by minute, hour, day, week or month, each beside the period before
    Counts(CountsArgs),
    /// Count from detections instead of footage: MOTChallenge text or a detections artifact
    Replay(ReplayArgs),
    /// Track detections and write MOTChallenge tracks, for the field's own metric tools
    Track(TrackArgs),
    /// Count, and hold the counts against the truth: accuracy, and the moments to look at
    Audit(AuditArgs),
    /// Draw a scene with known counts, count it, and compare
    Demo(DemoArgs),
    /// Models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Cameras that are recorded and counted all the time
    #[command(subcommand)]
    Camera(CameraCommand),
    /// Lines, zones and models that these cameras are counted by
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Record the registered cameras: streams and folders become segments that workers count
    Recorder(RecorderArgs),
    /// Publish what is due as jobs, for workers anywhere
    Scheduler(SchedulerArgs),
    /// Do jobs: detect, count, keep the store in order
    Worker(WorkerArgs),
    /// Tell of lanes, processes and cameras, and how far behind they are
    Status(StatusArgs),
    /// Show the counts of a camera as they grow
    Watch(WatchArgs),
    /// Count the recorded footage of a camera once more in one process, and compare every row
    Verify(VerifyArgs),
    /// Bring the PostgreSQL database that many machines share to the newest schema, and open months ahead
    Migrate(MigrateArgs),
    /// The months that the PostgreSQL database has tables for
    #[command(subcommand)]
    Partitions(PartitionsCommand),
    /// Check what camcount needs, and say how to mend what is missing
    Doctor,
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  camcount completions bash > ~/.local/share/bash-completion/completions/camcount"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with settings.
#[derive(Subcommand, Clone, Copy, Debug)]
pub(crate) enum ConfigCommand {
    /// Print the settings that hold, as TOML, each with where it comes from
    Show,
}

/// A parsed command line.
pub(crate) struct Cli {
    /// What to do.
    pub command: Command,
    /// The configuration file that was asked for.
    pub config: Option<PathBuf>,
    /// Settings from command line and environment.
    pub settings: Settings,
    /// Where each came from.
    pub matches: ArgMatches,
}

/// Parses the process's arguments; prints help or usage and ends the process where they ask for it.
pub(crate) fn parse() -> Cli {
    let matches = command().get_matches_from(std::env::args_os().collect::<Vec<OsString>>());
    match Program::from_arg_matches(&matches) {
        Ok(Program { command, config, settings }) => Cli { command, config, settings, matches },
        Err(error) => error.exit(),
    }
}

/// The command line's definition.
pub(crate) fn command() -> clap::Command {
    Program::command()
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::Misuse;

    #[test]
    fn misuse_is_told_from_failure_however_deep_it_lies() {
        let misuse = || anyhow!(Misuse("two cameras have one name".to_owned()));
        assert!(Misuse::is_behind(&misuse()));
        assert!(Misuse::is_behind(&misuse().context("while counting").context("twice")));
        let setting =
            Err::<(), _>(anyhow!("no such device")).context(Misuse("the setting device".to_owned()));
        let error = setting.context("at the start").unwrap_err();
        assert!(Misuse::is_behind(&error), "{error:#}");
        assert_eq!(format!("{error:#}"), "at the start: the setting device: no such device");
        assert!(!Misuse::is_behind(&anyhow!("the disk is full")));
    }

    #[test]
    fn the_definition_holds_together() {
        super::command().debug_assert();
    }
}
