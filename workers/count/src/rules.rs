//! A ruleset made ready for counting: in the units and with the lookups that every frame needs.

use camcount_domain::{Anchor, BoxF, FrameSize, Line, Point, Polygon, Ruleset, Zone};

/// Shapes closer to the border of the picture than this (a share of its sides) reach it.
const AT_BORDER: f64 = 1e-3;

/// A ruleset made ready for counting one camera's footage with one detector.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) lines: Vec<LineRule>,
    pub(crate) zones: Vec<ZoneRule>,
    classes: Vec<String>,
    aspect: f64,
}

/// A line in picture heights.
#[derive(Clone, Debug)]
pub(crate) struct LineRule {
    pub(crate) line: Line,
    pub(crate) from: Point,
    pub(crate) to: Point,
    /// Whether nobody can walk round these ends, since they lie on the border of the picture.
    pub(crate) from_closed: bool,
    pub(crate) to_closed: bool,
    wanted: Vec<bool>,
}

/// A zone in picture heights.
#[derive(Clone, Debug)]
pub(crate) struct ZoneRule {
    pub(crate) zone: Zone,
    pub(crate) polygon: Polygon,
    /// The widest dead band that leaves room inside, in picture heights.
    pub(crate) band_most: f64,
    wanted: Vec<bool>,
}

impl Rules {
    /// Makes `ruleset` ready for a detector with these `classes` and a picture of this `size`.
    #[must_use]
    pub fn new(ruleset: Ruleset, classes: Vec<String>, size: FrameSize) -> Self {
        let aspect = f64::from(size.width.max(1)) / f64::from(size.height.max(1));
        let wanted = |own: &[String]| -> Vec<bool> {
            let wants = |c: &String| ruleset.wants(c) && (own.is_empty() || own.contains(c));
            classes.iter().map(wants).collect()
        };
        let lines =
            ruleset.lines.iter().map(|l| LineRule::new(l.clone(), aspect, wanted(&l.classes))).collect();
        let zones =
            ruleset.zones.iter().map(|z| ZoneRule::new(z.clone(), aspect, wanted(&z.classes))).collect();
        Self { lines, zones, classes, aspect }
    }

    /// The name of a class; of one that the detector has no name for, its number.
    pub(crate) fn class_name(&self, class: u16) -> String {
        self.classes.get(usize::from(class)).cloned().unwrap_or_else(|| class.to_string())
    }

    /// The anchor's place on `bbox`, in picture heights.
    pub(crate) fn anchor(&self, anchor: Anchor, bbox: &BoxF) -> Point {
        scale(anchor.of(bbox), self.aspect)
    }
}

impl LineRule {
    fn new(line: Line, aspect: f64, wanted: Vec<bool>) -> Self {
        Self {
            from: scale(line.from, aspect),
            to: scale(line.to, aspect),
            from_closed: at_border(line.from),
            to_closed: at_border(line.to),
            line,
            wanted,
        }
    }

    /// Whether objects of this class are counted.
    pub(crate) fn wants(&self, class: u16) -> bool {
        self.wanted.get(usize::from(class)).copied().unwrap_or(false)
    }
}

impl ZoneRule {
    fn new(zone: Zone, aspect: f64, wanted: Vec<bool>) -> Self {
        let polygon = Polygon(zone.polygon.0.iter().map(|&p| scale(p, aspect)).collect());
        let around: f64 = polygon.sides().map(|(a, b)| distance(a, b)).sum();
        // Area over perimeter is at most the radius of the widest circle inside, and half of it in a strip.
        let band_most = if around > 0.0 { polygon.doubled_area().abs() / around / 4.0 } else { 0.0 };
        Self { zone, polygon, band_most, wanted }
    }

    /// Whether objects of this class are counted.
    pub(crate) fn wants(&self, class: u16) -> bool {
        self.wanted.get(usize::from(class)).copied().unwrap_or(false)
    }
}

fn scale(p: Point, aspect: f64) -> Point {
    Point { x: p.x * aspect, y: p.y }
}

fn at_border(p: Point) -> bool {
    let inside = AT_BORDER..=1.0 - AT_BORDER;
    !inside.contains(&p.x) || !inside.contains(&p.y)
}

/// Distance between two points.
pub(crate) fn distance(a: Point, b: Point) -> f64 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    (dx * dx + dy * dy).sqrt()
}

/// The point of the segment from `a` to `b` that is nearest to `p`.
pub(crate) fn nearest(a: Point, b: Point, p: Point) -> Point {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let square = dx * dx + dy * dy;
    if square == 0.0 {
        return a;
    }
    let share = (((p.x - a.x) * dx + (p.y - a.y) * dy) / square).clamp(0.0, 1.0);
    Point { x: a.x + share * dx, y: a.y + share * dy }
}
