//! Rules as texts, whatever the texts are: nothing panics, what is read is what was written, and what is wrong is named.

use std::fmt::Write;

use proptest::prelude::*;

use super::{Anchor, Coordinate, LineDraft, PointDraft, Policy, RulesDraft, ZoneDraft};
use crate::FrameSize;

const SIZE: FrameSize = FrameSize { width: 640, height: 360 };

fn coordinate() -> impl Strategy<Value = Coordinate> {
    prop_oneof![
        (0.0..=1.0).prop_map(Coordinate::Unit),
        prop::num::f64::NORMAL.prop_map(Coordinate::Pixels),
        (0..=360_u16).prop_map(|px| Coordinate::Pixels(f64::from(px))),
    ]
}

fn point() -> impl Strategy<Value = PointDraft> {
    (coordinate(), coordinate()).prop_map(|(x, y)| PointDraft { x, y })
}

/// Names that the text form can hold: not blank at the ends, and without the colon that ends them.
fn name() -> impl Strategy<Value = String> {
    "[^:\\s\\pC]([^:\\pC]{0,12}[^:\\s\\pC])?"
}

fn line() -> impl Strategy<Value = LineDraft> {
    (name(), point(), point()).prop_map(|(name, from, to)| LineDraft::new(&name, from, to))
}

fn zone() -> impl Strategy<Value = ZoneDraft> {
    (name(), prop::collection::vec(point(), 0..6)).prop_map(|(name, points)| ZoneDraft::new(&name, points))
}

fn any_line() -> impl Strategy<Value = LineDraft> {
    let anchor = prop_oneof![Just(Anchor::TopLeft), Just(Anchor::Centre), Just(Anchor::Bottom)];
    let policy =
        prop_oneof![Just(Policy::Every), Just(Policy::Once), any::<u32>().prop_map(Policy::CooldownMs),];
    let classes = prop::collection::vec("\\PC{0,8}", 0..3);
    (line(), "\\PC{0,12}", anchor, 0.0..9.0, any::<u32>(), policy, classes).prop_map(
        |(line, name, anchor, dead_band, confirm_ms, policy, classes)| LineDraft {
            name,
            anchor,
            dead_band,
            confirm_ms,
            policy,
            classes,
            ..line
        },
    )
}

fn of_coordinate(coordinate: Coordinate) -> String {
    match coordinate {
        Coordinate::Unit(unit) => unit.to_string(),
        Coordinate::Pixels(px) => format!("{px}px"),
    }
}

fn of_point(PointDraft { x, y }: PointDraft) -> String {
    format!("{},{}", of_coordinate(x), of_coordinate(y))
}

fn of_line(line: &LineDraft) -> String {
    format!("{}: {} -> {}", line.name, of_point(line.from), of_point(line.to))
}

fn of_zone(zone: &ZoneDraft) -> String {
    let points: Vec<_> = zone.points.iter().copied().map(of_point).collect();
    format!("{}: {}", zone.name, points.join(" "))
}

/// As a rules file.
fn of_rules(rules: &RulesDraft) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let list = |texts: &[String]| toml::Value::from(texts.to_vec()).to_string();
    let mut text = format!("classes = {}\n", list(&rules.classes));
    for line in &rules.lines {
        let policy = match line.policy {
            Policy::Every => quoted("every"),
            Policy::Once => quoted("once"),
            Policy::CooldownMs(ms) => format!("{{ cooldown-ms = {ms} }}"),
        };
        let anchor = serde_json::to_string(&line.anchor).unwrap();
        let (from, to) = (quoted(&of_point(line.from)), quoted(&of_point(line.to)));
        let (name, classes) = (quoted(&line.name), list(&line.classes));
        let (dead_band, confirm_ms) = (toml::Value::from(line.dead_band), line.confirm_ms);
        writeln!(
            text,
            "[[line]]\nname = {name}\nfrom = {from}\nto = {to}\nanchor = {anchor}\nclasses = {classes}\n\
             policy = {policy}\ndead_band = {dead_band}\nconfirm_ms = {confirm_ms}"
        )
        .unwrap();
    }
    for zone in &rules.zones {
        let points: Vec<_> = zone.points.iter().copied().map(of_point).collect();
        writeln!(text, "[[zone]]\nname = {}\npoints = {}", quoted(&zone.name), list(&points)).unwrap();
    }
    text
}

