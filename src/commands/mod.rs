//! One module a subcommand.

pub(crate) mod audit;
pub(crate) mod count;
pub(crate) mod demo;
mod doctor;
pub(crate) mod model;
pub(crate) mod replay;
pub(crate) mod track;

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    cli::{self, Cli, Command, ConfigCommand},
    config::Config,
    log,
};

/// Interrupted, as shells say it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Counted, but part of the footage was given up.
const PARTIAL: u8 = 3;

/// Does what the command line asks for.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut cli::command(), "camcount", &mut std::io::stdout());
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(&cli.settings, cli.config.as_deref(), &cli.matches)?;
    log::start(&config)?;
    match cli.command {
        Command::Count(args) => count::run(&args, &config).await,
        Command::Audit(args) => audit::run(&args, &config).await,
        Command::Replay(args) => replay::run(&args),
        Command::Track(args) => track::run(&args),
        Command::Demo(args) => demo::run(&args, &config).await,
        Command::Model(command) => model::run(&command, &config),
        Command::Doctor => doctor::run(&config),
        Command::Config(ConfigCommand::Show) => {
            print!("{}", config.to_toml());
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    }
}
