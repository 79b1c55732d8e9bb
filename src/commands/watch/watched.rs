//! One pass as it is watched, and how it is told.

use std::{collections::BTreeMap, fmt::Write as _, io::Write};

use anyhow::Result;
use camcount_domain::{DetectorVersion, InOut, LiveCounts, MediaTime, PassId, Ruleset, RulesetVersion};
use serde::Serialize;

use super::Heading;
use crate::report::{LineReport, columns, seconds};

/// Crossings by line and class.
pub(super) type Crossings = BTreeMap<(String, String), InOut>;

/// A pass, and what it has counted.
pub(super) struct Watched {
    pub(super) pass: PassId,
    pub(super) rules: Ruleset,
    pub(super) ruleset: RulesetVersion,
    pub(super) detector: DetectorVersion,
    pub(super) counts: LiveCounts,
}

/// As it is told to programs.
#[derive(Serialize)]
struct Event<'w> {
    event: &'static str,
    camera: &'w str,
    pass: &'w str,
    ruleset: &'w str,
    model: &'w str,
    since: String,
    segment: Option<i64>,
    counted_to: Option<String>,
    lag_s: Option<f64>,
    lines: Vec<LineReport>,
    zones: Vec<ZoneNow<'w>>,
    observed_s: f64,
    gap_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Vec<LineReport>>,
}

#[derive(Serialize)]
struct ZoneNow<'w> {
    name: &'w str,
    inside: Option<i64>,
}

impl Watched {
    /// Media time by which it is behind the clock, in seconds.
    fn lag_s(&self, now: MediaTime) -> Option<f64> {
        // A camera's clock may be a little ahead.
        Some(seconds(now.since_us(self.counts.counted_to?).max(0)))
    }

    fn lines(&self, of: &Crossings) -> impl Iterator<Item = LineReport> {
        self.rules.lines.iter().map(|line| LineReport::of(&line.name, of))
    }

    fn zones(&self) -> impl Iterator<Item = ZoneNow<'_>> {
        self.rules.zones.iter().map(|zone| {
            let known = self.counts.zones.iter().find(|known| known.zone == zone.name);
            ZoneNow { name: &zone.name, inside: known.and_then(|known| known.inside) }
        })
    }

    /// As JSON, on one line.
    pub(super) fn json(&self, heading: &Heading, added: Option<&Crossings>) -> Result<String> {
        let Self { pass, ruleset, detector, counts, .. } = self;
        let event = Event {
            event: if added.is_some() { "segment" } else { "snapshot" },
            camera: &heading.camera,
            pass: &pass.0,
            ruleset: &ruleset.0,
            model: &detector.0,
            since: heading.since.to_string(),
            segment: counts.counted_to.map(|_| counts.next.0 - 1),
            counted_to: counts.counted_to.map(|time| time.to_string()),
            lag_s: self.lag_s(heading.now),
            lines: self.lines(&counts.lines).collect(),
            zones: self.zones().collect(),
            observed_s: seconds(counts.observed_us),
            gap_s: seconds(counts.gap_us),
            added: added
                .map(|added| self.lines(added).filter(|line| line.count_in + line.count_out > 0).collect()),
        };
        Ok(serde_json::to_string(&event)?)
    }

    /// As one line of text.
    pub(super) fn line(&self, heading: &Heading, added: Option<&Crossings>) -> String {
        let more = |count: i64| if count > 0 { format!(" (+{count})") } else { String::new() };
        let nothing = Crossings::new();
        let added: Vec<_> = self.lines(added.unwrap_or(&nothing)).collect();
        let lines = self.lines(&self.counts.lines).zip(added).map(|(line, added)| {
            let (plus_in, plus_out) = (more(added.count_in), more(added.count_out));
            format!("{} in {}{plus_in} out {}{plus_out}", line.name, line.count_in, line.count_out)
        });
        let zones = self.zones().map(|zone| match zone.inside {
            Some(inside) => format!("{} {inside} inside", zone.name),
            None => format!("{} unknown", zone.name),
        });
        let parts: Vec<String> = lines.chain(zones).collect();
        format!("{}  {}; {}", self.counted_to(heading), parts.join(", "), self.lag(heading))
    }

    /// As a table.
    pub(super) fn table(&self, heading: &Heading, out: &mut impl Write) -> Result<()> {
        let since = heading.calendar.clock(heading.since);
        writeln!(out, "{} since {since}  ({}, {})", heading.camera, self.detector, self.ruleset)?;
        let mut rows = Vec::new();
        for LineReport { name, count_in, count_out, by_class } in self.lines(&self.counts.lines) {
            rows.push([
                "line".to_owned(),
                name,
                "all".to_owned(),
                count_in.to_string(),
                count_out.to_string(),
            ]);
            rows.extend(by_class.into_iter().map(|(class, InOut { count_in, count_out })| {
                [String::new(), String::new(), class, count_in.to_string(), count_out.to_string()]
            }));
        }
        columns(out, ["", "name", "class", "in", "out"], &rows)?;
        let zones: Vec<_> = self
            .zones()
            .map(|zone| {
                let inside = zone.inside.map(|n| n.to_string()).unwrap_or_default();
                ["zone".to_owned(), zone.name.to_owned(), inside]
            })
            .collect();
        columns(out, ["", "name", "inside"], &zones)?;
        let mut covered = format!("observed {:.1} min", seconds(self.counts.observed_us) / 60.0);
        if self.counts.gap_us > 0 {
            // Writing to a string cannot fail.
            let _ = write!(covered, ", gaps {:.1} min", seconds(self.counts.gap_us) / 60.0);
        }
        writeln!(out, "counted to {}, {}; {covered}", self.counted_to(heading), self.lag(heading))?;
        Ok(())
    }

    fn counted_to(&self, heading: &Heading) -> String {
        self.counts.counted_to.map_or_else(|| "nothing yet".to_owned(), |time| heading.calendar.clock(time))
    }

    fn lag(&self, heading: &Heading) -> String {
        match self.lag_s(heading.now) {
            None => "no lag known".to_owned(),
            Some(lag_s) if lag_s < 120.0 => format!("{lag_s:.0} s behind"),
            Some(lag_s) if lag_s < 7200.0 => format!("{:.0} min behind", lag_s / 60.0),
            Some(lag_s) => format!("{:.0} h behind", lag_s / 3600.0),
        }
    }
}
