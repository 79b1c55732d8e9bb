//! `camcount doctor`: whether everything is there, and how to mend what is not.

use std::{io::Write, process::ExitCode};

use anyhow::{Error, Result};
use camcount_decode::Ffmpeg;
use camcount_detect::installation;

use crate::config::Config;

/// Checks everything, and fails when something that every run needs is missing.
pub(crate) fn run(config: &Config) -> Result<ExitCode> {
    let mut sound = true;
    let ffmpeg = Ffmpeg::new(config.ffmpeg.clone()).check().map_err(Error::from);
    sound &= say("FFmpeg", ffmpeg)?;
    // Counting by motion works without it, but nobody asks a doctor to overlook it.
    let onnxruntime = installation(config.onnxruntime.as_deref()).map_err(Error::from);
    let devices = onnxruntime.as_ref().ok().map(|found| {
        let devices: Vec<_> = found.devices.iter().map(|kind| kind.as_str()).collect();
        devices.join(", ")
    });
    let found = onnxruntime.map(|found| format!("{} at {}", found.version, found.path.display()));
    sound &= say("ONNX Runtime", found)?;
    if let Some(devices) = devices {
        say("devices it is built for", Ok(devices))?;
    }
    sound &= say("data folder", writable(config))?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(what: &str, found: Result<String>) -> Result<bool> {
    let mut out = std::io::stdout();
    match &found {
        Ok(found) => writeln!(out, "ok       {what}: {found}")?,
        Err(error) => writeln!(out, "missing  {what}: {error:#}")?,
    }
    Ok(found.is_ok())
}

/// Whether the data folder can be written; leaves nothing behind that was not there.
fn writable(config: &Config) -> Result<String> {
    let folder = &config.data_dir;
    std::fs::create_dir_all(folder)
        .and_then(|()| {
            let probe = folder.join(".doctor");
            std::fs::write(&probe, b"x")?;
            std::fs::remove_file(&probe)
        })
        .map_err(|e| Error::from(e).context(format!("{} cannot be written", folder.display())))?;
    Ok(format!("{} can be written", folder.display()))
}
