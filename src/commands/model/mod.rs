//! `camcount model`: what is recognised in models, and models registered by name.

mod inspect;
mod registry;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::config::Config;

/// What to do with models.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum ModelCommand {
    /// Say what is recognised in an ONNX model and why, and what it sees in a picture
    Inspect(inspect::InspectArgs),
    /// Register an ONNX model: copy it into the data folder under a name and a version, for --model
    Add(registry::AddArgs),
    /// List the registered models; of one name, the newest first
    List(registry::ListArgs),
    /// Say what is known of a registered model
    Show(registry::ShowArgs),
    /// Forget a registered model and delete its copy; what was counted with it stays
    Remove(registry::RemoveArgs),
}

/// Runs the command.
pub(crate) async fn run(command: &ModelCommand, config: &Config) -> Result<ExitCode> {
    match command {
        ModelCommand::Inspect(args) => inspect::run(args, config),
        ModelCommand::Add(args) => registry::add(args, config).await,
        ModelCommand::List(args) => registry::list(args, config).await,
        ModelCommand::Show(args) => registry::show(args, config).await,
        ModelCommand::Remove(args) => registry::remove(args, config).await,
    }
}
