//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    commands::{
        audit::AuditArgs, count::CountArgs, demo::DemoArgs, model::ModelCommand, replay::ReplayArgs,
        track::TrackArgs,
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

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 a command line that cannot be read, 3 counted but part of the footage was given \
                          up, 130 interrupted.";

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Count recordings: files, folders, or HTTP(S) and HLS URLs with an end
    Count(CountArgs),
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
    #[test]
    fn the_definition_holds_together() {
        super::command().debug_assert();
    }
}
