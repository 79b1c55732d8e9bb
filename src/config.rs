//! Settings in layers: command line, then environment, then a TOML file, then defaults.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use camcount_blob::S3Options;
use camcount_decode::redact;
use camcount_detect::Device;
use camcount_queue::LeaseTiming;
use camcount_store::DatabaseUrl;
use clap::{ArgMatches, Args, parser::ValueSource};
use serde::Deserialize;

use crate::{cli::Misuse, commands::worker::parse_wait, credentials::SecretKey};

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
    /// Where many machines keep segments and detections: s3://BUCKET/PREFIX, or a folder that all of them mount.
    /// Credentials come from where all AWS tools look for them
    #[arg(long, global = true, env = "CAMCOUNT_BLOBS", value_name = "URL")]
    pub blobs: Option<String>,
    /// The S3 service, where it is not AWS, like http://minio:9000
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_S3", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// The NATS servers that carry jobs and the live feed, like nats://host:4222; separated by commas
    #[arg(long, global = true, env = "NATS_URL", hide_env_values = true, value_name = "URL")]
    pub nats_url: Option<String>,
    /// The Redis server that keeps counters of the day and the registry cache, and carries jobs and the live feed where no
    /// NATS is named, like redis://host:6379
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<String>,
    /// How long a job stays with a worker that is not heard of, like 30s; the same on all machines [default: 30s]
    #[arg(long, global = true, env = "CAMCOUNT_LEASE", value_name = "TIME")]
    pub lease: Option<String>,
    /// What the passwords of cameras are sealed with: 64 hex digits, the same on all machines
    #[arg(long, global = true, env = "CAMCOUNT_SECRET_KEY", hide_env_values = true, value_name = "HEX")]
    pub secret_key: Option<String>,
    /// Where /healthz, /readyz and /metrics are served: an address, or none [default: 127.0.0.1:9600]
    #[arg(long, global = true, env = "CAMCOUNT_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
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

/// Where many machines keep bytes.
#[derive(Clone, Debug)]
pub(crate) enum BlobsAt {
    /// A bucket.
    S3(S3Options),
    /// A folder that all of them mount.
    Folder(PathBuf),
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
    /// See [`Settings::blobs`].
    blobs: Option<String>,
    /// See [`Settings::s3_endpoint`].
    s3_endpoint: Option<String>,
    /// See [`Settings::nats_url`].
    nats_url: Option<String>,
    /// See [`Settings::redis_url`].
    redis_url: Option<String>,
    /// See [`Settings::lease`], and how often it is extended.
    pub lease: LeaseTiming,
    /// See [`Settings::secret_key`].
    secret_key: Option<String>,
    /// See [`Settings::listen`]; `None` for nowhere.
    pub listen: Option<SocketAddr>,
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
        // No defaults either. What cannot be read is not shown: it may still hold a password.
        let shown_url = |url: &String| match url.parse::<DatabaseUrl>() {
            Ok(url) => url.to_string(),
            Err(_) => "(unreadable)".to_owned(),
        };
        let database_url =
            layers.pick_if_given("database_url", &given.database_url, &from_file.database_url, shown_url)?;
        let blobs =
            layers.pick_if_given("blobs", &given.blobs, &from_file.blobs, |url: &String| redact(url))?;
        let s3_endpoint = layers.pick_if_given(
            "s3_endpoint",
            &given.s3_endpoint,
            &from_file.s3_endpoint,
            |url: &String| redact(url),
        )?;
        let nats_url = layers.pick_if_given("nats_url", &given.nats_url, &from_file.nats_url, |urls| {
            urls.split(',').map(redact).collect::<Vec<_>>().join(",")
        })?;
        let redis_url =
            layers.pick_if_given("redis_url", &given.redis_url, &from_file.redis_url, |url: &String| {
                redact(url)
            })?;
        let lease =
            layers.pick("lease", &given.lease, &from_file.lease, || Ok("30s".to_owned()), String::clone)?;
        let wrong = Misuse(format!("the setting lease is {lease:?}; write a time from 1s to 1h, like 30s"));
        let lease = parse_wait(&lease).ok().filter(|lease| (1..=3600).contains(&lease.as_secs()));
        let lease = lease.context(wrong)?;
        let lease = LeaseTiming::new(lease, lease / 3)?;
        let secret_key =
            layers.pick_if_given("secret_key", &given.secret_key, &from_file.secret_key, |_| {
                "(hidden)".to_owned()
            })?;
        let listen = layers.pick(
            "listen",
            &given.listen,
            &from_file.listen,
            || Ok("127.0.0.1:9600".to_owned()),
            String::clone,
        )?;
        let listen = match listen.as_str() {
            "none" => None,
            address => Some(address.parse().with_context(|| {
                Misuse(format!(
                    "the setting listen is {address:?}; write ADDRESS:PORT, like 0.0.0.0:9600, or none"
                ))
            })?),
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
        Ok(Self {
            data_dir,
            workers,
            device,
            ffmpeg,
            onnxruntime,
            database_url,
            blobs,
            s3_endpoint,
            nats_url,
            redis_url,
            lease,
            secret_key,
            listen,
            log,
            log_format,
            shown,
        })
    }

