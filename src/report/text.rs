//! The table for people and the CSV for spreadsheets.

use std::io::Write;

use anyhow::Result;

use super::Report;

/// A table of the report, with a heading.
pub(crate) fn table(mut out: impl Write, report: &Report) -> Result<()> {
    writeln!(out, "{}  ({}, {})", report.camera, report.model, report.ruleset)?;
    let mut rows = Vec::new();
    for line in &report.lines {
        rows.push([
            "line".to_owned(),
            line.name.clone(),
            "all".to_owned(),
            line.count_in.to_string(),
            line.count_out.to_string(),
        ]);
        for (class, counts) in &line.by_class {
            rows.push([
                String::new(),
                String::new(),
                class.clone(),
                counts.count_in.to_string(),
                counts.count_out.to_string(),
            ]);
        }
    }
    columns(&mut out, ["", "name", "class", "in", "out"], &rows)?;
    let rows: Vec<_> = report
        .zones
        .iter()
        .map(|zone| {
            let (min, mean, max) =
                zone.occupancy.map_or_else(Default::default, |o| (shown(o.min), shown(o.mean), shown(o.max)));
            let dwell = zone.dwell_s;
            [
                "zone".to_owned(),
                zone.name.clone(),
                zone.entered.to_string(),
                zone.left.to_string(),
                min,
                mean,
                max,
                dwell.mean.map(shown).unwrap_or_default(),
                dwell.max.map(shown).unwrap_or_default(),
            ]
        })
        .collect();
    let heads = ["", "name", "entered", "left", "min", "mean", "max", "stay s", "longest s"];
    columns(&mut out, heads, &rows)?;
    let (coverage, segments) = (&report.coverage, &report.segments);
    write!(out, "observed {:.1} s, gaps {:.1} s", coverage.observed_s, coverage.gap_s)?;
    if segments.quarantined > 0 {
        write!(out, ", {} of the segments given up", segments.quarantined)?;
    }
    write!(out, "; {} frames looked at", segments.frames)?;
    if segments.spared > 0 {
        write!(out, ", {} of them spared inference", segments.spared)?;
    }
    writeln!(out)?;
    Ok(())
}

fn shown(value: impl ToString) -> String {
    value.to_string()
}

/// Text to the left, numbers to the right.
pub(crate) fn columns<const N: usize>(
    out: &mut impl Write,
    heads: [&str; N],
    rows: &[[String; N]],
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let wide = |text: &str| text.chars().count();
    let widths: [usize; N] = std::array::from_fn(|i| {
        rows.iter().map(|row| wide(&row[i])).chain([wide(heads[i])]).max().unwrap_or_default()
    });
    let numeric: [bool; N] =
        std::array::from_fn(|i| rows.iter().all(|row| row[i].is_empty() || row[i].parse::<f64>().is_ok()));
    let heads = heads.map(str::to_owned);
    for row in std::iter::once(&heads).chain(rows) {
        let mut text = String::new();
        for (i, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[i] - wide(cell));
            let number = numeric[i] && i > 1;
            text.push_str(&if number { format!("  {pad}{cell}") } else { format!("  {cell}{pad}") });
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// One row a line and class, and one a zone.
pub(crate) fn csv(mut out: impl Write, report: &Report, heading: bool) -> Result<()> {
    if heading {
        writeln!(out, "camera,kind,name,class,in,out")?;
    }
    let camera = quoted(&report.camera);
    for line in &report.lines {
        for (class, counts) in &line.by_class {
            let (name, class) = (quoted(&line.name), quoted(class));
            writeln!(out, "{camera},line,{name},{class},{},{}", counts.count_in, counts.count_out)?;
        }
        if line.by_class.is_empty() {
            writeln!(out, "{camera},line,{},,0,0", quoted(&line.name))?;
        }
    }
    for zone in &report.zones {
        writeln!(out, "{camera},zone,{},,{},{}", quoted(&zone.name), zone.entered, zone.left)?;
    }
    Ok(())
}

/// As RFC 4180 wants fields that hold commas, quotes or line breaks.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
