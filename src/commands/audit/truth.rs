//! A human's list of what crossed lines, and came into and left zones.

use std::path::Path;

use anyhow::{Context, Result, bail};
use camcount_domain::{Direction, MediaTime};

use super::verdict::{Event, Watched};
use crate::media_range::RangeEnd;

/// Whether a text is such a list and not MOTChallenge text: its first line is a heading.
pub(super) fn is_list(text: &str) -> bool {
    heading(text).contains(&"direction".to_owned())
}

fn heading(text: &str) -> Vec<String> {
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    first.split(',').map(|name| name.trim().trim_matches('"').to_lowercase()).collect()
}

/// What a list tells of: the kinds of places that it has a column for, whether or not it has rows of them.
pub(super) fn tells_of(text: &str, place: &Watched) -> bool {
    let column = match place {
        Watched::Line(_) => "line",
        Watched::Zone(_) => "zone",
    };
    heading(text).iter().any(|name| name == column)
}

/// Reads `line,direction,time_s[,class]` in any order of columns, with `zone` beside or instead of `line`; `places` are those
/// that there are, `start` is where the footage begins.
pub(super) fn read(file: &Path, text: &str, places: &[Watched], start: MediaTime) -> Result<Vec<Event>> {
    let names = heading(text);
    let column = |name: &str| names.iter().position(|n| n == name);
    let wanted = |name: &str, found: Option<usize>| {
        found.with_context(|| {
            format!(
                "{} has no column {name}; its first line is to be line,direction,time_s[,class], with zone beside or instead \
                 of line",
                file.display()
            )
        })
    };
    let (line, zone) = (column("line"), column("zone"));
    wanted("line", line.or(zone))?;
    let (direction, time) = (wanted("direction", column("direction"))?, wanted("time_s", column("time_s"))?);
    let class = column("class");
    let mut events = Vec::new();
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    for row in rows.records() {
        let row = row.with_context(|| format!("{} is no CSV", file.display()))?;
        let at = row.position().map_or(0, csv::Position::line);
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let row_name = || format!("{} line {at}", file.display());
        let [line, zone] = [line, zone].map(|column| column.map(cell).unwrap_or_default());
        let (what, place) = match (line, zone) {
            (name, "") => ("line", Watched::Line(name.to_owned())),
            ("", name) => ("zone", Watched::Zone(name.to_owned())),
            (line, zone) => bail!("{}: it names the line {line:?} and the zone {zone:?}", row_name()),
        };
        if !places.contains(&place) {
            let known: Vec<_> = places.iter().map(Watched::name).collect();
            bail!(
                "{}: there is no {what} {:?} among the rules; they have {}",
                row_name(),
                place.name(),
                known.join(", ")
            );
        }
        let direction = match cell(direction) {
            "in" => Direction::In,
            "out" => Direction::Out,
            other => bail!("{}: the direction {other:?} is neither in nor out", row_name()),
        };
        let at_us = match cell(time).parse::<RangeEnd>().with_context(row_name)? {
            RangeEnd::After(us) => us,
            RangeEnd::At(time) => time.since_us(start),
        };
        let class = class.map(cell).filter(|class| !class.is_empty()).map(str::to_owned);
        events.push(Event { place, direction, at_us, class });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<Event>> {
        let line = |name: &str| Watched::Line(name.to_owned());
        let places = [line("door"), line("a, b"), Watched::Zone("hall".to_owned())];
        read(Path::new("truth.csv"), text, &places, MediaTime(0))
    }

    #[test]
    fn columns_may_come_in_any_order() {
        let events = list("time_s,class,direction,line\n1:02.5,car,in,door\n3,,out,\"a, b\"\n").unwrap();
        let told: Vec<_> = events.iter().map(|e| (e.at_us, e.direction, e.class.as_deref())).collect();
        assert_eq!(told, [(62_500_000, Direction::In, Some("car")), (3_000_000, Direction::Out, None)]);
        assert!(is_list("\u{feff}Line, Direction, time_s\n") && !is_list("1,2,3,4,5,6\n"));
    }

    #[test]
    fn zones_have_a_column_of_their_own() {
        let places = |text: &str| list(text).unwrap().into_iter().map(|e| e.place).collect::<Vec<_>>();
        let (door, hall) = (Watched::Line("door".to_owned()), Watched::Zone("hall".to_owned()));
        let both = "line,zone,direction,time_s\n,hall,in,1\ndoor,,in,2\n";
        assert_eq!(places(both), [hall.clone(), door.clone()]);
        assert_eq!(places("zone,direction,time_s\nhall,out,1\n"), std::slice::from_ref(&hall));
        assert!(tells_of(both, &hall) && tells_of(both, &door) && !tells_of("line,direction\n", &hall));
        let error = |text: &str| format!("{:#}", list(text).unwrap_err());
        assert!(error("zone,direction,time_s\ndoor,in,1\n").contains("no zone \"door\""));
        assert!(
            error("line,zone,direction,time_s\ndoor,hall,in,1\n").contains("the line \"door\" and the zone")
        );
    }

    #[test]
    fn bad_rows_are_named() {
        let error = |text: &str| format!("{:#}", list(text).unwrap_err());
        assert!(error("line,direction\ndoor,in\n").contains("time_s"));
        assert!(error("direction,time_s\nin,1\n").contains("no column line"));
        assert!(error("line,direction,time_s\ndor,in,1\n").contains("line 2: there is no line \"dor\""));
        assert!(error("line,direction,time_s\ndoor,up,1\n").contains("\"up\""));
        assert!(error("line,direction,time_s\ndoor,in,noon\n").contains("noon"));
        assert!(error("line,direction,time_s\ndoor,in\n").contains("line 2"));
        assert_eq!(list("line,direction,time_s,class\ndoor,in,1\n").unwrap().len(), 1);
    }
}
