//! `camcount audit`: how right the counts are, held against a human's list or tracks that are known to be true.

mod gaps;
mod pairs;
mod truth;
mod verdict;

use std::{
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use camcount_domain::{Crossing, Direction, FrameSize, MediaSpan, MediaTime, Ruleset, SegmentCounts, Visit};
use clap::Args;
use futures::TryStreamExt;
use serde::Serialize;

use super::{
    INTERRUPTED, PARTIAL,
    count::{CutArgs, LookingArgs, Request, count},
    replay::{DetectionsArgs, parse_size},
};
use crate::{
    cli::Misuse,
    config::Config,
    embedded::Ended,
    media_range::{RangeEnd, offset, range},
    mot::FrameRate,
    place::Place,
    report::columns,
    rules_input::{RulesArgs, check_classes},
};
use verdict::{Event, Moment, Share, Verdict, Watched, What, judge};

const EXAMPLES: &str = "\
Examples:
  camcount audit gate.mp4 --truth seen.csv --model yolox_nano.onnx --line 'door: 0.5,0 -> 0.5,1' --classes person
  camcount audit street.mp4 --truth gt.txt --line 'm: 0.5,0 -> 0.5,1' --format json

A list has the heading line,direction,time_s[,class]; times are seconds from the start of the footage, or dates and
times. With a column zone, beside or instead of line, it tells who came into zones (in) and left them (out). What it has no
column for is not judged.";

/// Arguments of `audit`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuditArgs {
    /// A file, a folder or a URL as count takes it, or detections as replay takes them (.txt, .parquet)
    #[arg(value_name = "INPUT")]
    input: String,
    /// What is true: a list of crossings, and of entries and exits of zones (CSV), or tracks as MOTChallenge text
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// How far apart a true and a counted crossing, entry or exit may be, in seconds
    #[arg(long, default_value = "1.5", value_parser = parse_tolerance, value_name = "SECONDS")]
    tolerance: i64,
    /// Size of the picture that the boxes of MOTChallenge texts lie in [default: the footage's]
    #[arg(long, value_parser = parse_size, value_name = "WxH")]
    boxes_size: Option<FrameSize>,
    /// Frames a second of MOTChallenge texts [default: the footage's]
    #[arg(long, value_name = "F")]
    boxes_fps: Option<FrameRate>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    looking: LookingArgs,
    #[command(flatten)]
    cut: CutArgs,
    /// Audit from here: a date and time, or an offset from the start like 90, 1:30 or 0:01:30.5
    #[arg(long, value_name = "TIME")]
    from: Option<RangeEnd>,
    /// Audit to here, not included
    #[arg(long, value_name = "TIME")]
    to: Option<RangeEnd>,
    /// Media time of the first frame [default: as count finds it]
    #[arg(long, value_name = "TIME")]
    start_time: Option<MediaTime>,
    /// How the audit is printed
    #[arg(long, value_enum, default_value_t)]
    format: AuditFormat,
}

/// How an audit is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum AuditFormat {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
}

/// Seconds as microseconds.
fn parse_tolerance(text: &str) -> Result<i64, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|s| (0.0..=3_600.0).contains(s));
    seconds.map(|s| (s * 1e6).round() as i64).ok_or_else(|| "write seconds from 0 to 3600".to_owned())
}

/// What was counted, and what is needed to read the truth.
struct Counted {
    rules: Ruleset,
    events: Vec<Event>,
    start: MediaTime,
    span: MediaSpan,
    size: FrameSize,
    rate: Option<FrameRate>,
    /// When nobody looked, in microseconds since the start.
    gaps: Vec<Range<i64>>,
    partial: bool,
}

/// The whole audit.
#[derive(Serialize)]
struct Audit {
    tolerance_s: f64,
    all: Verdict,
    lines: Vec<Verdict>,
    zones: Vec<Verdict>,
    moments: Vec<Moment>,
}

