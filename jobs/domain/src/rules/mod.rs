//! Lines, zones and rulesets: where to count and by which policies.

mod draft;
#[cfg(test)]
mod properties;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use draft::{Coordinate, LineDraft, PointDraft, RulesDraft, ZoneDraft};

use crate::{BoxF, MediaTime, Point, Polygon, RulesetVersion, content_hash};

/// Which point of an object's box is the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Top left corner.
    TopLeft,
    /// Middle of the top edge.
    Top,
    /// Top right corner.
    TopRight,
    /// Middle of the left edge.
    Left,
    /// Centre.
    Centre,
    /// Middle of the right edge.
    Right,
    /// Bottom left corner.
    BottomLeft,
    /// Middle of the bottom edge: where feet and wheels are.
    #[default]
    Bottom,
    /// Bottom right corner.
    BottomRight,
}

impl Anchor {
    /// The anchor's place on `bbox`.
    #[must_use]
    pub fn of(self, bbox: &BoxF) -> Point {
        let (cx, cy) = ((bbox.left + bbox.right) / 2.0, (bbox.top + bbox.bottom) / 2.0);
        let (x, y) = match self {
            Self::TopLeft => (bbox.left, bbox.top),
            Self::Top => (cx, bbox.top),
            Self::TopRight => (bbox.right, bbox.top),
            Self::Left => (bbox.left, cy),
            Self::Centre => (cx, cy),
            Self::Right => (bbox.right, cy),
            Self::BottomLeft => (bbox.left, bbox.bottom),
            Self::Bottom => (cx, bbox.bottom),
            Self::BottomRight => (bbox.right, bbox.bottom),
        };
        Point { x, y }
    }
}

/// Which crossings of a line by the same object count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Every one.
    #[default]
    Every,
    /// The first one only.
    Once,
    /// Those at least this long after the last one that counted, in milliseconds of media time.
    CooldownMs(u32),
}

impl Policy {
    /// Whether a crossing at `time` counts, when the last one that counted was at `last`.
    #[must_use]
    pub fn admits(self, last: Option<MediaTime>, time: MediaTime) -> bool {
        match (self, last) {
            (_, None) | (Self::Every, _) => true,
            (Self::Once, Some(_)) => false,
            (Self::CooldownMs(ms), Some(last)) => time.since_us(last) >= i64::from(ms) * 1000,
        }
    }
}

/// A directed line from `from` to `to`. Its *in* is from its left to its right, as seen on screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Unique among the lines of the ruleset.
    pub name: String,
    /// A.
    pub from: Point,
    /// B.
    pub to: Point,
    /// Which point of a box walks over it.
    pub anchor: Anchor,
    /// Half-width of the band around the line in which nobody has a side, in box heights.
    pub dead_band: f64,
    /// How long an anchor must stay beyond the band to have a side, in milliseconds of media time.
    pub confirm_ms: u32,
    /// Which crossings count.
    pub policy: Policy,
    /// How far an object must have moved since it was first seen before it can cross, in box heights.
    pub min_travel: f64,
    /// The classes that are counted; empty for all of the ruleset's.
    pub classes: Vec<String>,
}

/// A polygon in which presence is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Unique among the zones of the ruleset.
    pub name: String,
    /// Simple: it neither touches nor crosses itself.
    pub polygon: Polygon,
    /// Which point of a box is inside or outside.
    pub anchor: Anchor,
    /// Half-width of the band around the border in which nobody enters or leaves, in box heights.
    pub dead_band: f64,
    /// How long an anchor must stay beyond the band to have entered or left, in milliseconds of media time.
    pub confirm_ms: u32,
    /// For how long an object that is not seen stays inside, in milliseconds of media time.
    pub grace_ms: u32,
    /// The classes that are counted; empty for all of the ruleset's.
    pub classes: Vec<String>,
}

/// All that is counted of one camera, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ruleset {
    /// The classes that are tracked and counted; empty for all that the detector knows.
    pub classes: Vec<String>,
    /// The lines, in the order in which they are reported.
    pub lines: Vec<Line>,
    /// The zones, in the order in which they are reported.
    pub zones: Vec<Zone>,
}

impl Ruleset {
    /// `rules@` and a hash of the content.
    #[must_use]
    pub fn version(&self) -> RulesetVersion {
        // A ruleset is plain data, and plain data has a JSON form.
        let json = serde_json::to_vec(self).unwrap_or_default();
        RulesetVersion(format!("rules@{}", content_hash(&[&json])))
    }

    /// Whether objects of `class` are tracked at all.
    #[must_use]
    pub fn wants(&self, class: &str) -> bool {
        self.classes.is_empty() || self.classes.iter().any(|c| c == class)
    }
}

/// Why rules were refused: which line or zone, what is wrong, what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRules {
    /// The line or zone, or the text that could not be read.
    pub subject: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl BadRules {
    fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: problem.into() }
    }

    /// As a part of `subject`.
    fn within(self, subject: String) -> Self {
        Self { subject, problem: format!("{} {}", self.subject, self.problem) }
    }
}

impl fmt::Display for BadRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.problem)
    }
}

impl std::error::Error for BadRules {}
