//! `--plot`: crossings of every line and how full every zone was, over time. What nobody saw is hatched: zero is not
//! unknown.

use anyhow::Result;
use camcount_domain::{FrameSize, MediaTime};
use camcount_store::Store;

use super::{
    Subject,
    axis::{count_step, in_words, ticks},
    canvas::{Align, Area, Canvas, Style},
    clock,
    lettering::Weight,
    palette::{self, Rgb},
    series::{Crossings, Fullness, PARTS, Series},
};

/// Pixels across.
const WIDTH: f32 = 1500.0;
/// An em of ordinary text.
const EM: f32 = 22.0;
const LEFT: f32 = 96.0;
const RIGHT: f32 = WIDTH - 48.0;
const HEADING: f32 = 150.0;
const FOOTING: f32 = 96.0;
/// Of a panel: all of it, and what its title takes.
const PANEL: f32 = 258.0;
const TITLE: f32 = 54.0;
/// Between panels.
const SPACE: f32 = 26.0;

/// The picture as a PNG file's bytes.
pub(super) async fn plot(store: &dyn Store, subject: &Subject<'_>) -> Result<Vec<u8>> {
    let series = Series::read(store, subject).await?;
    let panels = series.lines.len() + series.zones.len();
    let height = HEADING + FOOTING + panels as f32 * PANEL;
    let canvas = Canvas::new(FrameSize { width: WIDTH as u32, height: height as u32 }, palette::WHITE)?;
    let mut plot = Plot { canvas, series: &series, subject };
    plot.heading();
    for panel in 0..panels {
        let top = HEADING + panel as f32 * PANEL;
        let area = [LEFT, top + TITLE, RIGHT, top + PANEL - SPACE];
        match panel.checked_sub(series.lines.len()) {
            None => plot.line(area, panel),
            Some(zone) => plot.zone(area, zone),
        }
    }
    plot.time_axis(height - FOOTING - SPACE);
    plot.canvas.png()
}

struct Plot<'a> {
    canvas: Canvas,
    series: &'a Series,
    subject: &'a Subject<'a>,
}

/// Counts to heights within an area.
#[derive(Clone, Copy)]
struct Scale {
    bottom: f32,
    per_one: f32,
    low: f32,
}

impl Scale {
    fn y(self, value: f32) -> f32 {
        self.bottom - (value - self.low) * self.per_one
    }
}

fn style(size: f32, weight: Weight, colour: Rgb) -> Style {
    Style { size, weight, colour }
}

