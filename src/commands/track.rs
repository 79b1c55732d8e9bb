//! `camcount track`: detections to tracks, as text that the field's metric tools read.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use camcount_track::Tracker;
use clap::Args;

use super::replay::DetectionsArgs;
use crate::{mot::write_tracks, outputs};

/// Arguments of `track`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  camcount track det.txt --size 1920x1080 --fps 30 --out tracks.txt")]
pub(crate) struct TrackArgs {
    #[command(flatten)]
    input: DetectionsArgs,
    /// Where the tracks go [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &TrackArgs) -> Result<ExitCode> {
    outputs::check([args.input.file.as_path()], args.out.as_deref())?;
    let detections = args.input.read()?;
    let Some(sequence) = detections.sequence else {
        bail!("{} is no MOTChallenge text, so its frames have no numbers", args.input.file.display());
    };
    let mut tracker = Tracker::default();
    let frames = &detections.found.frames;
    let tracked: Vec<_> = frames.iter().map(|f| tracker.step(f, detections.found.frame_size)).collect();
    let mut out: Box<dyn Write> = match &args.out {
        Some(file) => {
            let made = std::fs::File::create(file);
            Box::new(BufWriter::new(made.with_context(|| format!("{} cannot be written", file.display()))?))
        }
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    write_tracks(&mut out, &tracked, &detections.found.classes, &sequence)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