    /// Whether a database is named that many machines share.
    pub(crate) fn is_shared(&self) -> bool {
        self.database_url.as_ref().is_some_and(|url| !url.is_empty())
    }

    /// Where many machines keep bytes.
    pub(crate) fn blobs(&self) -> Result<BlobsAt> {
        let blobs = self.blobs.as_deref().filter(|blobs| !blobs.is_empty()).with_context(|| {
            let remedy = "set CAMCOUNT_BLOBS, or say --blobs s3://BUCKET/PREFIX";
            Misuse(format!("no place for segments and detections is named; {remedy}"))
        })?;
        match self.s3().at(blobs) {
            Some(options) => Ok(BlobsAt::S3(options)),
            None if blobs.contains("://") => {
                let what = redact(blobs);
                bail!(Misuse(format!("the setting blobs is {what:?}; write s3://BUCKET/PREFIX or a folder")))
            }
            None => Ok(BlobsAt::Folder(blobs.into())),
        }
    }

    /// How buckets are reached, whichever they are.
    pub(crate) fn s3(&self) -> S3Options {
        S3Options {
            endpoint: self.s3_endpoint.clone(),
            // Hosts named after buckets are AWS's own way.
            path_style: self.s3_endpoint.is_some(),
            ..S3Options::default()
        }
    }

    /// What the passwords of cameras are sealed with.
    pub(crate) fn secret_key(&self) -> Result<SecretKey> {
        let key = self.secret_key.as_deref().filter(|key| !key.is_empty()).with_context(|| {
            let remedy =
                "set CAMCOUNT_SECRET_KEY to what `openssl rand -hex 32` prints, the same on all machines";
            Misuse(format!("passwords of cameras are stored sealed, and no key is set; {remedy}"))
        })?;
        SecretKey::read(key)
    }

    /// The Redis that keeps counters and the registry cache, where one is named, whichever broker carries jobs.
    pub(crate) fn copies_url(&self) -> Option<&str> {
        self.redis_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The broker that carries jobs and the live feed.
    pub(crate) fn broker_url(&self) -> Result<&str> {
        let urls = [&self.nats_url, &self.redis_url];
        urls.into_iter().flatten().map(String::as_str).find(|url| !url.is_empty()).with_context(|| {
            let remedy = "set NATS_URL or REDIS_URL, or say --nats-url nats://HOST:4222";
            Misuse(format!("no broker is named; {remedy}"))
        })
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
    /// As [`pick`](Self::pick), of what has no default.
    fn pick_if_given<T: Clone>(
        &mut self,
        name: &'static str,
        given: &Option<T>,
        from_file: &Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<Option<T>> {
        match given.as_ref().or(from_file.as_ref()).cloned() {
            None => Ok(None),
            Some(value) => self.pick(name, given, from_file, || Ok(value), show).map(Some),
        }
    }

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