/// Runs the command.
pub(crate) async fn run(args: &AuditArgs, config: &Config) -> Result<ExitCode> {
    let text = std::fs::read(&args.truth);
    let text = text.with_context(|| format!("the truth {} cannot be read", args.truth.display()))?;
    let text = String::from_utf8_lossy(&text);
    let counted = match Path::new(&args.input).extension().and_then(|e| e.to_str()) {
        Some("txt" | "parquet") => of_detections(args)?,
        _ => match of_footage(args, config).await? {
            Some(counted) => counted,
            None => return Ok(ExitCode::from(INTERRUPTED)),
        },
    };
    let lines = counted.rules.lines.iter().map(|line| Watched::Line(line.name.clone()));
    let zones = counted.rules.zones.iter().map(|zone| Watched::Zone(zone.name.clone()));
    let mut places: Vec<_> = lines.chain(zones).collect();
    if places.is_empty() {
        bail!(Misuse("an audit is of lines and zones; give one with --line, --zone or --rules".to_owned()));
    }
    let mut truth = if truth::is_list(&text) {
        let truth = truth::read(&args.truth, &text, &places, counted.start)?;
        places.retain(|place| truth::tells_of(&text, place));
        truth
    } else {
        of_tracks(args, &counted)?
    };
    truth.retain(|event| counted.span.contains(counted.start.plus_us(event.at_us)));

    let judged =
        places.iter().map(|place| judge(place, &truth, &counted.events, args.tolerance, &counted.gaps));
    let (verdicts, moments): (Vec<Verdict>, Vec<_>) = judged.unzip();
    let all = Verdict::sum(&verdicts);
    let (lines, zones) =
        verdicts.into_iter().partition(|verdict| matches!(verdict.place, Some(Watched::Line(_))));
    let mut moments = moments.concat();
    moments.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    let tolerance_s = args.tolerance as f64 / 1e6;
    let audit = Audit { tolerance_s, all, lines, zones, moments };
    let mut out = std::io::stdout().lock();
    match args.format {
        AuditFormat::Table => table(&mut out, &audit)?,
        AuditFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&audit)?)?,
    }
    Ok(if counted.partial { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS })
}

fn of_crossing(crossing: Crossing, start: MediaTime) -> Event {
    let Crossing { line, direction, time, class, .. } = crossing;
    Event { place: Watched::Line(line), direction, at_us: time.since_us(start), class: Some(class) }
}

/// The entry and the exit, where they were seen: who was there already, or was lost inside, did not come in or leave then.
fn of_visit(visit: Visit, start: MediaTime) -> impl Iterator<Item = Event> {
    let Visit { zone, class, entered, left, saw_entry, saw_exit, .. } = visit;
    let ends = [(Direction::In, entered, saw_entry), (Direction::Out, left, saw_exit)];
    ends.into_iter().filter(|(_, _, seen)| *seen).map(move |(direction, time, _)| Event {
        place: Watched::Zone(zone.clone()),
        direction,
        at_us: time.since_us(start),
        class: Some(class.clone()),
    })
}

/// All that was counted, in memory.
fn events(counts: SegmentCounts, start: MediaTime) -> Vec<Event> {
    let crossings = counts.crossings.into_iter().map(|crossing| of_crossing(crossing, start));
    crossings.chain(counts.visits.into_iter().flat_map(|visit| of_visit(visit, start))).collect()
}

/// Counts footage; `None` when someone asked to stop.
async fn of_footage(args: &AuditArgs, config: &Config) -> Result<Option<Counted>> {
    let data = Place::folder(&config.data_dir).await?;
    let request = Request {
        inputs: std::slice::from_ref(&args.input),
        rules: args.rules.draft()?,
        looking: &args.looking,
        cut: args.cut,
        range: (args.from, args.to),
        start: args.start_time,
        name: None,
    };
    let (ended, counted) = count(&data, request, config).await?;
    if ended == Ended::Interrupted {
        return Ok(None);
    }
    let counted = counted.first().context("nothing was counted")?;
    counted.warn(&*data.store, &counted.report(&*data.store).await?).await?;
    let (pass, start) = (counted.pass(), counted.start());
    let id = pass.id();
    let counts = SegmentCounts {
        crossings: data.store.crossings(&id).try_collect().await?,
        visits: data.store.visits(&id).try_collect().await?,
        ..SegmentCounts::default()
    };
    let gaps = gaps::gaps(&*data.store, pass, counted.detector()).await?;
    let (_, recording) = data.store.segment(pass.camera, pass.first).await?;
    Ok(Some(Counted {
        rules: counted.rules().clone(),
        events: events(counts, start),
        start,
        span: pass.range,
        size: recording.frame_size,
        rate: format!("1000000/{}", recording.frame_interval_us).parse().ok(),
        gaps: gaps.into_iter().map(|gap| gap.start.since_us(start)..gap.end.since_us(start)).collect(),
        partial: data.store.progress(&id).await?.quarantined > 0,
    }))
}

