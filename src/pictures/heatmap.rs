//! `--heatmap`: where objects were and for how long, over a still of the scene.

use anyhow::{Context, Result};
use camcount_decode::Ffmpeg;
use camcount_domain::{Anchor, FrameSize, Seq};

use super::{
    Subject,
    annotate::{counted_span, whole},
    canvas::{Align, Area, Canvas, Style},
    lettering::Weight,
    overlay::{Overlay, text_px},
    palette,
    refold::{FoldedSegment, Refold, picture_size},
};
use crate::{place::Place, progress::FootageBar};

/// Stills whose median is the scene; whoever moves is in few of them.
const STILLS: i64 = 7;
/// Cells of the map along the picture's height.
const ROWS: usize = 120;
/// How far an object's place is smeared, in cells: a thirtieth of the height, about a person's width nearby.
const BLUR_CELLS: f32 = 2.0;

/// Object-seconds by cell.
struct Density {
    columns: usize,
    cells: Vec<f32>,
}

impl Density {
    fn new(size: FrameSize) -> Self {
        let columns = (ROWS as f32 * size.width as f32 / size.height as f32).ceil().max(1.0) as usize;
        Self { columns, cells: vec![0.0; columns * ROWS] }
    }

    fn add(&mut self, folded: &FoldedSegment, subject: &Subject<'_>) {
        let continuity = folded.continuity(subject);
        for frame in &folded.frames {
            for object in &frame.tracked.objects {
                let at = Anchor::default().of(&object.bbox);
                let cell = |share: f64, count: usize| ((share * count as f64) as usize).min(count - 1);
                self.cells[cell(at.y, ROWS) * self.columns + cell(at.x, self.columns)] +=
                    continuity.interval_us as f32 / 1e6;
            }
        }
    }

    /// Smeared along both axes with a normal curve; what is smeared over the picture's edge is lost.
    fn blurred(&self) -> Self {
        let reach = (3.0 * BLUR_CELLS).ceil() as isize;
        let weight = |d: isize| (-(d * d) as f32 / (2.0 * BLUR_CELLS * BLUR_CELLS)).exp();
        let total: f32 = (-reach..=reach).map(weight).sum();
        let along = |cells: &[f32], step: (isize, isize)| -> Vec<f32> {
            let place = |row: isize, column: isize| {
                let inside =
                    (0..ROWS as isize).contains(&row) && (0..self.columns as isize).contains(&column);
                inside.then(|| row as usize * self.columns + column as usize)
            };
            let cell = |n: usize| {
                let (row, column) = ((n / self.columns) as isize, (n % self.columns) as isize);
                let near =
                    (-reach..=reach).filter_map(|d| Some((d, place(row + d * step.0, column + d * step.1)?)));
                near.map(|(d, n)| cells[n] * weight(d)).sum::<f32>() / total
            };
            (0..cells.len()).map(cell).collect()
        };
        let across = along(&self.cells, (0, 1));
        Self { columns: self.columns, cells: along(&across, (1, 0)) }
    }

