//! `camcount demo`: draws a street, counts it like any other footage, and holds the counts against the truth.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use camcount_decode::{Ffmpeg, VideoWriter};
use camcount_domain::Direction;
use clap::Args;

use super::{
    INTERRUPTED,
    count::{LookingArgs, Request, count},
};
use crate::{
    config::Config,
    demo::{Truth, render, rules, street, truth},
    embedded::{DataDir, Ended},
    pictures::PicturesArgs,
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
}

/// Runs the command.
pub(crate) async fn run(args: &DemoArgs, config: &Config) -> Result<ExitCode> {
    let data = DataDir::open(&config.data_dir).await?;
    let video = args.video.clone().unwrap_or_else(|| config.data_dir.join("demo.mp4"));
    let input = video.to_str().context("the video's path is not UTF-8")?.to_owned();
    tokio::task::block_in_place(|| draw(&Ffmpeg::new(config.ffmpeg.clone()), &video))?;
    eprintln!("drew a street of one minute: {input}");

    let rules = rules()?;
    let request = Request {
        inputs: &[input],
        rules: rules.clone(),
        looking: &args.looking,
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
    let scene = street();
    let right = compare(&report, &truth(&scene, &rules.resolve(scene.size)?));
    if !args.no_pictures {
        let pictures = PicturesArgs::beside(&video);
        counted.draw(&pictures, &data, config).await?;
        println!();
        pictures.files().for_each(|file| println!("{}", file.display()));
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
fn compare(report: &Report, truth: &Truth) -> bool {
    let mut right = true;
    let mut say = |what: &str, class: &str, way: &str, counted: i64, true_count: usize| {
        let same = i64::try_from(true_count) == Ok(counted);
        right &= same;
        println!(
            "{what:<8}{class:<8}{way:<9}{counted:>7}{true_count:>7}  {}",
            if same { "" } else { "<- differs" }
        );
    };
    say_heading();
    for line in &report.lines {
        for class in ["person", "car"] {
            let counts = line.by_class.get(class).copied().unwrap_or_default();
            say(&line.name, class, "in", counts.count_in, truth.crossed(&line.name, Direction::In, class));
            say(&line.name, class, "out", counts.count_out, truth.crossed(&line.name, Direction::Out, class));
        }
    }
    for zone in &report.zones {
        say(&zone.name, "all", "entered", zone.entered, truth.entered(&zone.name));
        say(&zone.name, "all", "left", zone.left, truth.left(&zone.name));
    }
    println!("\n{}", if right { "every count is true" } else { "not every count is true" });
    right
}

fn say_heading() {
    println!("{:<8}{:<8}{:<9}{:>7}{:>7}", "", "class", "", "counted", "truth");
}
