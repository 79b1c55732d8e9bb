//! What is drawn over one frame: zones, lines, where objects are and how they came, and the running counts.

use std::collections::{BTreeMap, VecDeque};

use camcount_domain::{
    Anchor, Direction, Line, MediaTime, Point, Ruleset, SegmentCounts, TrackId, TrackedFrame, TrackedObject,
};

use super::{
    canvas::{Area, At, Canvas, Style, overlap},
    lettering::Weight,
    palette::{self, Rgb},
    panel::{LineCount, Panel},
};

/// For how long the way behind an object is shown, in microseconds.
const TAIL_US: i64 = 2_000_000;
/// Shades in which that way fades.
const TAIL_PIECES: usize = 5;
/// For how long a crossing is shown on the object and the line, in microseconds.
const CROSSED_US: i64 = 1_000_000;

/// Everything that is remembered from frame to frame.
pub(super) struct Overlay<'a> {
    rules: &'a Ruleset,
    panel: Panel,
    size: (f32, f32),
    lines: Vec<LineCount>,
    inside: Vec<i64>,
    tails: BTreeMap<TrackId, VecDeque<(MediaTime, At)>>,
    /// By line and by object: when they last had a crossing shown.
    crossed: Vec<Option<MediaTime>>,
    crossers: BTreeMap<TrackId, (MediaTime, usize)>,
}

impl<'a> Overlay<'a> {
    /// Before the first frame.
    pub(super) fn new(canvas: &Canvas, rules: &'a Ruleset, camera: &str, longest_clock: &str) -> Self {
        let size = canvas.size();
        Self {
            rules,
            panel: Panel::new(canvas, rules, camera, longest_clock, text_px(size.1)),
            size,
            lines: vec![LineCount::default(); rules.lines.len()],
            inside: vec![0; rules.zones.len()],
            tails: BTreeMap::new(),
            crossed: vec![None; rules.lines.len()],
            crossers: BTreeMap::new(),
        }
    }

    /// Takes in what the next frame showed and what it added to the counts.
    pub(super) fn see(&mut self, frame: &TrackedFrame, counts: &SegmentCounts) {
        for crossing in &counts.crossings {
            let Some(line) = self.rules.lines.iter().position(|l| l.name == crossing.line) else { continue };
            match crossing.direction {
                Direction::In => self.lines[line].count_in += 1,
                Direction::Out => self.lines[line].count_out += 1,
            }
            self.crossed[line] = Some(frame.time);
            self.crossers.insert(crossing.track, (frame.time, line));
        }
        let observed_us: i64 = counts.coverage.iter().map(|c| c.observed_us).sum();
        for (zone, inside) in self.rules.zones.iter().zip(&mut self.inside) {
            let rows = counts.zones.iter().filter(|row| row.zone == zone.name);
            let occupied_us: i64 = rows.map(|row| row.occupied_us).sum();
            // Between two frames the same objects are inside all the time.
            *inside = occupied_us.checked_div(observed_us).unwrap_or(*inside);
        }
        for object in &frame.objects {
            let at = self.place(Anchor::default().of(&object.bbox));
            self.tails.entry(object.track).or_default().push_back((frame.time, at));
        }
        for tail in self.tails.values_mut() {
            while tail.front().is_some_and(|(time, _)| frame.time.since_us(*time) > TAIL_US) {
                tail.pop_front();
            }
        }
        self.tails.retain(|_, tail| !tail.is_empty());
        self.crossers.retain(|_, (time, _)| frame.time.since_us(*time) <= CROSSED_US);
    }

    fn place(&self, point: Point) -> At {
        (point.x as f32 * self.size.0, point.y as f32 * self.size.1)
    }

    /// Pixels of a picture 540 pixels high, in this one.
    fn px(&self, at_540: f32) -> f32 {
        at_540 * self.size.1 / 540.0
    }

    /// Draws the frame's overlay.
    pub(super) fn draw(&self, canvas: &mut Canvas, frame: &TrackedFrame, classes: &[String], clock: &str) {
        let mut taken = vec![self.panel.area];
        self.rules(canvas, Some(frame.time));
        for (track, tail) in &self.tails {
            self.tail(canvas, frame.time, *track, tail);
        }
        for object in &frame.objects {
            self.object_box(canvas, object);
        }
        self.names(canvas, &mut taken);
        for object in &frame.objects {
            let class = classes.get(usize::from(object.class)).map_or("", String::as_str);
            self.label(canvas, object, class, &mut taken);
        }
        self.panel.draw(canvas, self.rules, clock, &self.lines, &self.inside);
    }