impl Plot<'_> {
    fn heading(&mut self) {
        let Subject { camera, start, start_known, .. } = *self.subject;
        let Series { span, total, bin_us, .. } = self.series;
        self.canvas.text(camera, (LEFT, 42.0), Align::Left, style(34.0, Weight::Bold, palette::DARK));
        let (from, to) = (clock(span.start, start, start_known), clock(span.end, start, start_known));
        let seconds = |us: i64| format!("{:.1} s", us as f64 / 1e6);
        let told = format!(
            "{from} to {to}, {} a bar; observed {}, not observed {}",
            in_words(*bin_us),
            seconds(total.observed_us),
            seconds(total.gap_us),
        );
        let grey = style(EM, Weight::Regular, palette::GREY);
        self.canvas.text(&told, (LEFT, 84.0), Align::Left, grey);
        let versions = format!("{}   {}", self.subject.pass.detector, self.subject.pass.ruleset);
        self.canvas.text(&versions, (LEFT, 116.0), Align::Left, style(18.0, Weight::Regular, palette::GREY));
        let mut right = RIGHT;
        let zones = !self.series.zones.is_empty();
        let lines = !self.series.lines.is_empty();
        let keys = [
            ("not observed", None, true),
            ("out", Some(palette::OUT), lines),
            ("in", Some(palette::IN), lines),
        ];
        for (text, colour, wanted) in keys {
            if !wanted || (text != "not observed" && !lines && !zones) {
                continue;
            }
            let (size, weight) = (EM, Weight::Regular);
            self.canvas.text(text, (right, 42.0), Align::Right, style(size, weight, palette::DARK));
            right -= self.canvas.width_of(text, size, weight) + 10.0;
            let swatch = [right - 26.0, 33.0, right, 51.0];
            match colour {
                Some(colour) => self.canvas.area(swatch, colour, 1.0),
                None => self.unknown(swatch),
            }
            right -= 26.0 + 26.0;
        }
    }

    fn unknown(&mut self, area: Area) {
        self.canvas.area(area, palette::UNKNOWN, 0.3);
        self.canvas.hatch(area, 11.0, palette::GREY, 0.7);
    }

    /// Where a time lies on the axis.
    fn x(&self, time: MediaTime) -> f32 {
        let share = time.since_us(self.series.span.start) as f64 / self.series.span.len_us() as f64;
        LEFT + (RIGHT - LEFT) * share as f32
    }

    fn title(&mut self, area: Area, kind: &str, name: &str, colour: Rgb, unit: &str, sums: &str) {
        let y = area[1] - TITLE / 2.0 + 2.0;
        self.canvas.area([LEFT, y - 9.0, LEFT + 18.0, y + 9.0], colour, 1.0);
        let bold = style(24.0, Weight::Bold, palette::DARK);
        let title = format!("{kind} {name}");
        self.canvas.text(&title, (LEFT + 28.0, y), Align::Left, bold);
        let after = LEFT + 28.0 + self.canvas.width_of(&title, 24.0, Weight::Bold) + 14.0;
        self.canvas.text(unit, (after, y + 1.0), Align::Left, style(19.0, Weight::Regular, palette::GREY));
        self.canvas.text(sums, (RIGHT, y), Align::Right, style(EM, Weight::Regular, palette::DARK));
    }

    /// Grid, numbers, and what was not observed.
    fn ground(&mut self, area: Area, low: i64, high: i64, signed: bool) -> Scale {
        let [left, top, right, bottom] = area;
        let step = count_step((high - low).max(1), 4);
        let (low, high) = (low.div_euclid(step) * step, (high + step - 1).div_euclid(step) * step);
        let scale = Scale { bottom, per_one: (bottom - top) / (high - low).max(1) as f32, low: low as f32 };
        let mut from = 0;
        while from < self.series.parts.len() {
            let unseen = |n: usize| self.series.parts.get(n).is_some_and(|p| p.gap_us > p.observed_us);
            if unseen(from) {
                let to = (from..).find(|n| !unseen(*n)).unwrap_or(from + 1);
                let x = |n: usize| left + (right - left) * n as f32 / PARTS as f32;
                self.unknown([x(from), top, x(to), bottom]);
                from = to;
            }
            from += 1;
        }
        let mut value = low;
        while value <= high {
            let y = scale.y(value as f32);
            let colour = if value == 0 { palette::GREY } else { palette::FAINT };
            self.canvas.line(&[(left, y), (right, y)], 1.5, colour, 1.0);
            let number = if signed { value.abs() } else { value };
            let small = style(19.0, Weight::Regular, palette::GREY);
            self.canvas.text(&number.to_string(), (left - 12.0, y), Align::Right, small);
            value += step;
        }
        scale
    }

    /// Bars: in upwards, out downwards.
    fn line(&mut self, area: Area, line: usize) {
        let Some(rule) = self.subject.rules.lines.get(line) else { return };
        let bins = &self.series.lines[line];
        let sum = |of: fn(&Crossings) -> i64| bins.iter().map(of).sum::<i64>();
        let most = |of: fn(&Crossings) -> i64| bins.iter().map(of).max().unwrap_or(0);
        let sums = format!("in {}   out {}", sum(|b| b.count_in), sum(|b| b.count_out));
        let unit = format!("crossings per {}", in_words(self.series.bin_us));
        self.title(area, "line", &rule.name, palette::rule(line), &unit, &sums);
        let (up, down) = (most(|b| b.count_in).max(1), most(|b| b.count_out).max(1));
        let scale = self.ground(area, -down, up, true);
        for (n, bin) in bins.iter().enumerate() {
            let span = self.series.bin_span(n);
            let (left, right) = (self.x(span.start), self.x(span.end));
            let margin = ((right - left) * 0.12).min(6.0);
            let mut bar = |from: f32, to: f32, colour| {
                if from < to {
                    self.canvas.area([left + margin, from, right - margin, to], colour, 1.0);
                }
            };
            bar(scale.y(bin.count_in as f32), scale.y(0.0), palette::IN);
            bar(scale.y(0.0), scale.y(-bin.count_out as f32), palette::OUT);
        }
        let zero = scale.y(0.0);
        self.canvas.line(&[(area[0], zero), (area[2], zero)], 1.5, palette::GREY, 1.0);
    }

    /// The mean as steps, fewest to most as a band around it.
    fn zone(&mut self, area: Area, zone: usize) {
        let Some(rule) = self.subject.rules.zones.get(zone) else { return };
        let (bins, watch) = (&self.series.zones[zone], &self.series.watch);
        let colour = palette::rule(self.series.lines.len() + zone);
        let mean = |bin: &Fullness, observed_us: i64| bin.occupied_us as f64 / observed_us.max(1) as f64;
        let total: i64 = bins.iter().map(|bin| bin.occupied_us).sum();
        let most = bins.iter().filter_map(|bin| bin.range).map(|r| r.1).max().unwrap_or(0);
        let all = total as f64 / self.series.total.observed_us.max(1) as f64;
        let sums = format!("mean {all:.2}   most {most}");
        let unit =
            format!("objects inside: mean of {}, and from fewest to most", in_words(self.series.bin_us));
        self.title(area, "zone", &rule.name, colour, &unit, &sums);
        let scale = self.ground(area, 0, most.max(1), false);
        let mut steps = Vec::new();
        for (n, (bin, watch)) in bins.iter().zip(watch).enumerate() {
            let span = self.series.bin_span(n);
            let (left, right) = (self.x(span.start), self.x(span.end));
            let Some((least, most)) = bin.range.filter(|_| watch.observed_us > 0) else {
                self.canvas.line(&std::mem::take(&mut steps), 4.0, colour, 1.0);
                continue;
            };
            self.canvas.area([left, scale.y(most as f32), right, scale.y(least as f32)], colour, 0.25);
            let y = scale.y(mean(bin, watch.observed_us) as f32);
            steps.extend([(left, y), (right, y)]);
        }
        self.canvas.line(&steps, 4.0, colour, 1.0);
    }

    fn time_axis(&mut self, y: f32) {
        let Subject { start, start_known, .. } = *self.subject;
        for (time, text) in ticks(self.series.span, start, start_known) {
            let x = self.x(time);
            self.canvas.line(&[(x, y), (x, y + 8.0)], 1.5, palette::GREY, 1.0);
            self.canvas.text(
                &text,
                (x, y + 26.0),
                Align::Centre,
                style(19.0, Weight::Regular, palette::GREY),
            );
        }
        let unit = if start_known { "media time, UTC" } else { "time since the start, minutes:seconds" };
        let middle = (LEFT + RIGHT) / 2.0;
        self.canvas.text(
            unit,
            (middle, y + 58.0),
            Align::Centre,
            style(19.0, Weight::Regular, palette::GREY),
        );
    }
}
