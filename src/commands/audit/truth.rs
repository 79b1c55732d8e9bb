//! A human's list of crossings.

use std::path::Path;

use anyhow::{Context, Result, bail};
use camcount_domain::{Direction, MediaTime};

use super::verdict::Event;
use crate::media_range::RangeEnd;

/// Whether a text is such a list and not MOTChallenge text: its first line is a heading.
pub(super) fn is_list(text: &str) -> bool {
    heading(text).contains(&"direction".to_owned())
}

fn heading(text: &str) -> Vec<String> {
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    first.split(',').map(|name| name.trim().trim_matches('"').to_lowercase()).collect()
}

/// Reads `line,direction,time_s[,class]` in any order of columns; `lines` are the names there are, `start` is where the
/// footage begins.
pub(super) fn read(file: &Path, text: &str, lines: &[&str], start: MediaTime) -> Result<Vec<Event>> {
    let names = heading(text);
    let column = |name: &str| names.iter().position(|n| n == name);
    let wanted = |name: &str| {
        column(name).with_context(|| {
            format!(
                "{} has no column {name}; its first line is to be line,direction,time_s[,class]",
                file.display()
            )
        })
    };
    let (line, direction, time) = (wanted("line")?, wanted("direction")?, wanted("time_s")?);
    let class = column("class");
    let mut events = Vec::new();
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    for row in rows.records() {
        let row = row.with_context(|| format!("{} is no CSV", file.display()))?;
        let at = row.position().map_or(0, csv::Position::line);
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let place = || format!("{} line {at}", file.display());
        let name = cell(line);
        if !lines.contains(&name) {
            bail!("{}: there is no line {name:?} among the rules; they have {}", place(), lines.join(", "));
        }
        let direction = match cell(direction) {
            "in" => Direction::In,
            "out" => Direction::Out,
            other => bail!("{}: the direction {other:?} is neither in nor out", place()),
        };
        let at_us = match cell(time).parse::<RangeEnd>().with_context(place)? {
            RangeEnd::After(us) => us,
            RangeEnd::At(time) => time.since_us(start),
        };
        let class = class.map(cell).filter(|class| !class.is_empty()).map(str::to_owned);
        events.push(Event { line: name.to_owned(), direction, at_us, class });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<Event>> {
        read(Path::new("truth.csv"), text, &["door", "a, b"], MediaTime(0))
    }

    #[test]
    fn columns_may_come_in_any_order() {
        let events = list("time_s,class,direction,line\n1:02.5,car,in,door\n3,,out,\"a, b\"\n").unwrap();
        let told: Vec<_> = events.iter().map(|e| (e.at_us, e.direction, e.class.as_deref())).collect();
        assert_eq!(told, [(62_500_000, Direction::In, Some("car")), (3_000_000, Direction::Out, None)]);
        assert!(is_list("\u{feff}Line, Direction, time_s\n") && !is_list("1,2,3,4,5,6\n"));
    }

    #[test]
    fn bad_rows_are_named() {
        let error = |text: &str| format!("{:#}", list(text).unwrap_err());
        assert!(error("line,direction\ndoor,in\n").contains("time_s"));
        assert!(error("line,direction,time_s\ndor,in,1\n").contains("line 2: there is no line \"dor\""));
        assert!(error("line,direction,time_s\ndoor,up,1\n").contains("\"up\""));
        assert!(error("line,direction,time_s\ndoor,in,noon\n").contains("noon"));
        assert!(error("line,direction,time_s\ndoor,in\n").contains("line 2"));
        assert_eq!(list("line,direction,time_s,class\ndoor,in,1\n").unwrap().len(), 1);
    }
}
