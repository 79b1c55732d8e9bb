//! `camcount camera add` and `edit`.

use std::{collections::BTreeSet, io::Write, str::FromStr};

use anyhow::{Context, Result, bail};
use camcount_blob::S3Shelf;
use camcount_decode::redact;
use camcount_detect::{Detect, Gated};
use camcount_domain::{Camera, CameraId, FrameSize, PassId, StreamSettings, Transport};
use camcount_store::{CameraEntry, Gps, Store};
use clap::Args;
use std::sync::Arc;

use super::called;
use crate::{
    cli::Misuse,
    commands::{
        count::{GateKind, LookingArgs},
        recorder::parse_segment,
    },
    config::Config,
    credentials::Login,
    models,
    place::Place,
    rules_input::{RulesArgs, check_classes},
};

const EXAMPLES: &str = "\
Examples:
  camcount camera add gate rtsp://user:password@10.0.0.7/stream --model yolox_nano --classes person \\
      --line 'door: 0.5,0 -> 0.5,1' --time-zone Europe/Berlin --tag entrance
  camcount camera add yard /srv/recordings/yard --zone 'yard: 0,0.5 1,0.5 1,1 0,1'
  camcount camera add ramp s3://nvr/ramp --line 'ramp: 0.2,0.6 -> 0.8,0.6'";

/// Arguments of `camera add`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AddArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// An RTSP, HTTP or HLS URL, whose user and password are stored apart and sealed; or a folder of recordings, or
    /// s3://BUCKET/PREFIX, reached as --s3-endpoint and all AWS tools' settings say
    #[arg(value_name = "SOURCE")]
    source: String,
    #[command(flatten)]
    about: AboutArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    looking: LookingArgs,
}

/// Arguments of `camera edit`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  camcount camera edit gate --source rtsp://user:new@10.0.0.8/stream\n  \
    camcount camera edit gate --tag entrance --tag vip\n\nWhat is not given stays. Rules are set with `camcount rules set`.")]
pub(crate) struct EditArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    /// Its new name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Its new source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    about: AboutArgs,
}

/// What is known of a camera.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is known of the camera")]
struct AboutArgs {
    /// Where it is, in words
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
    /// Where it is on earth, in degrees north and east: 52.52,13.40
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    gps: Option<GpsText>,
    /// A word to sort cameras by; repeatable
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The IANA time zone whose midnights its days begin with [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    time_zone: Option<String>,
    /// How long segments are meant to be, in seconds from 2 to 10; each begins with a key frame [default: 6]
    #[arg(long = "segment", value_name = "SECONDS", value_parser = parse_segment)]
    segment_us: Option<i64>,
    /// How packets of an RTSP stream travel: tcp or udp [default: tcp]
    #[arg(long, value_name = "NAME", value_parser = parse_transport)]
    transport: Option<Transport>,
}

#[derive(Clone, Copy, Debug)]
struct GpsText(Gps);

impl FromStr for GpsText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(',').and_then(|(latitude, longitude)| {
            Some((latitude.trim().parse::<f64>().ok()?, longitude.trim().parse::<f64>().ok()?))
        });
        match numbers {
            Some((latitude, longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                Ok(Self(Gps { latitude, longitude }))
            }
            _ => Err("write degrees north and east, like 52.52,13.40".to_owned()),
        }
    }
}

fn parse_zone(text: &str) -> Result<String, String> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} is no time zone; write a name like Europe/Berlin")),
    }
}

fn parse_transport(text: &str) -> Result<Transport, String> {
    match text {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("write tcp or udp".to_owned()),
    }
}

impl AboutArgs {
    /// Lays what is given over what is there.
    fn over(&self, entry: &mut CameraEntry) -> Result<()> {
        if let Some(location) = &self.location {
            entry.location = Some(location.clone()).filter(|location| !location.is_empty());
        }
        if let Some(GpsText(gps)) = self.gps {
            entry.gps = Some(gps);
        }
        if !self.tags.is_empty() {
            entry.tags = self.tags.iter().filter(|tag| !tag.is_empty()).cloned().collect();
        }
        if let Some(zone) = &self.time_zone {
            entry.time_zone.clone_from(zone);
        }
        let mut settings: StreamSettings =
            serde_json::from_value(entry.settings.clone()).context("the camera's settings cannot be read")?;
        if let Some(transport) = self.transport {
            settings.transport = transport;
        }
        if let Some(segment_us) = self.segment_us {
            settings.segment_us = segment_us;
        }
        entry.settings = serde_json::json!(settings);
        Ok(())
    }
}

/// A name that needs no quotes in shells, metrics and file names.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.chars().all(plain) && name.starts_with(char::is_alphanumeric) && name.len() <= 100 {
        return Ok(());
    }
    bail!(Misuse(format!("a camera cannot be called {name:?}; use letters, digits, -, _ and ., 100 at most")))
}