    /// Zones and lines; on footage, at a time, zones are filled and lines that were just crossed thicker.
    pub(super) fn rules(&self, canvas: &mut Canvas, now: Option<MediaTime>) {
        for (n, zone) in self.rules.zones.iter().enumerate() {
            let colour = palette::rule(self.rules.lines.len() + n);
            let corners: Vec<At> = zone.polygon.0.iter().map(|p| self.place(*p)).collect();
            if now.is_some() {
                canvas.polygon(&corners, colour, 0.16);
            }
            canvas.outline(&corners, self.px(2.0).max(1.0), colour, 0.9);
        }
        for (n, line) in self.rules.lines.iter().enumerate() {
            let since = now.zip(self.crossed[n]).map(|(now, crossed)| now.since_us(crossed));
            self.line(canvas, line, palette::rule(n), since.is_some_and(|us| us <= CROSSED_US / 2));
        }
    }

    /// The line with its arrow for in. One that was just crossed is thicker.
    fn line(&self, canvas: &mut Canvas, line: &Line, colour: Rgb, fresh: bool) {
        let (a, b) = (self.place(line.from), self.place(line.to));
        let width = self.px(if fresh { 7.0 } else { 4.0 }).max(2.0);
        canvas.line(&[a, b], width + self.px(2.0).max(1.0), palette::DARK, 0.6);
        canvas.line(&[a, b], width, colour, 1.0);
        let (root, tip) = self.arrow(line);
        let head = self.px(9.0).max(5.0);
        let (dx, dy) = unit(root, tip);
        let back = (tip.0 - dx * head, tip.1 - dy * head);
        let wings = [
            (back.0 - dy * head * 0.6, back.1 + dx * head * 0.6),
            tip,
            (back.0 + dy * head * 0.6, back.1 - dx * head * 0.6),
        ];
        let shaft = self.px(3.0).max(1.5);
        canvas.line(&[root, back], shaft + self.px(2.0).max(1.0), palette::DARK, 0.6);
        canvas.outline(&wings, self.px(2.0).max(1.0), palette::DARK, 0.6);
        canvas.line(&[root, back], shaft, colour, 1.0);
        canvas.polygon(&wings, colour, 1.0);
    }

    /// From the middle of the line to its right, as seen on the way from its first point to its second.
    fn arrow(&self, line: &Line) -> (At, At) {
        let (a, b) = (self.place(line.from), self.place(line.to));
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let (dx, dy) = unit(a, b);
        let length = self.px(34.0).max(16.0);
        (middle, (middle.0 - dy * length, middle.1 + dx * length))
    }

    fn tail(&self, canvas: &mut Canvas, now: MediaTime, track: TrackId, tail: &VecDeque<(MediaTime, At)>) {
        let colour = self.colour_of(track);
        // In a few pieces: strokes are dear, and shades in between tell nothing.
        let last = tail.len().saturating_sub(1);
        let length = tail.len().div_ceil(TAIL_PIECES).max(1);
        for first in (0..last).step_by(length) {
            let points: Vec<At> = tail.range(first..=last.min(first + length)).map(|(_, at)| *at).collect();
            let age = tail.get(first).map_or(0, |(time, _)| now.since_us(*time)) as f32 / TAIL_US as f32;
            canvas.piece(&points, self.px(2.5).max(1.2), colour, (1.05 - 0.85 * age).clamp(0.1, 0.95));
        }
    }

    /// An object that has just crossed a line has the line's colour.
    fn colour_of(&self, track: TrackId) -> Rgb {
        self.crossers.get(&track).map_or(palette::OBJECT, |(_, line)| palette::rule(*line))
    }

    fn corners(&self, object: &TrackedObject) -> Area {
        let (width, height) = self.size;
        let bbox = object.bbox;
        [
            bbox.left as f32 * width,
            bbox.top as f32 * height,
            bbox.right as f32 * width,
            bbox.bottom as f32 * height,
        ]
    }

