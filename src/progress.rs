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

/// A bar that shows itself once its work has taken long enough; invisible where stderr is no terminal.
struct PatientBar {
    bar: ProgressBar,
    started: Instant,
    visible: bool,
}

impl PatientBar {
    fn new(title: &str, total: u64, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total.max(1)), ProgressDrawTarget::hidden());
        // The templates are constants; a wrong one would show in the first run.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_owned());
        Self { bar, started: Instant::now(), visible: false }
    }

    fn show(&mut self, done: u64) {
        if !self.visible && self.started.elapsed() >= PATIENCE && io::stderr().is_terminal() {
            self.visible = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar = BARS.add(self.bar.clone());
        }
        self.bar.set_position(done);
    }
}

impl Drop for PatientBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar over footage: media time done, frames a second, time left.
pub(crate) struct FootageBar(PatientBar);

impl FootageBar {
    /// A bar called `title` over `total_us` of media time.
    pub(crate) fn new(title: &str, total_us: i64) -> Self {
        let template = "{prefix} {wide_bar} {percent:>3}% {msg}, {eta} left";
        Self(PatientBar::new(title, total_us.max(0) as u64, template))
    }

    /// Shows that `done_us` is done, with `frames` looked at by this process so far.
    pub(crate) fn show(&mut self, done_us: i64, frames: u64) {
        let rate = frames as f64 / self.0.started.elapsed().as_secs_f64().max(0.001);
        self.0.show(done_us.max(0) as u64);
        self.0.bar.set_message(format!("{rate:.0} frames/s"));
    }
}

/// A bar over the bytes of a file.
pub(crate) struct BytesBar(PatientBar);

impl BytesBar {
    /// A bar called `title` over `total` bytes.
    pub(crate) fn new(title: &str, total: u64) -> Self {
        Self(PatientBar::new(title, total, "{prefix} {wide_bar} {bytes} of {total_bytes}, {eta} left"))
    }

    /// Shows that `done` bytes are done.
    pub(crate) fn show(&mut self, done: u64) {
        self.0.show(done);
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