/// Counts detections in memory.
fn of_detections(args: &AuditArgs) -> Result<Counted> {
    let input =
        DetectionsArgs { file: PathBuf::from(&args.input), size: args.boxes_size, fps: args.boxes_fps };
    let detections = input.read()?;
    let (size, start) = (detections.found.frame_size, detections.start());
    let rules = args.rules.draft()?.resolve(size)?;
    check_classes(&rules, &detections.found.classes)?;
    let span = range(args.from, args.to, start);
    let mut events = events(detections.count(rules.clone(), false)?, start);
    events.retain(|event| span.contains(start.plus_us(event.at_us)));
    Ok(Counted { rules, events, start, span, size, rate: args.boxes_fps, gaps: Vec::new(), partial: false })
}

/// What tracks that are known to be true do.
fn of_tracks(args: &AuditArgs, counted: &Counted) -> Result<Vec<Event>> {
    let size = args.boxes_size.unwrap_or(counted.size);
    let fps = args.boxes_fps.or(counted.rate);
    let input = DetectionsArgs { file: args.truth.clone(), size: Some(size), fps };
    let tracks = input.read()?;
    let rules = args.rules.draft()?.resolve(size)?;
    Ok(events(tracks.count(rules, true)?, tracks.start()))
}

fn table(out: &mut impl Write, audit: &Audit) -> Result<()> {
    let row = |verdict: &Verdict| {
        let numbers = [
            verdict.truth,
            verdict.counted,
            verdict.matched,
            verdict.missed,
            verdict.unseen,
            verdict.made_up,
            verdict.confused,
        ];
        let [truth, counted, matched, missed, unseen, made_up, confused] = numbers.map(|n| n.to_string());
        let accuracy = verdict.accuracy.map_or_else(|| "nothing to judge".to_owned(), shown);
        let place = verdict.place.as_ref().map_or("all", Watched::name).to_owned();
        ["".to_owned(), place, truth, counted, matched, missed, unseen, made_up, confused, accuracy]
    };
    let rows: Vec<_> = audit.lines.iter().chain(&audit.zones).chain([&audit.all]).map(row).collect();
    let heads = [
        "",
        "line or zone",
        "truth",
        "counted",
        "matched",
        "missed",
        "in gaps",
        "false",
        "in/out confused",
        "accuracy (95 % interval)",
    ];
    columns(out, heads, &rows)?;
    if audit.all.other_class > 0 {
        writeln!(out, "{} of the matched have another class than the truth", audit.all.other_class)?;
    }
    if audit.moments.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nmoments to look at")?;
    let rows: Vec<_> = audit
        .moments
        .iter()
        .map(|moment| {
            let what = match moment.what {
                What::Missed => "missed",
                What::False => "false",
                What::Confused => "confused: truly",
            };
            [
                offset((moment.time_s * 1e6).round() as i64),
                moment.place.name().to_owned(),
                format!("{what} {}", moment.direction),
                moment.class.clone().unwrap_or_default(),
            ]
        })
        .collect();
    columns(out, ["time", "line or zone", "what", "class"], &rows)
}

fn shown(share: Share) -> String {
    let percent = |v: f64| format!("{:.1}", v * 100.0);
    format!("{} % ({} to {} %)", percent(share.value), percent(share.low), percent(share.high))
}
