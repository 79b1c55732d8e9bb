//! `camcount camera`: the cameras that are recorded and counted.

mod add;
mod list;

use std::{io::Write, process::ExitCode};

use anyhow::{Context, Result};
use camcount_store::{CameraEntry, Store};
use clap::{Args, Subcommand};

pub(crate) use add::{AddArgs, EditArgs, count_by};
pub(crate) use list::{ListArgs, ShowArgs, pass_line, told_pass};

use crate::{config::Config, place::Place};

/// What to do with cameras.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum CameraCommand {
    /// Register a camera: recorders record it from then on, and it is counted where it has rules
    Add(AddArgs),
    /// List the registered cameras
    List(ListArgs),
    /// Tell all about one camera
    Show(ShowArgs),
    /// Change what was registered
    Edit(EditArgs),
    /// Record a camera again that was disabled
    Enable(NameArgs),
    /// Stop recording a camera; what was recorded is still counted
    Disable(NameArgs),
    /// Take a camera out of the registry; its footage and its counts stay
    Remove(NameArgs),
}

/// Which camera.
#[derive(Args, Clone, Debug)]
pub(crate) struct NameArgs {
    /// The camera's name
    #[arg(value_name = "CAMERA")]
    name: String,
}

/// Runs the command.
pub(crate) async fn run(command: &CameraCommand, config: &Config) -> Result<ExitCode> {
    let place = Place::of(config).await?;
    let store = &*place.store;
    let say = |word: &str, name: &str| writeln!(std::io::stdout(), "{word} {name}");
    match command {
        CameraCommand::Add(args) => add::add(args, &place, config).await?,
        CameraCommand::Edit(args) => add::edit(args, &place, config).await?,
        CameraCommand::List(args) => list::list(args, store).await?,
        CameraCommand::Show(args) => list::show(args, store).await?,
        CameraCommand::Enable(NameArgs { name }) => {
            store.enable_camera(called(store, name).await?.camera.id, true).await?;
            say("enabled", name)?;
        }
        CameraCommand::Disable(NameArgs { name }) => {
            store.enable_camera(called(store, name).await?.camera.id, false).await?;
            say("disabled", name)?;
        }
        CameraCommand::Remove(NameArgs { name }) => {
            store.forget_camera(called(store, name).await?.camera.id).await?;
            say("removed", name)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The registered camera of this name.
pub(crate) async fn called(store: &dyn Store, name: &str) -> Result<CameraEntry> {
    store.camera_called(name).await?.with_context(|| {
        format!("no camera is called {name:?}; `camcount camera list` tells which there are")
    })
}
