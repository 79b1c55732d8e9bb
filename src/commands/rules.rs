//! `camcount rules`: what registered cameras are counted by.

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{
    commands::{
        camera::{called, count_by, pass_line, told_pass},
        count::LookingArgs,
    },
    config::Config,
    place::Place,
    rules_input::RulesArgs,
};

/// What to do with rules.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum RulesCommand {
    /// Count a camera by other lines, zones or another model from now on
    #[command(
        after_help = "Example:\n  camcount rules set gate --model yolox_nano --line 'door: 0.4,0 -> 0.4,1'\n\n\
        The counts so far stay with the rules that they were counted by; the new rules begin with a segment, and nothing is \
        missed or counted by both."
    )]
    Set(SetArgs),
    /// Print the rules that a camera is counted by, as JSON
    Show(CameraArgs),
    /// List what a camera was counted by, and for which segments
    History(HistoryArgs),
}

/// What `rules set` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct SetArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    looking: LookingArgs,
}

/// Which camera.
#[derive(Args, Clone, Debug)]
pub(crate) struct CameraArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
}

/// What `rules history` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct HistoryArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(command: &RulesCommand, config: &Config) -> Result<ExitCode> {
    let place = Place::of(config).await?;
    let store = &*place.store;
    let mut out = std::io::stdout();
    match command {
        RulesCommand::Set(args) => {
            let camera = called(store, &args.name).await?;
            let pass = count_by(&place, config, &camera, &args.rules, &args.looking).await?;
            writeln!(out, "{} is counted in pass {pass}", args.name)?;
        }
        RulesCommand::Show(CameraArgs { name }) => {
            let camera = called(store, name).await?;
            let passes = store.passes(Some(camera.camera.id)).await?;
            match passes.iter().rev().find(|state| state.pass.last.is_none()) {
                Some(state) => {
                    let rules = store.ruleset(&state.pass.ruleset).await?;
                    writeln!(out, "{}", serde_json::to_string_pretty(&rules)?)?;
                }
                None => writeln!(out, "{name} has no rules; give it some with `camcount rules set`")?,
            }
        }
        RulesCommand::History(HistoryArgs { name, json }) => {
            let camera = called(store, name).await?;
            let passes = store.passes(Some(camera.camera.id)).await?;
            if *json {
                let told: Vec<_> = passes.iter().map(told_pass).collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
            } else {
                for state in &passes {
                    writeln!(out, "{}", pass_line(state))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
