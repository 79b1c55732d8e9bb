//! Lines, zones and classes from the command line and a rules file, as one draft.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use camcount_domain::{
    Ruleset,
    rules::{LineDraft, RulesDraft, ZoneDraft},
};
use clap::Args;

use crate::cli::Misuse;

/// What is counted, as given on the command line.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is counted")]
pub(crate) struct RulesArgs {
    /// A line 'NAME: x,y -> x,y' in shares of the picture, or pixels with the suffix px; repeatable. Crossing
    /// it from its left to its right, looking from its first point to its second, is in
    #[arg(long = "line", value_name = "LINE")]
    pub lines: Vec<LineDraft>,
    /// A zone 'NAME: x,y x,y x,y …', likewise; repeatable
    #[arg(long = "zone", value_name = "ZONE")]
    pub zones: Vec<ZoneDraft>,
    /// A TOML file of lines and zones, for policies beyond the defaults
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// The classes that are counted, separated by commas [default: all that the detector knows]
    #[arg(long, value_delimiter = ',', value_name = "CLASS")]
    pub classes: Vec<String>,
}

impl RulesArgs {
    /// Whether nothing is given to count.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.zones.is_empty() && self.rules.is_none()
    }

    /// The rules file, if any, and after it what the command line adds.
    pub(crate) fn draft(&self) -> Result<RulesDraft> {
        let mut draft = match &self.rules {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("the rules file {} cannot be read", file.display()))?;
                RulesDraft::from_toml(&text).with_context(|| format!("in {}", file.display()))?
            }
            None => RulesDraft::default(),
        };
        draft.lines.extend(self.lines.iter().cloned());
        draft.zones.extend(self.zones.iter().cloned());
        if !self.classes.is_empty() {
            draft.classes = self.classes.iter().map(|class| class.trim().to_owned()).collect();
        }
        if draft.lines.is_empty() && draft.zones.is_empty() {
            let remedy = "give a line like --line 'door: 0.5,0 -> 0.5,1', a --zone, or --rules FILE";
            bail!(Misuse(format!("nothing to count; {remedy}")));
        }
        Ok(draft)
    }
}

/// Refuses classes that the detector does not know.
pub(crate) fn check_classes(rules: &Ruleset, known: &[String]) -> Result<()> {
    let wanted = rules
        .classes
        .iter()
        .chain(rules.lines.iter().flat_map(|line| &line.classes))
        .chain(rules.zones.iter().flat_map(|zone| &zone.classes));
    for class in wanted {
        if !known.contains(class) {
            let some: Vec<_> = known.iter().take(12).map(String::as_str).collect();
            let more = if known.len() > some.len() { ", …" } else { "" };
            let some = some.join(", ");
            bail!(Misuse(format!("the detector does not know the class {class:?}; it knows {some}{more}")));
        }
    }
    Ok(())
}
