//! Rules as people write them, with pixels and defaults, and the way from there to a checked ruleset.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Anchor, BadRules, Line, Policy, Ruleset, Zone};
use crate::{FrameSize, Point, Polygon};

/// One coordinate as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coordinate {
    /// A share of the picture, 0..=1.
    Unit(f64),
    /// Pixels of the camera's picture.
    Pixels(f64),
}

impl Coordinate {
    /// As a share of a side of `extent` pixels; `None` when it lies outside.
    fn resolve(self, extent: u32) -> Option<f64> {
        let unit = match self {
            Self::Unit(unit) => unit,
            Self::Pixels(px) => px / f64::from(extent),
        };
        (0.0..=1.0).contains(&unit).then_some(unit)
    }
}

/// One point as written, `x,y`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointDraft {
    /// Across.
    pub x: Coordinate,
    /// Down.
    pub y: Coordinate,
}

impl PointDraft {
    fn resolve(self, size: FrameSize, subject: &str) -> Result<Point, BadRules> {
        match (self.x.resolve(size.width), self.y.resolve(size.height)) {
            (Some(x), Some(y)) => Ok(Point { x, y }),
            _ => {
                let FrameSize { width, height } = size;
                Err(BadRules::new(subject, format!("lies outside the picture of {width}x{height} pixels")))
            }
        }
    }
}

/// Reads what has a text form from a TOML string.
fn from_text<'de, D: Deserializer<'de>, T: std::str::FromStr<Err = BadRules>>(de: D) -> Result<T, D::Error> {
    String::deserialize(de)?.parse().map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for PointDraft {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        from_text(de)
    }
}

/// The default half-width of the dead band, in box heights.
///
/// Detectors place a standing person's box to within a few hundredths of its height from frame to frame; this
/// is above that, and well below a step.
fn dead_band() -> f64 {
    0.08
}

/// The default confirmation time: two frames at 10 frames/s.
fn confirm_ms() -> u32 {
    150
}

/// The default grace time of a zone: people hide behind one another for about a second.
fn grace_ms() -> u32 {
    2_000
}

/// A line as written, on the command line (`door: 0.5,0 -> 0.5,1`) or in a rules file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineDraft {
    /// See [`Line::name`].
    pub name: String,
    /// A, `"x,y"`.
    pub from: PointDraft,
    /// B, `"x,y"`.
    pub to: PointDraft,
    /// See [`Line::anchor`].
    #[serde(default)]
    pub anchor: Anchor,
    /// See [`Line::dead_band`].
    #[serde(default = "dead_band")]
    pub dead_band: f64,
    /// See [`Line::confirm_ms`].
    #[serde(default = "confirm_ms")]
    pub confirm_ms: u32,
    /// See [`Line::policy`].
    #[serde(default)]
    pub policy: Policy,
    /// See [`Line::min_travel`].
    #[serde(default)]
    pub min_travel: f64,
    /// See [`Line::classes`].
    #[serde(default)]
    pub classes: Vec<String>,
}

impl LineDraft {
    /// A line with the default policies.
    #[must_use]
    pub fn new(name: &str, from: PointDraft, to: PointDraft) -> Self {
        Self {
            name: name.to_owned(),
            from,
            to,
            anchor: Anchor::default(),
            dead_band: dead_band(),
            confirm_ms: confirm_ms(),
            policy: Policy::default(),
            min_travel: 0.0,
            classes: Vec::new(),
        }
    }

    fn resolve(self, size: FrameSize) -> Result<Line, BadRules> {
        let subject = format!("line {}", self.name);
        let (from, to) = (self.from.resolve(size, &subject)?, self.to.resolve(size, &subject)?);
        if from == to {
            return Err(BadRules::new(subject, "starts where it ends; give it two different ends"));
        }
        check_band(&subject, self.dead_band)?;
        check_time(&subject, "confirm_ms", self.confirm_ms, 60_000)?;
        if !(0.0..=100.0).contains(&self.min_travel) {
            return Err(BadRules::new(subject, "min_travel must lie in 0..100 box heights"));
        }
        Ok(Line {
            name: self.name,
            from,
            to,
            anchor: self.anchor,
            dead_band: self.dead_band,
            confirm_ms: self.confirm_ms,
            policy: self.policy,
            min_travel: self.min_travel,
            classes: self.classes,
        })
    }
}

