//! The panel of running counts, in the corner of the picture where it hides least.

use camcount_domain::{Point, Ruleset};

use super::{
    canvas::{Align, Area, At, Canvas, Style, overlap},
    lettering::Weight,
    palette,
};

/// Where the panel lies, and its columns.
pub(super) struct Panel {
    pub(super) area: Area,
    size: f32,
    title: String,
}

/// What it says of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineCount {
    pub(super) count_in: i64,
    pub(super) count_out: i64,
}

/// Widths in ems.
const SWATCH: f32 = 1.3;
const NUMBER: f32 = 2.9;
const ROW: f32 = 1.5;
const MARGIN: f32 = 0.6;

impl Panel {
    /// For these rules on `canvas`, text of `size` pixels.
    pub(super) fn new(canvas: &Canvas, rules: &Ruleset, title: &str, longest_clock: &str, size: f32) -> Self {
        let wide = |text: &str, weight| canvas.width_of(text, size, weight);
        let names = rules.lines.iter().map(|l| &l.name).chain(rules.zones.iter().map(|z| &z.name));
        let name = names.map(|n| wide(n, Weight::Regular)).fold(0.0, f32::max);
        let rows = 2
            + if rules.lines.is_empty() { 0 } else { 1 + rules.lines.len() }
            + if rules.zones.is_empty() { 0 } else { 1 + rules.zones.len() };
        let (picture_width, picture_height) = canvas.size();
        let title = canvas.fitted(title, size, Weight::Bold, picture_width * 0.3);
        let heading = wide(&title, Weight::Bold).max(wide(longest_clock, Weight::Regular));
        let table = SWATCH * size + name + 2.0 * NUMBER * size;
        let width = heading.max(table) + 2.0 * MARGIN * size;
        let height = (rows as f32 * ROW + 2.0 * MARGIN) * size;
        let edge = size * 0.6;
        let (right, bottom) = (picture_width - edge - width, picture_height - edge - height);
        let corners = [(edge, edge), (right, edge), (edge, bottom), (right, bottom)];
        let area_at = |(x, y): At| [x, y, x + width, y + height];
        let hidden = |corner: &At| hidden(rules, area_at(*corner), (picture_width, picture_height));
        // The first of those that hide least.
        let best = corners.iter().min_by_key(|corner| hidden(corner)).copied().unwrap_or((edge, edge));
        Self { area: area_at(best), size, title }
    }

    /// Draws it.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        rules: &Ruleset,
        clock: &str,
        lines: &[LineCount],
        inside: &[i64],
    ) {
        let size = self.size;
        canvas.area(self.area, palette::DARK, 0.78);
        let style = |weight, colour| Style { size, weight, colour };
        let (bold, regular) = (style(Weight::Bold, palette::WHITE), style(Weight::Regular, palette::WHITE));
        let faint = Style { size: size * 0.85, weight: Weight::Regular, colour: palette::UNKNOWN };
        let left = self.area[0] + MARGIN * size;
        let right = self.area[2] - MARGIN * size;
        let mut y = self.area[1] + (MARGIN + ROW / 2.0) * size;
        let mut next = || {
            y += ROW * size;
            y - ROW * size
        };
        let heading = next();
        canvas.text(&self.title, (left, heading), Align::Left, bold);
        let time = next();
        canvas.text(clock, (left, time), Align::Left, regular);
        let first = right - NUMBER * size;
        if !rules.lines.is_empty() {
            let y = next();
            canvas.text("crossed", (left, y), Align::Left, faint);
            canvas.text("in", (first, y), Align::Right, faint);
            canvas.text("out", (right, y), Align::Right, faint);
        }
        for (n, (line, count)) in rules.lines.iter().zip(lines).enumerate() {
            let y = next();
            canvas.line(&[(left, y), (left + 0.8 * size, y)], size * 0.28, palette::rule(n), 1.0);
            canvas.text(&line.name, (left + SWATCH * size, y), Align::Left, regular);
            canvas.text(&count.count_in.to_string(), (first, y), Align::Right, bold);
            canvas.text(&count.count_out.to_string(), (right, y), Align::Right, bold);
        }
        if !rules.zones.is_empty() {
            let y = next();
            canvas.text("zone", (left, y), Align::Left, faint);
            canvas.text("inside now", (right, y), Align::Right, faint);
        }
        for (n, (zone, inside)) in rules.zones.iter().zip(inside).enumerate() {
            let (y, half) = (next(), 0.4 * size);
            let swatch = [left, y - half, left + 2.0 * half, y + half];
            canvas.area(swatch, palette::rule(rules.lines.len() + n), 1.0);
            canvas.text(&zone.name, (left + SWATCH * size, y), Align::Left, regular);
            canvas.text(&inside.to_string(), (right, y), Align::Right, bold);
        }
    }
}

/// How much of the rules an area hides: points along lines and borders of zones.
fn hidden(rules: &Ruleset, area: Area, (width, height): (f32, f32)) -> usize {
    let along = |a: Point, b: Point| {
        (0..=40).filter(move |step| {
            let share = f64::from(*step) / 40.0;
            let x = (a.x + (b.x - a.x) * share) as f32 * width;
            let y = (a.y + (b.y - a.y) * share) as f32 * height;
            overlap(area, [x - 1.0, y - 1.0, x + 1.0, y + 1.0])
        })
    };
    let lines = rules.lines.iter().map(|line| along(line.from, line.to).count() * 2);
    let zones = rules.zones.iter().flat_map(|zone| zone.polygon.sides());
    lines.sum::<usize>() + zones.map(|(a, b)| along(a, b).count()).sum::<usize>()
}
