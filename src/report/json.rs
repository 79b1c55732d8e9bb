//! The JSON form, written as it is read: a year of crossings takes no more memory than a minute of them.

use std::io::Write;

use anyhow::Result;
use camcount_domain::Crossing;
use serde::Serialize;

use super::{Heading, Report, seconds, thousandths};

/// A JSON document under way.
pub(crate) struct Json<W> {
    out: W,
    tail: String,
    any: bool,
}

/// A crossing as it is told.
#[derive(Serialize)]
struct CrossingJson<'c> {
    line: &'c str,
    direction: &'static str,
    media_time: Option<String>,
    offset_s: f64,
    track: u64,
    class: &'c str,
    confidence: f64,
    stitched: bool,
}

impl<W: Write> Json<W> {
    /// Begins the document of `report`: everything that comes before the crossings.
    pub(crate) fn begin(mut out: W, report: &Report) -> Result<Self> {
        let Report { camera, ruleset, model, lines, zones, coverage, segments } = report;
        writeln!(out, "{{")?;
        for (name, value) in [
            ("camera", serde_json::to_string(camera)?),
            ("ruleset", serde_json::to_string(ruleset)?),
            ("model", serde_json::to_string(model)?),
            ("lines", serde_json::to_string(lines)?),
            ("zones", serde_json::to_string(zones)?),
        ] {
            writeln!(out, "  \"{name}\": {value},")?;
        }
        write!(out, "  \"crossings\": [")?;
        let tail = format!(
            "],\n  \"coverage\": {},\n  \"segments\": {}\n}}",
            serde_json::to_string(coverage)?,
            serde_json::to_string(segments)?
        );
        Ok(Self { out, tail, any: false })
    }

    /// The next crossing, on a line of its own.
    pub(crate) fn crossing(&mut self, heading: &Heading, crossing: &Crossing) -> Result<()> {
        let told = CrossingJson {
            line: &crossing.line,
            direction: crossing.direction.as_str(),
            media_time: heading.start_known.then(|| crossing.time.to_string()),
            offset_s: seconds(crossing.time.since_us(heading.start)),
            track: crossing.track.0,
            class: &crossing.class,
            confidence: thousandths(crossing.confidence.as_unit()),
            stitched: crossing.stitched,
        };
        let comma = if self.any { "," } else { "" };
        self.any = true;
        write!(self.out, "{comma}\n    {}", serde_json::to_string(&told)?)?;
        Ok(())
    }

    /// Ends the document.
    pub(crate) fn end(mut self) -> Result<()> {
        let newline = if self.any { "\n  " } else { "" };
        writeln!(self.out, "{newline}{}", self.tail)?;
        self.out.flush()?;
        Ok(())
    }
}