/// A zone as written, on the command line (`hall: x,y x,y x,y`) or in a rules file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneDraft {
    /// See [`Zone::name`].
    pub name: String,
    /// The corners, each `"x,y"`.
    pub points: Vec<PointDraft>,
    /// See [`Zone::anchor`].
    #[serde(default)]
    pub anchor: Anchor,
    /// See [`Zone::dead_band`].
    #[serde(default = "dead_band")]
    pub dead_band: f64,
    /// See [`Zone::confirm_ms`].
    #[serde(default = "confirm_ms")]
    pub confirm_ms: u32,
    /// See [`Zone::grace_ms`].
    #[serde(default = "grace_ms")]
    pub grace_ms: u32,
    /// See [`Zone::classes`].
    #[serde(default)]
    pub classes: Vec<String>,
}

impl ZoneDraft {
    /// A zone with the default policies.
    #[must_use]
    pub fn new(name: &str, points: Vec<PointDraft>) -> Self {
        Self {
            name: name.to_owned(),
            points,
            anchor: Anchor::default(),
            dead_band: dead_band(),
            confirm_ms: confirm_ms(),
            grace_ms: grace_ms(),
            classes: Vec::new(),
        }
    }

    fn resolve(self, size: FrameSize) -> Result<Zone, BadRules> {
        let subject = format!("zone {}", self.name);
        let points: Vec<_> =
            self.points.iter().map(|p| p.resolve(size, &subject)).collect::<Result<_, _>>()?;
        if points.len() < 3 {
            return Err(BadRules::new(subject, "has fewer than three corners"));
        }
        let polygon = Polygon(points);
        if let Some((i, j)) = polygon.self_crossing() {
            let problem = format!("sides {} and {} touch; list the corners in order round it", i + 1, j + 1);
            return Err(BadRules::new(subject, problem));
        }
        if polygon.doubled_area() == 0.0 {
            return Err(BadRules::new(subject, "has no area; its corners lie on one line"));
        }
        check_band(&subject, self.dead_band)?;
        check_time(&subject, "confirm_ms", self.confirm_ms, 60_000)?;
        check_time(&subject, "grace_ms", self.grace_ms, 3_600_000)?;
        Ok(Zone {
            name: self.name,
            polygon,
            anchor: self.anchor,
            dead_band: self.dead_band,
            confirm_ms: self.confirm_ms,
            grace_ms: self.grace_ms,
            classes: self.classes,
        })
    }
}

fn check_band(subject: &str, dead_band: f64) -> Result<(), BadRules> {
    if (0.0..=2.0).contains(&dead_band) {
        Ok(())
    } else {
        Err(BadRules::new(subject, "dead_band must lie in 0..2 box heights"))
    }
}

/// Who is waited for must be kept in mind meanwhile, so there is a limit.
fn check_time(subject: &str, field: &str, ms: u32, most_ms: u32) -> Result<(), BadRules> {
    if ms <= most_ms {
        Ok(())
    } else {
        Err(BadRules::new(subject, format!("{field} must be at most {most_ms} milliseconds")))
    }
}

/// A ruleset as written: a rules file (`[[line]]`, `[[zone]]`), the command line, or both together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesDraft {
    /// See [`Ruleset::classes`].
    #[serde(default)]
    pub classes: Vec<String>,
    /// The lines.
    #[serde(default, rename = "line")]
    pub lines: Vec<LineDraft>,
    /// The zones.
    #[serde(default, rename = "zone")]
    pub zones: Vec<ZoneDraft>,
}

impl RulesDraft {
    /// Reads a rules file.
    ///
    /// # Errors
    /// Names the place in the file and what is wrong there.
    pub fn from_toml(text: &str) -> Result<Self, BadRules> {
        toml::from_str(text).map_err(|e| BadRules::new("rules file", e.to_string().trim_end()))
    }

