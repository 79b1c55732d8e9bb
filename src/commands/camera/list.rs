//! `camcount camera list` and `show`.

use std::io::Write;

use anyhow::Result;
use camcount_decode::redact;
use camcount_store::{CameraEntry, CameraFilter, GpsBox, PassState, Store};
use clap::Args;
use serde::Serialize;

use super::called;
use crate::report::{Format, columns};

/// Arguments of `camera list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  camcount camera list --tag entrance --format json\n  \
    camcount camera list --within 52.3,13.0,52.7,13.8")]
pub(crate) struct ListArgs {
    /// Only enabled or only disabled ones
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Option<Status>,
    /// Only those with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only those at this location
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
    /// Only those whose rules have a zone of this name
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    /// Only those between these degrees: south,west,north,east
    #[arg(long, value_name = "BOX", value_parser = parse_box, allow_hyphen_values = true)]
    within: Option<GpsBox>,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whether a camera is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Status {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

fn parse_box(text: &str) -> Result<GpsBox, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[south, west, north, east])
            if south <= north
                && [south, north].iter().all(|n| n.abs() <= 90.0)
                && [west, east].iter().all(|n| n.abs() <= 180.0) =>
        {
            Ok(GpsBox { south, west, north, east })
        }
        _ => Err("write four numbers of degrees: south,west,north,east".to_owned()),
    }
}

/// Arguments of `camera show`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// The camera
    #[arg(value_name = "CAMERA")]
    name: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A camera as programs are told.
#[derive(Serialize)]
struct Told<'c> {
    name: &'c str,
    id: String,
    source: String,
    enabled: bool,
    location: Option<&'c str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    tags: Vec<&'c str>,
    time_zone: &'c str,
    settings: &'c serde_json::Value,
    last_seen: Option<String>,
}

impl<'c> From<&'c CameraEntry> for Told<'c> {
    fn from(entry: &'c CameraEntry) -> Self {
        Self {
            name: &entry.camera.name,
            id: entry.camera.id.to_string(),
            source: redact(&entry.source),
            enabled: entry.enabled,
            location: entry.location.as_deref(),
            latitude: entry.gps.map(|gps| gps.latitude),
            longitude: entry.gps.map(|gps| gps.longitude),
            tags: entry.tags.iter().map(String::as_str).collect(),
            time_zone: &entry.time_zone,
            settings: &entry.settings,
            last_seen: entry.last_seen.map(|when| when.to_string()),
        }
    }
}

pub(super) async fn list(args: &ListArgs, store: &dyn Store) -> Result<()> {
    /// Cameras that are asked for at a time.
    const PAGE: u32 = 500;
    let filter = CameraFilter {
        enabled: args.status.map(|status| status == Status::Enabled),
        tag: args.tag.clone(),
        location: args.location.clone(),
        zone: args.zone.clone(),
        within: args.within,
    };
    let mut entries: Vec<CameraEntry> = Vec::new();
    loop {
        let after = entries.last().map(|entry| entry.camera.name.clone());
        let page = store.cameras(&filter, after.as_deref(), PAGE).await?;
        let last = page.len() < PAGE as usize;
        entries.extend(page);
        if last {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    let row = |entry: &CameraEntry| {
        [
            entry.camera.name.clone(),
            if entry.enabled { "enabled" } else { "disabled" }.to_owned(),
            redact(&entry.source),
            entry.tags.iter().cloned().collect::<Vec<_>>().join(" "),
            entry.last_seen.map_or_else(|| "never".to_owned(), |when| when.to_string()),
        ]
    };
    let head = ["camera", "status", "source", "tags", "last_seen"];
    match args.format {
        Format::Json => {
            let told: Vec<_> = entries.iter().map(Told::from).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record(head)?;
            for entry in &entries {
                csv.write_record(row(entry))?;
            }
            csv.flush()?;
        }
        Format::Table if entries.is_empty() => writeln!(out, "no camera is registered, or none like that")?,
        Format::Table => {
            columns(&mut out, head, &entries.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

pub(super) async fn show(args: &ShowArgs, store: &dyn Store) -> Result<()> {
    let entry = called(store, &args.name).await?;
    let passes = store.passes(Some(entry.camera.id)).await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let mut told = serde_json::to_value(Told::from(&entry))?;
        if let Some(object) = told.as_object_mut() {
            object.insert("passes".to_owned(), passes.iter().map(told_pass).collect());
        }
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
        return Ok(());
    }
    let Told {
        name,
        id,
        source,
        enabled,
        location,
        latitude,
        longitude,
        tags,
        time_zone,
        settings,
        last_seen,
    } = Told::from(&entry);
    let status = if enabled { "enabled" } else { "disabled" };
    writeln!(out, "camera     {name} ({status})\nid         {id}\nsource     {source}")?;
    if let Some(location) = location {
        writeln!(out, "location   {location}")?;
    }
    if let Some((latitude, longitude)) = latitude.zip(longitude) {
        writeln!(out, "gps        {latitude},{longitude}")?;
    }
    if !tags.is_empty() {
        writeln!(out, "tags       {}", tags.join(" "))?;
    }
    writeln!(out, "time zone  {time_zone}\nsettings   {settings}")?;
    writeln!(out, "last seen  {}", last_seen.as_deref().unwrap_or("never"))?;
    for pass in &passes {
        writeln!(out, "pass       {}", pass_line(pass))?;
    }
    Ok(())
}

/// A pass in one line.
pub(crate) fn pass_line(state: &PassState) -> String {
    let PassState { id, pass, last, next } = state;
    let to = last.map_or_else(|| "…".to_owned(), |last| last.to_string());
    let counted = next.0 - pass.first.0;
    format!("{id}  {}  {}  segments {}-{to}, {counted} counted", pass.detector, pass.ruleset, pass.first)
}

/// A pass as programs are told.
pub(crate) fn told_pass(state: &PassState) -> serde_json::Value {
    let PassState { id, pass, last, next } = state;
    serde_json::json!({
        "pass": id, "model": pass.detector, "ruleset": pass.ruleset, "first_segment": pass.first, "last_segment": last,
        "segments_counted": next.0 - pass.first.0, "finished": state.finished(),
    })
}