    fn object_box(&self, canvas: &mut Canvas, object: &TrackedObject) {
        let [left, top, right, bottom] = self.corners(object);
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        let crossed = self.crossers.contains_key(&object.track);
        let width = self.px(if crossed { 3.5 } else { 1.8 }).max(1.2);
        canvas.outline(&corners, width + self.px(1.5).max(1.0), palette::DARK, 0.45);
        canvas.outline(&corners, width, self.colour_of(object.track), 1.0);
    }

    /// Names of lines before their first point, names of zones at their lowest side, where
    /// they hide least of whoever is inside.
    pub(super) fn names(&self, canvas: &mut Canvas, taken: &mut Vec<Area>) {
        let size = text_px(self.size.1);
        let mut name = |canvas: &mut Canvas, text: &str, places: &[At], size: f32, colour: Rgb| {
            let area_at = |at: At| canvas.plate_area(text, at, size, Weight::Bold);
            let places: Vec<At> = places.iter().map(|at| self.clamped(*at, area_at(*at))).collect();
            let free = places.iter().find(|at| !taken.iter().any(|area| overlap(*area, area_at(**at))));
            let Some(at) = free.or(places.first()).copied() else { return };
            taken.push(area_at(at));
            let style = Style { size, weight: Weight::Bold, colour: palette::text_on(colour) };
            canvas.plate(text, at, style, (colour, 0.92));
        };
        for (n, line) in self.rules.lines.iter().enumerate() {
            let (a, b) = (self.place(line.from), self.place(line.to));
            let (dx, dy) = unit(a, b);
            let away = size * 1.1 + dx.abs() * canvas.width_of(&line.name, size, Weight::Bold) / 2.0;
            let places = [(a.0 - dx * away, a.1 - dy * away), (b.0 + dx * away, b.1 + dy * away)];
            name(canvas, &line.name, &places, size, palette::rule(n));
            let tip = self.arrow(line).1;
            let small = size * 0.8;
            let places = [(tip.0 - dy * small * 1.1, tip.1 + dx * small * 1.1)];
            name(canvas, "in", &places, small, palette::rule(n));
        }
        for (n, zone) in self.rules.zones.iter().enumerate() {
            let corners: Vec<At> = zone.polygon.0.iter().map(|p| self.place(*p)).collect();
            let sides = corners.iter().zip(corners.iter().cycle().skip(1));
            let mut middles: Vec<At> = sides.map(|(a, b)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)).collect();
            middles.sort_by(|a, b| b.1.total_cmp(&a.1));
            name(canvas, &zone.name, &middles, size, palette::rule(self.rules.lines.len() + n));
        }
    }

    /// Moves a plate's middle so that all of it is in the picture.
    fn clamped(&self, at: At, area: Area) -> At {
        let edge = self.px(3.0);
        let push = |low: f32, high: f32, most: f32| (edge - low).max(0.0) - (high + edge - most).max(0.0);
        (at.0 + push(area[0], area[2], self.size.0), at.1 + push(area[1], area[3], self.size.1))
    }

    /// Class and number, where there is room for them: above the box, below it, or nowhere.
    fn label(&self, canvas: &mut Canvas, object: &TrackedObject, class: &str, taken: &mut Vec<Area>) {
        let size = text_px(self.size.1) * 0.8;
        let [left, top, right, bottom] = self.corners(object);
        let (middle, away) = ((left + right) / 2.0, size * 0.8);
        for text in [format!("{class} {}", object.track.0), object.track.0.to_string()] {
            for at in [(middle, top - away), (middle, bottom + away)] {
                let at = self.clamped(at, canvas.plate_area(&text, at, size, Weight::Regular));
                let area = canvas.plate_area(&text, at, size, Weight::Regular);
                if !taken.iter().any(|other| overlap(*other, area)) {
                    taken.push(area);
                    let style = Style { size, weight: Weight::Regular, colour: palette::WHITE };
                    canvas.plate(&text, at, style, (palette::DARK, 0.62));
                    return;
                }
            }
        }
    }
}

/// Size of text in a picture of this height: legible when it is shown small, and small when it is shown large.
pub(super) fn text_px(height: f32) -> f32 {
    (height * 0.029).max(11.0)
}

fn unit(a: At, b: At) -> At {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).sqrt().max(1e-3);
    (dx / length, dy / length)
}
