//! Settings in layers: command line, then environment, then a TOML file, then defaults.

use std::{
    fmt::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use camcount_detect::Device;
use camcount_store::DatabaseUrl;
use clap::{ArgMatches, Args, parser::ValueSource};
use serde::Deserialize;

use crate::cli::Misuse;

/// Settings as given in one layer: whatever is missing comes from the next.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Where segments, detections and counts are kept, so that a run can go on where another stopped
    /// [default: ~/.local/share/camcount/data]
    #[arg(long, global = true, env = "CAMCOUNT_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// How many segments are worked on at a time [default: one a core]
    #[arg(long, global = true, env = "CAMCOUNT_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// What runs the model: cpu, cuda, tensorrt, openvino, coreml; cuda:1 is the second one
    /// [default: cpu]
    #[arg(long, global = true, env = "CAMCOUNT_DEVICE", value_name = "DEVICE")]
    pub device: Option<String>,
    /// What decodes the footage: none (the processor), auto, cuda, vaapi, qsv, … [default: none]
    #[arg(long, global = true, env = "CAMCOUNT_HWACCEL", value_name = "NAME")]
    pub hwaccel: Option<String>,
    /// The FFmpeg program [default: ffmpeg]
    #[arg(long, global = true, env = "CAMCOUNT_FFMPEG", value_name = "FILE")]
    pub ffmpeg: Option<PathBuf>,
    /// The ffprobe program [default: ffprobe]
    #[arg(long, global = true, env = "CAMCOUNT_FFPROBE", value_name = "FILE")]
    pub ffprobe: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: looked for; ORT_DYLIB_PATH is heeded]
    #[arg(long, global = true, env = "CAMCOUNT_ONNXRUNTIME", value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
    /// The PostgreSQL database that many machines share, like postgres://user:password@host/database
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// What is logged to stderr, like info or camcount_runtime=debug [default: warn]
    #[arg(long, global = true, env = "CAMCOUNT_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How logs look: text or json [default: text]
    #[arg(long, global = true, env = "CAMCOUNT_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

/// The settings that hold.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// See [`Settings::data_dir`].
    pub data_dir: PathBuf,
    /// See [`Settings::workers`].
    pub workers: NonZeroUsize,
    /// See [`Settings::device`].
    pub device: Device,
    /// FFmpeg and how it is run.
    pub ffmpeg: camcount_decode::Options,
    /// See [`Settings::onnxruntime`].
    pub onnxruntime: Option<PathBuf>,
    /// See [`Settings::database_url`]. It may hold a password, and may be meant for another program.
    database_url: Option<String>,
    /// See [`Settings::log`].
    pub log: String,
    /// See [`Settings::log_format`].
    pub log_format: LogFormat,
    /// Name, value and origin of each, for people.
    shown: Vec<(&'static str, String, String)>,
}

impl Config {
    /// Lays the layers over one another. `file` is the file that was asked for, if any; otherwise
    /// `camcount.toml` here or `camcount/config.toml` in the user's configuration folder, where there is one.
    pub(crate) fn load(given: &Settings, file: Option<&Path>, matches: &ArgMatches) -> Result<Self> {
        let (from_file, place) = read(file)?;
        let mut layers = Layers { matches, place, shown: Vec::new() };
        let path = |p: &PathBuf| p.display().to_string();

        let data_dir =
            layers.pick("data_dir", &given.data_dir, &from_file.data_dir, default_data_dir, path)?;
        let workers =
            layers.pick("workers", &given.workers, &from_file.workers, cores, ToString::to_string)?;
        let device = layers.pick(
            "device",
            &given.device,
            &from_file.device,
            || Ok(Device::CPU.to_string()),
            String::clone,
        )?;
        let mut ffmpeg = camcount_decode::Options::default();
        let hwaccel = layers.pick(
            "hwaccel",
            &given.hwaccel,
            &from_file.hwaccel,
            || Ok(ffmpeg.hwaccel.to_string()),
            String::clone,
        )?;
        ffmpeg.hwaccel =
            hwaccel.parse().with_context(|| Misuse(format!("the setting hwaccel is {hwaccel:?}")))?;
        ffmpeg.ffmpeg =
            layers.pick("ffmpeg", &given.ffmpeg, &from_file.ffmpeg, || Ok(ffmpeg.ffmpeg.clone()), path)?;
        ffmpeg.ffprobe = layers.pick(
            "ffprobe",
            &given.ffprobe,
            &from_file.ffprobe,
            || Ok(ffmpeg.ffprobe.clone()),
            path,
        )?;
        // No default to show: where it is looked for is `doctor`'s to say.
        let onnxruntime = match (&given.onnxruntime, &from_file.onnxruntime) {
            (None, None) => None,
            (given, file) => Some(layers.pick("onnxruntime", given, file, || Ok(PathBuf::new()), path)?),
        };
        // No default either. What cannot be read is not shown: it may still hold a password.
        let shown_url = |url: &String| match url.parse::<DatabaseUrl>() {
            Ok(url) => url.to_string(),
            Err(_) => "(unreadable)".to_owned(),
        };
        let database_url = match (&given.database_url, &from_file.database_url) {
            (None, None) => None,
            (given, file) => {
                Some(layers.pick("database_url", given, file, || Ok(String::new()), shown_url)?)
            }
        };
        let log = layers.pick("log", &given.log, &from_file.log, || Ok("warn".to_owned()), String::clone)?;
        let log_format = layers.pick(
            "log_format",
            &given.log_format,
            &from_file.log_format,
            || Ok(LogFormat::default()),
            |f| format!("{f:?}").to_lowercase(),
        )?;
        let device = device.parse().with_context(|| Misuse(format!("the setting device is {device:?}")))?;
        let shown = layers.shown;
        Ok(Self { data_dir, workers, device, ffmpeg, onnxruntime, database_url, log, log_format, shown })
    }

