//! `camcount replay`: counts from detections, without pixels, in memory.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Seek},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use camcount_blob::detections;
use camcount_count::{Counter, Rules};
use camcount_domain::{
    Continuity, FrameSize, MediaSpan, MediaTime, Ruleset, SegmentCounts, SegmentDetections, TrackedFrame,
};
use camcount_runtime::{Fold, FoldRules};
use clap::Args;

use crate::{
    cli::Misuse,
    mot::{FrameRate, Mot, Sequence},
    report::{self, Format, Heading, Json, Segments, Tally},
    rules_input::{RulesArgs, check_classes},
};

/// Arguments of `replay`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  camcount replay gt.txt --size 1920x1080 --fps 30 --keep-ids --line 'm: 960px,0 -> 960px,1080px'"
)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    input: DetectionsArgs,
    #[command(flatten)]
    rules: RulesArgs,
    /// Take the file's ids for tracks: only counting is exercised
    #[arg(long)]
    keep_ids: bool,
    /// How counts are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Detections in a file.
#[derive(Args, Clone, Debug)]
pub(crate) struct DetectionsArgs {
    /// MOTChallenge text (frame, id, x, y, w, h, conf, class, …; frames from 1; pixels), or a detections artifact
    /// of camcount (Parquet)
    #[arg(value_name = "DETECTIONS")]
    pub(crate) file: PathBuf,
    /// Size of the picture that the boxes of a text lie in
    #[arg(long, value_parser = parse_size, value_name = "WxH")]
    pub(crate) size: Option<FrameSize>,
    /// Frames a second of a text, like 25 or 30000/1001
    #[arg(long, value_name = "F")]
    pub(crate) fps: Option<FrameRate>,
}

/// Reads a size like 1920x1080.
pub(crate) fn parse_size(text: &str) -> Result<FrameSize, String> {
    let side = |side: &str| side.trim().parse().ok().filter(|s| (1..=65_536).contains(s));
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some(FrameSize { width: side(width)?, height: side(height)? }))
        .ok_or_else(|| "write a size in pixels like 1920x1080".to_owned())
}

/// Detections, and the tracks that they came with.
pub(crate) struct Detections {
    pub(crate) found: SegmentDetections,
    /// What frame numbers mean; a text's only.
    pub(crate) sequence: Option<Sequence>,
    /// Frames of the file's own ids; a text's only.
    tracks: Option<Vec<TrackedFrame>>,
    interval_us: i64,
}

impl DetectionsArgs {
    /// Reads the file, whichever of the two it is.
    pub(crate) fn read(&self) -> Result<Detections> {
        let name = self.file.display();
        let mut file = File::open(&self.file).with_context(|| format!("{name} cannot be opened"))?;
        let mut magic = [0; 4];
        let is_parquet = file.read_exact(&mut magic).is_ok() && magic == *b"PAR1";
        file.rewind().with_context(|| format!("{name} cannot be read"))?;
        if is_parquet { artifact(file, &self.file) } else { self.text(file) }
    }

    fn text(&self, file: File) -> Result<Detections> {
        let (Some(size), Some(rate)) = (self.size, self.fps) else {
            let problem = "is a text, which says neither; give --size WxH and --fps F";
            bail!(Misuse(format!("{} {problem}", self.file.display())));
        };
        let sequence = Sequence { size, rate, start: MediaTime(0) };
        let mot = Mot::read(BufReader::new(file), &sequence)
            .with_context(|| format!("{} is no MOTChallenge text", self.file.display()))?;
        if mot.outside > 0 {
            eprintln!("warning: {} boxes lie outside the picture; is --size right?", mot.outside);
        }
        Ok(Detections {
            found: mot.detections(&sequence),
            tracks: Some(mot.tracks(&sequence)),
            sequence: Some(sequence),
            interval_us: rate.time(MediaTime(0), 2).0,
        })
    }
}

impl Detections {
    /// Media time of the first frame.
    pub(crate) fn start(&self) -> MediaTime {
        self.found.frames.first().map_or(MediaTime(0), |frame| frame.time)
    }

