//! `camcount count`: from footage to counts, in one process.

use std::{
    collections::BTreeSet,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use camcount_blob::tables::Origin;
use camcount_decode::{Ffmpeg, redact};
use camcount_detect::Gated;
use camcount_domain::{Detector, DetectorVersion, MediaTime, Pass, PassId, Rate, Ruleset, rules::RulesDraft};
use camcount_runtime::Detectors;
use camcount_scheduler::plan_pass;
use camcount_store::{CameraEvent, EventKind, Store};
use clap::Args;
use futures::TryStreamExt;

use super::PARTIAL;
use crate::{
    cli::Misuse,
    config::Config,
    embedded::{self, Ended},
    export,
    footage::{self, Registered, Registering},
    interrupt::INTERRUPTED,
    media_range::{RangeEnd, offset, range},
    models, outputs,
    pictures::{self, PicturesArgs, Subject},
    place::Place,
    progress::FootageBar,
    report::{self, Format, Heading, Json, Report, Segments, Tally},
    rules_input::{RulesArgs, check_classes},
};

const EXAMPLES: &str = "\
Examples:
  camcount count street.mp4 --model yolox_nano.onnx --line 'door: 0.5,0 -> 0.5,1' --classes person
  camcount count gate.mp4 --model yolox_nano@2 --line 'gate: 0,0.5 -> 1,0.5'
  camcount count recordings/ --zone 'hall: 0.1,0.5 0.9,0.5 0.9,1 0.1,1' --format json
  camcount count a.mp4 b.mp4 --rules rules.toml --out counts/ --from 0:10:00 --to 0:20:00

Interrupted and run again, it goes on where it was. With other lines over the same footage it counts what was \
detected before and looks at nothing again.";

/// Arguments of `count`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CountArgs {
    /// Files, folders of recordings (one camera each), or HTTP(S) and HLS URLs with an end
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    looking: LookingArgs,
    #[command(flatten)]
    cut: CutArgs,
    /// Count from here: a date and time, or an offset from the start like 90, 1:30 or 0:01:30.5
    #[arg(long, value_name = "TIME")]
    from: Option<RangeEnd>,
    /// Count to here, not included
    #[arg(long, value_name = "TIME")]
    to: Option<RangeEnd>,
    /// Media time of the first frame, like 2026-05-01T08:00:00Z [default: from the file's name (taken as UTC) or
    /// its container]
    #[arg(long, value_name = "TIME")]
    start_time: Option<MediaTime>,
    /// What to call the camera [default: the input's name]
    #[arg(long)]
    name: Option<String>,
    /// How counts are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write crossings, visits, buckets, coverage and frame metadata there, as Parquet and CSV
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pictures: PicturesArgs,
}

/// How footage is looked at.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How footage is looked at")]
pub(crate) struct LookingArgs {
    /// An ONNX model: a file, or the NAME or NAME@VERSION of a registered one (see model add); or motion for the
    /// detector without one, which needs a camera that stands still
    #[arg(long, default_value = "motion", env = "CAMCOUNT_MODEL", value_name = "MODEL")]
    pub model: PathBuf,
    /// The layout to take the model for, where another one is recognised; model inspect tells
    #[arg(long, value_name = "NAME")]
    pub(crate) layout: Option<String>,
    /// How many frames a second are looked at, at most
    #[arg(long, default_value = "15", value_parser = parse_rate, value_name = "N")]
    pub fps: Rate,
    /// Spare inference where nothing moves
    #[arg(long, value_enum, default_value_t, value_name = "GATE")]
    pub(crate) gate: GateKind,
}

/// How footage is cut.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "How footage is looked at")]
pub(crate) struct CutArgs {
    /// How long segments are, in seconds: the unit of work; counts do not depend on it [default: 10 to 60, the longer
    /// the footage, the longer]
    #[arg(long = "segment", value_parser = parse_seconds, value_name = "SECONDS")]
    segment_us: Option<i64>,
}

/// What spares inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GateKind {
    /// Every frame is inferred
    #[default]
    Off,
    /// A frame in which nothing has moved since one inferred just before shows the same objects
    Motion,
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    let fps = text.parse().ok().and_then(Rate::from_fps);
    fps.ok_or_else(|| "write a number of frames a second from 0.001 to 1000".to_owned())
}

/// Seconds as microseconds.
fn parse_seconds(text: &str) -> Result<i64, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|s| (0.1..=86_400.0).contains(s));
    seconds.map(|s| (s * 1e6).round() as i64).ok_or_else(|| "write seconds from 0.1 to 86400".to_owned())
}

/// What is to be counted.
pub(crate) struct Request<'a> {
    pub inputs: &'a [String],
    pub rules: RulesDraft,
    pub looking: &'a LookingArgs,
    pub cut: CutArgs,
    pub range: (Option<RangeEnd>, Option<RangeEnd>),
    pub start: Option<MediaTime>,
    pub name: Option<&'a str>,
}

/// One counted camera.
pub(crate) struct Counted {
    id: PassId,
    pass: Pass,
    detector: Detector,
    rules: Ruleset,
    heading: Heading,
}

impl Counted {
    /// Whose counts these are.
    fn origin(&self) -> Origin {
        Origin {
            camera: self.heading.camera.clone(),
            ruleset: self.rules.version(),
            detector: DetectorVersion(self.heading.model.clone()),
        }
    }

    /// The counts.
    pub(crate) async fn report(&self, store: &dyn Store) -> Result<Report> {
        let segments = Segments::from(store.progress(&self.id).await?);
        Ok(Tally::of_pass(store, &self.id, self.rules.clone()).await?.report(&self.heading, segments))
    }

