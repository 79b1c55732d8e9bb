//! `camcount demo`: draws a street, counts it like any other footage, and holds the counts against the truth.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use camcount_decode::{Ffmpeg, VideoWriter};
use camcount_domain::Direction;
use clap::Args;

use super::{
    INTERRUPTED,
    count::{CutArgs, LookingArgs, Request, count},
};
use crate::{
    cli::Misuse,
    config::Config,
    demo::{Truth, render, rules, street, truth},
    embedded::Ended,
    pictures::PicturesArgs,
    place::Place,
    progress::FootageBar,
    report::Report,
};

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// Keep the drawn video here [default: demo.mp4 in the data folder]
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// Draw no pictures of the counts beside the video
    #[arg(long)]
    no_pictures: bool,
    #[command(flatten)]
    looking: LookingArgs,
    #[command(flatten)]
    cut: CutArgs,
}

/// Runs the command.
pub(crate) async fn run(args: &DemoArgs, config: &Config) -> Result<ExitCode> {
    let data = Place::folder(&config.data_dir).await?;
    if let Some(video) = args.video.as_ref().filter(|video| video.exists()) {
        let problem = "is there already; remove it, or choose another --video";
        bail!(Misuse(format!("{} {problem}", video.display())));
    }
    let video = args.video.clone().unwrap_or_else(|| config.data_dir.join("demo.mp4"));
    let input = video.to_str().context("the video's path is not UTF-8")?.to_owned();
    tokio::task::block_in_place(|| draw(&Ffmpeg::new(config.ffmpeg.clone()), &video))?;
    eprintln!("drew a street of one minute: {input}");

    let rules = rules()?;
    let request = Request {
        inputs: &[input],
        rules: rules.clone(),
        looking: &args.looking,
        cut: args.cut,
        range: (None, None),
        start: None,
        name: Some("demo"),
    };
    let (ended, counted) = count(&data, request, config).await?;
    if ended == Ended::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let counted = counted.first().context("nothing was counted")?;
    let report = counted.report(&*data.store).await?;
    counted.warn(&*data.store, &report).await?;
    let scene = street();
    let truth = truth(&scene, &rules.resolve(scene.size)?);
    let right = compare(&mut std::io::stdout().lock(), &report, &truth)?;
    if !args.no_pictures {
        let pictures = PicturesArgs::beside(&video);
        counted.draw(&pictures, &data, config).await?;
        let mut out = std::io::stdout().lock();
        writeln!(out)?;
        for file in pictures.files() {
            writeln!(out, "{}", file.display())?;
        }
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Draws the street as a video; the same bytes at every call on one machine.
fn draw(ffmpeg: &Ffmpeg, video: &std::path::Path) -> Result<()> {
    let scene = street();
    let total_us = scene.time(scene.frames).0;
    let mut bar = FootageBar::new("drawing", total_us);
    let mut writer = VideoWriter::create(ffmpeg, video, scene.size, scene.rate, None)?;
    let mut drawn = 0;
    render(&scene, &mut |rgb| {
        drawn += 1;
        bar.show(scene.time(drawn).0, u64::from(drawn));
        writer.write(rgb)
    })?;
    writer.finish()?;
    Ok(())
}

/// Prints counts beside truth; whether they are the same.
fn compare(out: &mut impl Write, report: &Report, truth: &Truth) -> Result<bool> {
    let mut rows = Vec::new();
    for line in &report.lines {
        for class in ["person", "car"] {
            let counts = line.by_class.get(class).copied().unwrap_or_default();
            for (direction, counted) in [(Direction::In, counts.count_in), (Direction::Out, counts.count_out)]
            {
                let crossed = truth.crossed(&line.name, direction, class);
                rows.push((&line.name, class, direction.as_str(), counted, crossed));
            }
        }
    }
    for zone in &report.zones {
        rows.push((&zone.name, "all", "entered", zone.entered, truth.entered(&zone.name)));
        rows.push((&zone.name, "all", "left", zone.left, truth.left(&zone.name)));
    }
    let mut right = true;
    writeln!(out, "{:<8}{:<8}{:<9}{:>7}{:>7}", "", "class", "", "counted", "truth")?;
    for (name, class, way, counted, crossed) in rows {
        let same = i64::try_from(crossed) == Ok(counted);
        right &= same;
        let remark = if same { "" } else { "  <- differs" };
        writeln!(out, "{name:<8}{class:<8}{way:<9}{counted:>7}{crossed:>7}{remark}")?;
    }
    writeln!(out, "\n{}", if right { "every count is true" } else { "not every count is true" })?;
    Ok(right)
}
