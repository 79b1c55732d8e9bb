//! The text form of lines and zones: `door: 0.5,0 -> 0.5,1` and `hall: 0.1,0.1 0.9,0.1 0.5,0.8`.
//! Coordinates are normalised, or pixels with a `px` suffix.

use std::str::FromStr;

use super::{BadRules, Coordinate, LineDraft, PointDraft, ZoneDraft};

impl FromStr for Coordinate {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        let (number, pixels) = match text.trim().strip_suffix("px") {
            Some(number) => (number.trim_end(), true),
            None => (text.trim(), false),
        };
        let value: f64 = number
            .parse()
            .ok()
            .filter(|v: &f64| v.is_finite())
            .ok_or_else(|| BadRules::new(format!("{text:?}"), "is no number; write 0.25 or 120px"))?;
        if !pixels && !(0.0..=1.0).contains(&value) {
            let problem = "lies outside 0..1; coordinates are shares of the picture, or pixels with the \
                           suffix px";
            return Err(BadRules::new(format!("{text:?}"), problem));
        }
        Ok(if pixels { Self::Pixels(value) } else { Self::Unit(value) })
    }
}

impl FromStr for PointDraft {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        let (x, y) = text
            .split_once(',')
            .ok_or_else(|| BadRules::new(format!("{text:?}"), "is no point; write x,y like 0.5,0.2"))?;
        Ok(Self { x: x.parse()?, y: y.parse()? })
    }
}

/// `NAME: REST`, with a name that is not blank.
fn named<'t>(text: &'t str, form: &str) -> Result<(&'t str, &'t str), BadRules> {
    text.split_once(':')
        .map(|(name, rest)| (name.trim(), rest.trim()))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| BadRules::new(format!("{text:?}"), format!("has no name; write {form}")))
}

impl FromStr for LineDraft {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        const FORM: &str = "NAME: x,y -> x,y";
        let (name, rest) = named(text, FORM)?;
        let (from, to) = rest
            .split_once("->")
            .ok_or_else(|| BadRules::new(format!("line {name}"), format!("has no ->; write {FORM}")))?;
        let point = |text: &str| text.trim().parse().map_err(|e: BadRules| e.within(format!("line {name}")));
        Ok(Self::new(name, point(from)?, point(to)?))
    }
}

impl FromStr for ZoneDraft {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        let (name, rest) = named(text, "NAME: x,y x,y x,y …")?;
        let points = rest.split_whitespace().map(str::parse).collect::<Result<_, BadRules>>();
        Ok(Self::new(name, points.map_err(|e| e.within(format!("zone {name}")))?))
    }
}