    /// The density at a place given in shares of the picture, between cells.
    fn at(&self, x: f32, y: f32) -> f32 {
        let split = |share: f32, count: usize| {
            let place = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            (place as usize, (place as usize + 1).min(count - 1), place.fract())
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (split(x, self.columns), split(y, ROWS));
        let row = |y: usize| {
            let (a, b) = (self.cells[y * self.columns + x0], self.cells[y * self.columns + x1]);
            a + (b - a) * fx
        };
        row(y0) + (row(y1) - row(y0)) * fy
    }
}

/// The picture as a PNG file's bytes.
pub(super) async fn heatmap(data: &Place, ffmpeg: &Ffmpeg, subject: &Subject<'_>) -> Result<Vec<u8>> {
    let size = picture_size(data, subject).await?;
    let last = subject.pass.last.unwrap_or(subject.pass.first);
    let segments = last.0 - subject.pass.first.0 + 1;
    let mut due: Vec<Seq> = (0..STILLS.min(segments))
        .map(|n| Seq(subject.pass.first.0 + n * segments / STILLS.min(segments)))
        .collect();
    let mut bar = FootageBar::new("mapping", segments.saturating_mul(1_000_000));
    let (mut density, mut stills, mut objects) = (Density::new(size), Vec::new(), false);
    let mut refold = Refold::new(data, subject)?;
    while let Some(folded) = refold.next().await? {
        density.add(&folded, subject);
        objects |= folded.frames.iter().any(|f| !f.tracked.objects.is_empty());
        if due.first().is_some_and(|seq| *seq <= folded.segment.seq) && !folded.frames.is_empty() {
            due.remove(0);
            stills.extend(tokio::task::block_in_place(|| still(ffmpeg, subject, &folded, size))?);
        }
        bar.show((folded.segment.seq.0 - subject.pass.first.0) * 1_000_000, 0);
    }
    let scene = median(&stills).context("a heatmap needs a frame of the scene, and there is none")?;
    let mut canvas = Canvas::new(size, palette::DARK)?;
    canvas.load(&scene);
    draw(&mut canvas, &density.blurred(), objects, subject);
    canvas.png()
}

/// The first looked-at frame of a segment.
fn still(
    ffmpeg: &Ffmpeg,
    subject: &Subject<'_>,
    folded: &FoldedSegment,
    size: FrameSize,
) -> Result<Option<Vec<u8>>> {
    let span = counted_span(folded, subject);
    let mut frames = ffmpeg.frames(&folded.recording, span, subject.detector.rate, &whole(size))?;
    Ok(frames.next().transpose()?.map(|frame| frame.data.to_vec()))
}

fn median(stills: &[Vec<u8>]) -> Option<Vec<u8>> {
    let first = stills.first()?;
    let mut values = Vec::with_capacity(stills.len());
    let byte = |n| {
        values.clear();
        values.extend(stills.iter().filter_map(|still| still.get(n)).copied());
        let middle = values.len() / 2;
        *values.select_nth_unstable(middle).1
    };
    Some((0..first.len()).map(byte).collect())
}

/// Where the scale ends: one cell in 300 of those where anybody was has more. Otherwise a single object that
/// never moves would outshine everything.
fn top(density: &Density) -> (f32, bool) {
    let most = density.cells.iter().copied().fold(0.0, f32::max);
    let mut visited: Vec<f32> = density.cells.iter().copied().filter(|c| *c > most / 1000.0).collect();
    let place = visited.len() * 299 / 300;
    if place >= visited.len() {
        return (1e-6, false);
    }
    let top = *visited.select_nth_unstable_by(place, f32::total_cmp).1;
    (top, top < most)
}

fn draw(canvas: &mut Canvas, density: &Density, objects: bool, subject: &Subject<'_>) {
    let (width, height) = canvas.size();
    let (top, more) = top(density);
    // The root shows ways that are walked once beside places where people stand.
    canvas.tint(|column, row| {
        let here = density.at((column as f32 + 0.5) / width, (row as f32 + 0.5) / height);
        let share = (here / top).sqrt().min(1.0);
        (palette::heat(share), (share * 3.0).min(0.82))
    });
    let overlay = Overlay::new(canvas, subject.rules, subject.camera, "");
    overlay.rules(canvas, None);
    // A cell is 1/columns of the width and 1/ROWS of the height.
    let per_percent = top * density.columns as f32 / 100.0 * ROWS as f32 / 100.0;
    let scale = objects.then_some((per_percent, more));
    let plate = legend(canvas, scale, subject.camera);
    overlay.names(canvas, &mut vec![plate]);
}

/// A bar of the colours with what they stand for: the end of the scale, and whether there is more than that. Returns
/// what it covers.
fn legend(canvas: &mut Canvas, scale: Option<(f32, bool)>, camera: &str) -> Area {
    let (width, height) = canvas.size();
    let size = text_px(height);
    let bold = Style { size, weight: Weight::Bold, colour: palette::WHITE };
    let small = Style { size: size * 0.85, weight: Weight::Regular, colour: palette::WHITE };
    let title = canvas.fitted(&format!("where objects were: {camera}"), size, Weight::Bold, width * 0.6);
    let unit = "object-seconds per 1 % x 1 % of the picture";
    let unit_width = canvas.width_of(unit, small.size, Weight::Regular);
    let bar_width = canvas.width_of(&title, size, Weight::Bold).max(unit_width);
    let (left, top) = (size * 1.2, size * 0.6);
    let rows = if scale.is_some() { 6.0 } else { 3.4 };
    let plate = [size * 0.6, top, left + bar_width + size * 0.6, top + size * rows];
    canvas.area(plate, palette::DARK, 0.78);
    canvas.text(&title, (left, top + size * 1.1), Align::Left, bold);
    let Some((most, more)) = scale else {
        canvas.text("nobody was seen", (left, top + size * 2.4), Align::Left, small);
        return plate;
    };
    canvas.text(unit, (left, top + size * 2.4), Align::Left, small);
    let (bar_top, bar_bottom) = (top + size * 3.3, top + size * 4.2);
    let steps = 128;
    for step in 0..steps {
        // Each to the end, under the next, so that there are no seams.
        let x = left + bar_width * step as f32 / steps as f32;
        let shade = palette::heat(step as f32 / (steps - 1) as f32);
        canvas.area([x, bar_top, left + bar_width, bar_bottom], shade, 1.0);
    }
    for (share, align) in [(0.0_f32, Align::Left), (0.25, Align::Centre), (1.0, Align::Right)] {
        let x = left + bar_width * share.sqrt();
        canvas.line(&[(x, bar_bottom), (x, bar_bottom + size * 0.25)], 1.0, palette::WHITE, 1.0);
        let mut text = shown(share * most);
        if share == 1.0 && more {
            text.push_str(" or more");
        }
        canvas.text(&text, (x, bar_bottom + size * 0.95), align, small);
    }
    plate
}

/// Two places that tell something.
fn shown(value: f32) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 1.0 => format!("{v:.2}"),
        v if v < 10.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blurring_keeps_what_lies_inside() {
        let mut density = Density::new(FrameSize { width: 640, height: 360 });
        let middle = 60 * density.columns + 100;
        density.cells[middle] = 5.0;
        let blurred = density.blurred();
        assert!((blurred.cells.iter().sum::<f32>() - 5.0).abs() < 1e-3);
        assert!(blurred.cells.iter().all(|c| *c <= blurred.cells[middle]));
        let at = blurred.at(100.5 / density.columns as f32, 60.5 / ROWS as f32);
        assert!((at - blurred.cells[middle]).abs() < 1e-4);
    }

    #[test]
    fn the_median_forgets_who_was_there_once() {
        let stills = [vec![10, 200], vec![10, 20], vec![250, 20]];
        assert_eq!(median(&stills), Some(vec![10, 20]));
        assert_eq!(median(&[]), None);
    }
}