/// Texts that are nearly right.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        "([a-z]{1,3}: ?)?([0-9.,px> -]|->|inf|NaN|1e999){0,40}",
        (line(), any::<prop::sample::Index>(), "\\PC{0,3}").prop_map(|(line, at, more)| {
            let mut text: Vec<char> = of_line(&line).chars().collect();
            text.splice(at.index(text.len()).., more.chars());
            text.into_iter().collect()
        }),
    ]
}

proptest! {
    #[test]
    fn no_line_or_zone_is_too_wild(text in wild()) {
        if let Ok(line) = text.parse::<LineDraft>() {
            prop_assert_eq!(&of_line(&line).parse::<LineDraft>().unwrap(), &line);
            let rules = RulesDraft { lines: vec![line], ..RulesDraft::default() };
            let _ = rules.resolve(SIZE).map(|rules| rules.version());
        }
        if let Ok(zone) = text.parse::<ZoneDraft>() {
            prop_assert_eq!(&of_zone(&zone).parse::<ZoneDraft>().unwrap(), &zone);
            let rules = RulesDraft { zones: vec![zone], ..RulesDraft::default() };
            let _ = rules.resolve(SIZE).map(|rules| rules.version());
        }
    }

    #[test]
    fn lines_and_zones_read_as_they_are_written(line in line(), zone in zone()) {
        prop_assert_eq!(of_line(&line).parse::<LineDraft>().unwrap(), line);
        prop_assert_eq!(of_zone(&zone).parse::<ZoneDraft>().unwrap(), zone);
    }

    #[test]
    fn rules_files_read_as_they_are_written(
        classes in prop::collection::vec("\\PC{0,8}", 0..3),
        lines in prop::collection::vec(any_line(), 0..3),
        zones in prop::collection::vec(zone(), 0..3),
    ) {
        let rules = RulesDraft { classes, lines, zones };
        prop_assert_eq!(RulesDraft::from_toml(&of_rules(&rules)).unwrap(), rules);
    }

    /// A rules file of which a part was overwritten with something else.
    #[test]
    fn no_rules_file_is_too_wild(
        line in any_line(), zone in zone(), at in any::<prop::sample::Index>(), len in 0..20_usize,
        more in "\\PC{0,9}|[0-9,.\"'\\[\\]={}\n-]{0,9}",
    ) {
        let rules = RulesDraft { classes: Vec::new(), lines: vec![line], zones: vec![zone] };
        let mut text: Vec<char> = of_rules(&rules).chars().collect();
        let at = at.index(text.len());
        let end = text.len().min(at + len);
        text.splice(at..end, more.chars());
        let text: String = text.into_iter().collect();
        match RulesDraft::from_toml(&text) {
            Ok(rules) => drop(rules.resolve(SIZE).map(|rules| rules.version())),
            Err(error) => {
                let said = error.to_string();
                prop_assert!(said.starts_with("rules file: ") && said.contains(" at line "), "{}", said);
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_or_zone_names_it(line in line(), zone in zone(), bad in "[a-oq-z]{1,4}") {
        let broken = format!("{},{bad}", of_line(&line));
        let said = broken.parse::<LineDraft>().unwrap_err().to_string();
        prop_assert!(said.contains(&format!("line {}: ", line.name)) && said.contains(&bad), "{}", said);
        let broken = format!("{} {bad}", of_zone(&zone));
        let said = broken.parse::<ZoneDraft>().unwrap_err().to_string();
        prop_assert!(said.contains(&format!("zone {}: ", zone.name)) && said.contains(&bad), "{}", said);
    }
}