    /// Says what was given up.
    pub(crate) async fn warn(&self, store: &dyn Store, report: &Report) -> Result<()> {
        if report.segments.quarantined == 0 {
            return Ok(());
        }
        let events = store.camera_events(self.pass.camera).await?;
        let given_up = |e: &CameraEvent| {
            e.kind == EventKind::Quarantined && e.detector.as_ref() == Some(&self.pass.detector)
        };
        for CameraEvent { span, detail, .. } in events.into_iter().filter(given_up) {
            let [from, to] = [span.start, span.end].map(|time| offset(time.since_us(self.heading.start)));
            eprintln!("warning: {}: {from} to {to} was given up: {detail}", report.camera);
        }
        Ok(())
    }

    /// What was counted.
    pub(crate) fn pass(&self) -> &Pass {
        &self.pass
    }

    /// With which detector.
    pub(crate) fn detector(&self) -> &Detector {
        &self.detector
    }

    /// By which rules.
    pub(crate) fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// Where the footage begins.
    pub(crate) fn start(&self) -> MediaTime {
        self.heading.start
    }

    /// Draws the pictures that are asked for.
    pub(crate) async fn draw(&self, wanted: &PicturesArgs, data: &Place, config: &Config) -> Result<()> {
        let subject = Subject {
            camera: &self.heading.camera,
            start: self.heading.start,
            start_known: self.heading.start_known,
            pass: &self.pass,
            rules: &self.rules,
            detector: &self.detector,
        };
        pictures::draw(wanted, data, &Ffmpeg::new(config.ffmpeg.clone()), &subject).await
    }
}

/// Runs the command.
pub(crate) async fn run(args: &CountArgs, config: &Config) -> Result<ExitCode> {
    outputs::check(args.inputs.iter().map(Path::new), args.pictures.files())?;
    let request = Request {
        inputs: &args.inputs,
        rules: args.rules.draft()?,
        looking: &args.looking,
        cut: args.cut,
        range: (args.from, args.to),
        start: args.start_time,
        name: args.name.as_deref(),
    };
    let data = Place::folder(&config.data_dir).await?;
    let (ended, counted) = count(&data, request, config).await?;
    if ended == Ended::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let store = &*data.store;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut partial = false;
    for (n, one) in counted.iter().enumerate() {
        let report = one.report(store).await?;
        partial |= report.segments.quarantined > 0;
        match args.format {
            Format::Table => report::table(&mut out, &report)?,
            Format::Csv => report::csv(&mut out, &report, n == 0)?,
            Format::Json => {
                let mut json = Json::begin(&mut out, &report)?;
                let mut crossings = store.crossings(&one.id);
                while let Some(crossing) = crossings.try_next().await? {
                    json.crossing(&one.heading, &crossing)?;
                }
                json.end()?;
            }
        }
        out.flush()?;
        one.warn(store, &report).await?;
    }
    if let Some(folder) = &args.out {
        let passes: Vec<_> = counted.iter().map(|one| (one.origin(), one.id.clone())).collect();
        export::write(store, &passes, folder).await?;
    }
    for one in &counted {
        match counted.len() {
            1 => one.draw(&args.pictures, &data, config).await?,
            _ => one.draw(&args.pictures.of_camera(&one.heading.camera), &data, config).await?,
        }
    }
    Ok(if partial { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS })
}

/// Registers the footage, opens a pass for each camera, and runs them to their end.
pub(crate) async fn count(
    data: &Place,
    request: Request<'_>,
    config: &Config,
) -> Result<(Ended, Vec<Counted>)> {
    let store = &*data.store;
    let ffmpeg = Ffmpeg::new(config.ffmpeg.clone());
    tokio::task::block_in_place(|| ffmpeg.check())?;
    let mut detectors = Detectors::default();
    let mut detect = models::open(request.looking, data, config).await?;
    if request.looking.gate == GateKind::Motion {
        detect = Arc::new(Gated::new(detect));
    }
    let detector = detectors.load(detect, request.looking.fps);
    let version = store.register_detector(&detector).await?;

    let mut counted = Vec::new();
    let mut total_us = 0;
    for input in request.inputs {
        let registering = Registering {
            store,
            ffmpeg: &ffmpeg,
            copies: &footage::copies(&config.data_dir),
            start: request.start,
            name: request.name,
            segment_us: request.cut.segment_us,
            workers: config.workers,
        };
        let Registered { camera, start, frame_size } = registering
            .register(input)
            .await
            .with_context(|| format!("{} cannot be counted", redact(input)))?;
        let rules = request.rules.clone().resolve(frame_size)?;
        check_classes(&rules, &detector.classes)?;
        let ruleset = store.register_ruleset(&rules).await?;
        let span = range(request.range.0, request.range.1, start);
        let pass = plan_pass(store, camera.id, version.clone(), ruleset, span).await?;
        let id = store.open_pass(&pass).await?;
        total_us += store.progress(&id).await?.total_us;
        let heading = Heading {
            camera: camera.name.clone(),
            model: version.0.clone(),
            start,
            start_known: camera.start_known,
        };
        counted.push(Counted { id, pass, detector: detector.clone(), rules, heading });
    }
    let mut names = BTreeSet::new();
    for one in &counted {
        if !names.insert(&one.heading.camera) {
            let name = &one.heading.camera;
            bail!(Misuse(format!("two cameras are called {name:?}; count them apart, with --name")));
        }
    }
    let passes: Vec<_> = counted.iter().map(|one| one.id.clone()).collect();
    let mut bar = FootageBar::new("counting", total_us);
    let ended = embedded::run(data, ffmpeg, detectors, &passes, config, &mut bar).await?;
    Ok((ended, counted))
}
