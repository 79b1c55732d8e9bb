//! Where what is watched is shown: JSON lines, lines of text, or on a terminal a table that renews itself.

use std::io::{IsTerminal, Write, stdout};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Heading,
    watched::{Crossings, Watched},
};

/// How it is shown.
pub(super) enum Screen {
    Json,
    Lines,
    Table(ProgressBar),
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        if !stdout().is_terminal() {
            return Self::Lines;
        }
        let table = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        // The template is a constant; a wrong one would show in the first run.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            table.set_style(style);
        }
        Self::Table(table)
    }

    /// Shows that something is known of the pass at `at` that was not: by a segment that `added` something, or by the
    /// store.
    pub(super) fn show(
        &mut self,
        heading: &Heading,
        passes: &[Watched],
        at: usize,
        added: Option<&Crossings>,
    ) -> Result<()> {
        match self {
            Self::Json => writeln!(stdout(), "{}", passes[at].json(heading, added)?)?,
            Self::Lines => writeln!(stdout(), "{}", passes[at].line(heading, added))?,
            Self::Table(_) => self.refresh(heading, passes)?,
        }
        Ok(())
    }

    /// Shows what the clock has changed, where it is shown in place.
    pub(super) fn refresh(&mut self, heading: &Heading, passes: &[Watched]) -> Result<()> {
        let Self::Table(table) = self else { return Ok(()) };
        let mut text = Vec::new();
        for pass in passes {
            pass.table(heading, &mut text)?;
        }
        table.set_message(String::from_utf8_lossy(&text).trim_end().to_owned());
        table.tick();
        Ok(())
    }

    /// Leaves what was shown last on the terminal.
    pub(super) fn end(self) {
        if let Self::Table(table) = self {
            table.abandon();
        }
    }
}