/// The source without credentials, and these sealed. A folder is made absolute, for others work elsewhere; it and a bucket
/// are looked at, so that whatever is wrong with them is said before anything is registered.
async fn source(camera: CameraId, text: &str, config: &Config) -> Result<(String, Option<Vec<u8>>)> {
    let (source, login) = Login::split_off(text)?;
    if !source.contains("://") {
        let folder = std::fs::canonicalize(&source)
            .with_context(|| format!("{source} cannot be opened; name a folder of recordings, or a URL"))?;
        let folder = folder.to_str().with_context(|| format!("{source} is no UTF-8 path"))?;
        return Ok((folder.to_owned(), None));
    }
    if source.starts_with("s3://") {
        let shelf = config.s3().at(&source).filter(|_| login.is_none()).with_context(|| {
            Misuse("a bucket is named like s3://BUCKET/PREFIX; its credentials are set as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE".into())
        })?;
        S3Shelf::open(&shelf).await?;
        return Ok((source, None));
    }
    let sealed = login.map(|login| config.secret_key()?.seal(camera, &login)).transpose()?;
    Ok((source, sealed))
}

pub(super) async fn add(args: &AddArgs, place: &Place, config: &Config) -> Result<()> {
    let store = &*place.store;
    check_name(&args.name)?;
    if store.camera_called(&args.name).await?.is_some() {
        bail!(Misuse(format!(
            "a camera is called {:?} already; `camcount camera edit` changes it",
            args.name
        )));
    }
    let id = CameraId::of_footage(&format!("registered {}", args.name));
    let (source, sealed) = source(id, &args.source, config).await?;
    let mut entry = CameraEntry {
        camera: Camera { id, name: args.name.clone(), start_known: true },
        source,
        enabled: true,
        location: None,
        gps: None,
        tags: BTreeSet::new(),
        time_zone: "UTC".to_owned(),
        settings: serde_json::json!(StreamSettings::default()),
        last_seen: None,
    };
    args.about.over(&mut entry)?;
    // What is wrong with rules is said before anything is registered.
    let counting = match args.rules.is_empty() {
        true => None,
        false => Some(prepare(place, config, &args.rules, &args.looking, None).await?),
    };
    store.enter_camera(&entry).await?;
    store.keep_credentials(id, sealed.as_deref()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "registered {} at {}", args.name, redact(&entry.source))?;
    match counting {
        Some(counting) => {
            let pass = counting.assign(store, id).await?;
            writeln!(out, "counted in pass {pass}")?;
        }
        None => writeln!(out, "it is recorded, and not counted until `camcount rules set {}`", args.name)?,
    }
    Ok(())
}

pub(super) async fn edit(args: &EditArgs, place: &Place, config: &Config) -> Result<()> {
    let store = &*place.store;
    let mut entry = called(store, &args.name).await?;
    if let Some(name) = &args.rename {
        check_name(name)?;
        entry.camera.name.clone_from(name);
    }
    args.about.over(&mut entry)?;
    let id = entry.camera.id;
    let sealed = match &args.source {
        Some(text) => {
            let (source, sealed) = source(id, text, config).await?;
            entry.source = source;
            Some(sealed)
        }
        None => None,
    };
    store.enter_camera(&entry).await?;
    if let Some(sealed) = sealed {
        store.keep_credentials(id, sealed.as_deref()).await?;
    }
    writeln!(std::io::stdout(), "changed {}", entry.camera.name)?;
    Ok(())
}

/// A detector and rules that a camera is to be counted by.
pub(crate) struct Counting {
    detector: camcount_domain::Detector,
    rules: camcount_domain::Ruleset,
}

impl Counting {
    async fn assign(&self, store: &dyn Store, camera: CameraId) -> Result<PassId> {
        let detector = store.register_detector(&self.detector).await?;
        let ruleset = store.register_ruleset(&self.rules).await?;
        Ok(store.assign(camera, &detector, &ruleset).await?)
    }
}

/// Counts a camera by these rules from now on.
pub(crate) async fn count_by(
    place: &Place,
    config: &Config,
    camera: &CameraEntry,
    rules: &RulesArgs,
    looking: &LookingArgs,
) -> Result<PassId> {
    let recordings = place.store.last_recording(camera.camera.id).await?;
    let size = recordings.map(|recording| recording.frame_size);
    prepare(place, config, rules, looking, size).await?.assign(&*place.store, camera.camera.id).await
}

async fn prepare(
    place: &Place,
    config: &Config,
    rules: &RulesArgs,
    looking: &LookingArgs,
    size: Option<FrameSize>,
) -> Result<Counting> {
    let mut detect: Arc<dyn Detect> = models::open(looking, place, config).await?;
    if looking.gate == GateKind::Motion {
        detect = Arc::new(Gated::new(detect));
    }
    let detector = detect.describe(looking.fps);
    if !detector.sha256.is_empty() && looking.model.is_file() {
        models::keep(&*place.blobs, &looking.model, &detector.sha256).await?;
    }
    let draft = rules.draft()?;
    // Shares of the picture need no size.
    let rules = match size {
        Some(size) => draft.resolve(size)?,
        None => draft.resolve(FrameSize { width: 1, height: 1 }).context(
            "nothing was recorded yet, so the picture's size is unknown: write positions as shares of it, like 0.5",
        )?,
    };
    check_classes(&rules, &detector.classes)?;
    Ok(Counting { detector, rules })
}