    /// Checks the rules for a camera whose picture is of `size`, and normalises their coordinates.
    ///
    /// # Errors
    /// Names the first line or zone that cannot be counted by: ends that are equal, outside the picture, a
    /// zone that crosses itself, a name used twice.
    pub fn resolve(self, size: FrameSize) -> Result<Ruleset, BadRules> {
        unique("line", self.lines.iter().map(|l| l.name.as_str()))?;
        unique("zone", self.zones.iter().map(|z| z.name.as_str()))?;
        Ok(Ruleset {
            classes: self.classes,
            lines: self.lines.into_iter().map(|l| l.resolve(size)).collect::<Result<_, _>>()?,
            zones: self.zones.into_iter().map(|z| z.resolve(size)).collect::<Result<_, _>>()?,
        })
    }
}

fn unique<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Result<(), BadRules> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            return Err(BadRules::new(what, "without a name"));
        }
        if !seen.insert(name) {
            return Err(BadRules::new(format!("{what} {name}"), "is defined twice; names must differ"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: FrameSize = FrameSize { width: 480, height: 360 };

    fn resolve(lines: &[&str], zones: &[&str]) -> Result<Ruleset, BadRules> {
        RulesDraft {
            classes: vec![],
            lines: lines.iter().map(|t| t.parse()).collect::<Result<_, _>>()?,
            zones: zones.iter().map(|t| t.parse()).collect::<Result<_, _>>()?,
        }
        .resolve(SIZE)
    }

    #[test]
    fn pixels_and_shares_are_the_same_line() {
        let a = resolve(&["door: 0.5,0 -> 0.5,1"], &[]).unwrap();
        let b = resolve(&["door: 240px,0px -> 240px,360px"], &[]).unwrap();
        assert_eq!(a, b);
        assert_eq!(a.version(), b.version());
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        let cases: [(&[&str], &[&str], &str); 9] = [
            (&["door 0,0 -> 1,1"], &[], "no name"),
            (&["door: 0,0 1,1"], &[], "no ->"),
            (&["door: 0,0 -> 0,x"], &[], "no number"),
            (&["door: 0,0 -> 0,1.5"], &[], "outside 0..1"),
            (&["door: 0,0 -> 500px,0"], &[], "outside the picture"),
            (&["door: 0,0 -> 0,0"], &[], "starts where it ends"),
            (&["a: 0,0 -> 0,1", "a: 0,0 -> 1,0"], &[], "defined twice"),
            (&[], &["hall: 0,0 1,1 1,0 0,1"], "touch"),
            (&[], &["hall: 0,0 1,1"], "fewer than three"),
        ];
        for (lines, zones, part) in cases {
            let error = resolve(lines, zones).unwrap_err().to_string();
            assert!(error.contains(part), "{lines:?} {zones:?}: {error}");
        }
    }

    #[test]
    fn a_rules_file_reads_like_the_command_line() {
        let text = r#"
            classes = ["person"]
            [[line]]
            name = "door"
            from = "0.5,0"
            to = "0.5,1"
            policy = { cooldown-ms = 3000 }
            [[zone]]
            name = "hall"
            points = ["0,0", "1,0", "1,1"]
        "#;
        let rules = RulesDraft::from_toml(text).unwrap().resolve(SIZE).unwrap();
        assert_eq!(rules.lines[0].policy, Policy::CooldownMs(3000));
        assert_eq!(rules.zones[0].polygon.0.len(), 3);
        let long = "[[zone]]\nname = 'x'\npoints = ['0,0', '1,0', '1,1']\ngrace_ms = 4000000000";
        let error = RulesDraft::from_toml(long).unwrap().resolve(SIZE).unwrap_err().to_string();
        assert!(error.contains("zone x") && error.contains("grace_ms"), "{error}");
        let error = RulesDraft::from_toml("[[line]]\nname = 'x'\ncolour = 'red'").unwrap_err().to_string();
        assert!(error.contains("colour") && error.contains("line 3"), "{error}");
    }
}
