//! One module a subcommand.

pub(crate) mod audit;
pub(crate) mod camera;
pub(crate) mod count;
pub(crate) mod counts;
pub(crate) mod demo;
mod doctor;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod recorder;
pub(crate) mod replay;
pub(crate) mod rules;
pub(crate) mod scheduler;
pub(crate) mod status;
pub(crate) mod track;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod worker;

use std::{io::Write, process::ExitCode};

use anyhow::Result;

use crate::{
    cli::{self, Cli, Command, ConfigCommand},
    config::Config,
    interrupt::{self, INTERRUPTED},
    log,
};

/// Counted, but part of the footage was given up.
const PARTIAL: u8 = 3;

/// Does what the command line asks for.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    let config = Config::load(&cli.settings, cli.config.as_deref(), &cli.matches)?;
    let _traces = log::start(&config)?;
    interrupt::listen()?;
    match obey(cli.command, &config).await {
        // Whatever failed then, failed because it was told to end.
        Err(_) if interrupt::is_asked() => Ok(ExitCode::from(INTERRUPTED)),
        result => result,
    }
}

async fn obey(command: Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Count(args) => count::run(&args, config).await,
        Command::Counts(args) => counts::run(&args, config).await,
        Command::Audit(args) => audit::run(&args, config).await,
        Command::Replay(args) => replay::run(&args),
        Command::Track(args) => track::run(&args),
        Command::Demo(args) => demo::run(&args, config).await,
        Command::Model(command) => model::run(&command, config).await,
        Command::Camera(command) => camera::run(&command, config).await,
        Command::Rules(command) => rules::run(&command, config).await,
        Command::Scheduler(args) => scheduler::run(&args, config).await,
        Command::Worker(args) => worker::run(&args, config).await,
        Command::Verify(args) => verify::run(&args, config).await,
        Command::Watch(args) => watch::run(&args, config).await,
        Command::Status(args) => status::run(&args, config).await,
        Command::Migrate(args) => migrate::migrate(&args, config).await,
        Command::Partitions(command) => migrate::partitions(&command, config).await,
        Command::Recorder(args) => recorder::run(&args, config).await,
        Command::Doctor => doctor::run(config),
        Command::Config(ConfigCommand::Show) => {
            std::io::stdout().write_all(config.to_toml().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::command(), "camcount", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
