//! Pictures of a count, for reports: the footage with everything burnt in that was seen and counted, a plot over
//! time, and a map of where objects were.
//!
//! Counts come from the store, tracks from folding the stored detections again; only the annotated video needs the
//! footage a second time.

mod annotate;
mod axis;
mod canvas;
mod heatmap;
mod lettering;
mod overlay;
mod palette;
mod panel;
mod plot;
mod refold;
mod series;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camcount_decode::Ffmpeg;
use camcount_domain::{Detector, MediaTime, Pass, Ruleset};
use clap::Args;

use crate::{media_range, place::Place};

/// Pictures that are asked for.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PicturesArgs {
    /// Write the looked-at frames with boxes, tracks, lines, zones and running counts drawn in, as MP4; of several
    /// inputs each gets a file with its name
    #[arg(long, value_name = "FILE")]
    pub annotate: Option<PathBuf>,
    /// Draw crossings and occupancy over time, as PNG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Draw where objects were, over a still of the scene, as PNG
    #[arg(long, value_name = "FILE")]
    pub heatmap: Option<PathBuf>,
}

/// What pictures are of.
pub(crate) struct Subject<'a> {
    /// The camera's name.
    pub camera: &'a str,
    /// Where its footage begins.
    pub start: MediaTime,
    /// Whether media times are true.
    pub start_known: bool,
    /// What was counted.
    pub pass: &'a Pass,
    /// By which rules.
    pub rules: &'a Ruleset,
    /// With which detector.
    pub detector: &'a Detector,
}

impl PicturesArgs {
    /// All three, called after `video` and beside it.
    pub(crate) fn beside(video: &Path) -> Self {
        let stem = video.file_stem().unwrap_or_default().to_string_lossy();
        let of = |what: &str| Some(video.with_file_name(format!("{stem}-{what}")));
        Self { annotate: of("annotated.mp4"), plot: of("plot.png"), heatmap: of("heatmap.png") }
    }

    /// The same with the camera's name before each ending.
    pub(crate) fn of_camera(&self, camera: &str) -> Self {
        let of = |file: &Option<PathBuf>| file.as_deref().map(|file| with_name(file, camera));
        Self { annotate: of(&self.annotate), plot: of(&self.plot), heatmap: of(&self.heatmap) }
    }

    /// The files that [`draw`] writes.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.annotate, &self.plot, &self.heatmap].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// `file` with `-name` before its ending; what no file name should hold becomes `_`.
fn with_name(file: &Path, name: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let ending = file.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{stem}-{name}{ending}"))
}

/// Draws the pictures that are asked for of one finished pass.
pub(crate) async fn draw(
    wanted: &PicturesArgs,
    data: &Place,
    ffmpeg: &Ffmpeg,
    subject: &Subject<'_>,
) -> Result<()> {
    if let Some(file) = &wanted.plot {
        let png = plot::plot(&*data.store, subject).await?;
        write(file, &png)?;
    }
    if let Some(file) = &wanted.heatmap {
        let png = heatmap::heatmap(data, ffmpeg, subject).await?;
        write(file, &png)?;
    }
    if let Some(file) = &wanted.annotate {
        annotate::annotate(data, ffmpeg, subject, file).await?;
    }
    Ok(())
}

fn write(file: &Path, png: &[u8]) -> Result<()> {
    std::fs::write(file, png).with_context(|| format!("{} cannot be written", file.display()))
}

/// A media time for people: the clock in UTC where it is known, otherwise the offset from the start.
fn clock(time: MediaTime, start: MediaTime, start_known: bool) -> String {
    let text = time.to_string();
    match text.split_once(['T', '.']) {
        Some((date, rest)) if start_known => format!("{date} {} UTC", rest.get(..8).unwrap_or(rest)),
        _ => media_range::offset(time.since_us(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_several_cameras_do_not_meet() {
        assert_eq!(with_name(Path::new("out/a.mp4"), "gate 1/x"), Path::new("out/a-gate_1_x.mp4"));
        assert_eq!(with_name(Path::new("a"), "b"), Path::new("a-b"));
        let files = PicturesArgs::beside(Path::new("/x/demo.mp4"));
        let files: Vec<_> = files.files().collect();
        assert_eq!(
            files,
            ["/x/demo-annotated.mp4", "/x/demo-plot.png", "/x/demo-heatmap.png"].map(Path::new)
        );
    }

    #[test]
    fn clocks_are_for_people() {
        let at = "2026-05-01T08:00:05.25Z".parse().unwrap();
        assert_eq!(clock(at, at, true), "2026-05-01 08:00:05 UTC");
        assert_eq!(clock(MediaTime(62_340_000), MediaTime(0), false), "1:02.3");
        assert_eq!(media_range::offset(3_723_000_000), "1:02:03");
    }
}