    /// The database that many machines share.
    pub(crate) fn database_url(&self) -> Result<DatabaseUrl> {
        let url = self.database_url.as_deref().filter(|url| !url.is_empty());
        let url = url.with_context(|| {
            let remedy = "set DATABASE_URL, or say --database-url postgres://user:password@host/database";
            Misuse(format!("no database is named; {remedy}"))
        })?;
        url.parse().with_context(|| Misuse("the setting database_url cannot be used".to_owned()))
    }

    /// The settings as a TOML file that would give them, each with where it comes from.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::new();
        for (name, value, origin) in &self.shown {
            // The one setting that is a number.
            let value = if *name == "workers" {
                value.clone()
            } else {
                toml::Value::from(value.as_str()).to_string()
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} = {value}  # {origin}");
        }
        text
    }
}

struct Layers<'m> {
    matches: &'m ArgMatches,
    place: Option<PathBuf>,
    shown: Vec<(&'static str, String, String)>,
}

impl Layers<'_> {
    fn pick<T: Clone>(
        &mut self,
        name: &'static str,
        given: &Option<T>,
        from_file: &Option<T>,
        default: impl FnOnce() -> Result<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<T> {
        let (value, origin) = match (given, from_file, &self.place) {
            (Some(value), _, _) => {
                let origin = match source(self.matches, name) {
                    Some(ValueSource::EnvVariable) => "environment",
                    _ => "command line",
                };
                (value.clone(), origin.to_owned())
            }
            (None, Some(value), Some(place)) => (value.clone(), place.display().to_string()),
            _ => (default()?, "default".to_owned()),
        };
        self.shown.push((name, show(&value), origin));
        Ok(value)
    }
}

/// Where a global argument came from: subcommands hold their own copy of it.
fn source(matches: &ArgMatches, name: &str) -> Option<ValueSource> {
    let here = matches.try_contains_id(name).ok().and_then(|_| matches.value_source(name));
    here.or_else(|| matches.subcommand().and_then(|(_, sub)| source(sub, name)))
}

fn read(file: Option<&Path>) -> Result<(Settings, Option<PathBuf>)> {
    let user = || Some(home("XDG_CONFIG_HOME", ".config")?.join("camcount/config.toml"));
    let place = match file {
        Some(file) => Some(file.to_owned()),
        None => [Some(PathBuf::from("camcount.toml")), user()].into_iter().flatten().find(|p| p.is_file()),
    };
    let Some(place) = place else { return Ok((Settings::default(), None)) };
    let text = std::fs::read_to_string(&place)
        .with_context(|| format!("the configuration file {} cannot be read", place.display()))?;
    let settings = toml::from_str(&text).with_context(|| {
        Misuse(format!("the configuration file {} is not as it should be", place.display()))
    })?;
    Ok((settings, Some(place)))
}

fn home(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
    set.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(below_home)))
}

fn default_data_dir() -> Result<PathBuf> {
    let data = home("XDG_DATA_HOME", ".local/share").context("HOME is not set; say --data-dir")?;
    Ok(data.join("camcount/data"))
}

fn cores() -> Result<NonZeroUsize> {
    Ok(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}