    /// Counts them in memory: tracked anew, or by the ids of the file.
    pub(crate) fn count(&self, rules: Ruleset, keep_ids: bool) -> Result<SegmentCounts> {
        let Self { found, tracks, interval_us, .. } = self;
        let continuity = Continuity::of(*interval_us, 1);
        let start = self.start();
        let end = found.frames.last().map_or(start, |frame| frame.time.plus_us(continuity.interval_us));
        match (keep_ids, tracks) {
            (true, Some(tracks)) => Ok(count_tracks(tracks, rules, found, continuity, start, end)),
            (true, None) => {
                bail!(Misuse("an artifact of detections has no ids to keep; leave --keep-ids out".to_owned()))
            }
            (false, _) => Ok(fold(rules, found, continuity, start, end)),
        }
    }
}

fn artifact(mut file: File, path: &Path) -> Result<Detections> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(|| format!("{} cannot be read", path.display()))?;
    let found = detections::decode(bytes.into()).with_context(|| path.display().to_string())?;
    // The usual interval: half of the steps are no longer.
    let mut steps: Vec<_> = found.frames.windows(2).map(|pair| pair[1].time.since_us(pair[0].time)).collect();
    steps.sort_unstable();
    let interval_us = steps.get(steps.len() / 2).copied().unwrap_or(1);
    Ok(Detections { found, sequence: None, tracks: None, interval_us })
}

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode> {
    let detections = args.input.read()?;
    let rules = args.rules.draft()?.resolve(detections.found.frame_size)?;
    check_classes(&rules, &detections.found.classes)?;
    let start = detections.start();
    let counts = detections.count(rules.clone(), args.keep_ids)?;

    let name = args.input.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let model = if args.keep_ids { "ids of the file" } else { "detections of the file" };
    // A text's clock starts at zero, an artifact's is that of its camera.
    let start_known = start != MediaTime(0);
    let heading = Heading { camera: name, model: model.to_owned(), start, start_known };
    let mut tally = Tally::new(rules);
    tally.add(&counts);
    let frames = detections.found.frames.len() as u64;
    let report = tally.report(&heading, Segments { counted: 1, frames, ..Segments::default() });
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.format {
        Format::Table => report::table(&mut out, &report)?,
        Format::Csv => report::csv(&mut out, &report, true)?,
        Format::Json => {
            let mut json = Json::begin(&mut out, &report)?;
            let mut crossings = counts.crossings;
            crossings.sort_by(|a, b| {
                (a.time, &a.line, a.track, a.direction, a.ordinal).cmp(&(
                    b.time,
                    &b.line,
                    b.track,
                    b.direction,
                    b.ordinal,
                ))
            });
            for crossing in &crossings {
                json.crossing(&heading, crossing)?;
            }
            json.end()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fold(
    rules: Ruleset,
    found: &SegmentDetections,
    continuity: Continuity,
    start: MediaTime,
    end: MediaTime,
) -> SegmentCounts {
    let rules = FoldRules::new(rules, &found.classes, found.frame_size, continuity, MediaSpan::ALL);
    let (mut fold, mut counts) = (Fold::new(start), SegmentCounts::default());
    for frame in &found.frames {
        fold.frame(&rules, frame, &mut counts);
    }
    fold.finish(&rules, end, &mut counts);
    counts
}

fn count_tracks(
    tracks: &[TrackedFrame],
    rules: Ruleset,
    found: &SegmentDetections,
    continuity: Continuity,
    start: MediaTime,
    end: MediaTime,
) -> SegmentCounts {
    let wanted: Vec<_> = found.classes.iter().map(|class| rules.wants(class)).collect();
    let rules = Rules::new(rules, found.classes.clone(), found.frame_size);
    let (mut counter, mut counts) = (Counter::new(start), SegmentCounts::default());
    for TrackedFrame { time, objects } in tracks {
        let objects: Vec<_> = objects.iter().filter(|o| wanted[usize::from(o.class)]).copied().collect();
        let detected = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        counter.step(&rules, &TrackedFrame { time: *time, objects }, detected, continuity, &mut counts);
    }
    counter.finish(&rules, end, continuity, &mut counts);
    counts
}
