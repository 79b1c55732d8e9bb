//! Progress on stderr, when that is a terminal and the work takes longer than two seconds.

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar over footage: media time done, frames a second, time left.
pub(crate) struct FootageBar {
    bar: ProgressBar,
    started: Instant,
    visible: bool,
}

impl FootageBar {
    /// A bar called `title` over `total_us` of media time; invisible where stderr is no terminal.
    pub(crate) fn new(title: &str, total_us: i64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total_us.max(1) as u64), ProgressDrawTarget::hidden());
        // The template is a constant; a wrong one would show in the first run.
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3}% {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_owned());
        Self { bar, started: Instant::now(), visible: false }
    }

    /// Shows that `done_us` is done, with `frames` looked at by this process so far.
    pub(crate) fn show(&mut self, done_us: i64, frames: u64) {
        let elapsed = self.started.elapsed();
        if !self.visible && elapsed >= PATIENCE && io::stderr().is_terminal() {
            self.visible = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar = BARS.add(self.bar.clone());
        }
        self.bar.set_position(done_us.max(0) as u64);
        self.bar.set_message(format!("{:.0} frames/s", frames as f64 / elapsed.as_secs_f64().max(0.001)));
    }
}

impl Drop for FootageBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Stderr for logs: lines go above the bar.
pub(crate) struct StderrBesideBar;

impl StderrBesideBar {
    /// A writer.
    pub(crate) fn new() -> Self {
        Self
    }
}

impl Write for StderrBesideBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
