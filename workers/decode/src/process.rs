//! Child processes: started, watched, and never left behind.

use std::{
    io::Read,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::{DecodeError, detour::Detour, log::Log, source::redact};

/// More than any answer of ffprobe about one file.
const OUTPUT_BYTES: u64 = 16 << 20;

/// How soon a caller who has had enough is heeded: not felt by whoever presses ctrl-C, and next to no work.
const HEEDED_WITHIN: Duration = Duration::from_millis(100);

/// A running child. Dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) log: Arc<Log>,
    /// Of what it reads, for messages.
    pub(crate) source_name: String,
    listener: Option<thread::JoinHandle<()>>,
    /// The way to its source, where that has a password.
    _detour: Option<Detour>,
}

/// Starts `command`; `on_line` sees every line that it writes to standard error. The password of `source` is not on the
/// command line that others can see.
pub(crate) fn start(
    command: FfmpegCommand,
    source: &str,
    stdin: Stdio,
    on_line: impl FnMut(&Log, &str) + Send + 'static,
) -> Result<Process, DecodeError> {
    start_heard(command, source, stdin, |stderr| stderr, on_line)
}

/// The same, with standard error read by what `ear` makes of it.
pub(crate) fn start_heard<R: Read>(
    command: FfmpegCommand,
    source: &str,
    stdin: Stdio,
    ear: impl FnOnce(ChildStderr) -> R + Send + 'static,
    mut on_line: impl FnMut(&Log, &str) + Send + 'static,
) -> Result<Process, DecodeError> {
    let mut command = Command::from(command);
    let program = command.get_program().to_owned();
    let detour = Detour::to(source)
        .map_err(|source| DecodeError::Spawn { program: program.clone().into(), source })?;
    let mut log = Log::default();
    if let Some(Detour { url, .. }) = &detour {
        let mut hidden = Command::new(&program);
        hidden.args(command.get_args().map(|arg| if arg == source { url.as_ref() } else { arg }));
        hidden.stdout(Stdio::piped()).stderr(Stdio::piped());
        command = hidden;
        log = Log::of(url, source);
    }
    // Whoever presses ctrl-C means this program, which ends its children itself, and blames no footage for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.stdin(stdin).spawn().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DecodeError::FfmpegMissing { program: program.clone().into() },
        _ => DecodeError::Spawn { program: program.clone().into(), source },
    })?;
    let log = Arc::new(log);
    let stderr = child.stderr.take();
    let source_name = redact(source);
    let mut process = Process { child, log: Arc::clone(&log), source_name, listener: None, _detour: detour };
    let listen = move || {
        if let Some(stderr) = stderr {
            log.drain(ear(stderr), |line| on_line(&log, line));
        }
    };
    process.listener = Some(spawn("ffmpeg-log", listen)?);
    Ok(process)
}

/// A named thread; that there is none to be had is the machine's fault.
pub(crate) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, DecodeError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|source| DecodeError::Spawn { program: name.into(), source })
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the child at once.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
    }

    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The next thing from a thread that reads the child, `None` when there will be none.
    ///
    /// # Errors
    /// [`DecodeError::Stalled`] when the child showed no sign of life for `stall`.
    pub(crate) fn next<T>(&self, from: &Receiver<T>, stall: Duration) -> Result<Option<T>, DecodeError> {
        self.next_unless(&|| false, from, stall)
    }

    /// The same, unless the caller has had `enough` before it comes.
    ///
    /// # Errors
    /// Also [`DecodeError::Stopped`] when he has.
    pub(crate) fn next_unless<T>(
        &self,
        enough: &dyn Fn() -> bool,
        from: &Receiver<T>,
        stall: Duration,
    ) -> Result<Option<T>, DecodeError> {
        let source_name = || self.source_name.clone();
        let tick = stall.min(HEEDED_WITHIN);
        let (mut life, mut waited) = (self.log.life(), Duration::ZERO);
        loop {
            if enough() {
                return Err(DecodeError::Stopped { source_name: source_name() });
            }
            match from.recv_timeout(tick) {
                Ok(item) => return Ok(Some(item)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => waited += tick,
            }
            if self.log.life() != life {
                (life, waited) = (self.log.life(), Duration::ZERO);
            } else if waited >= stall {
                return Err(DecodeError::Stalled { source_name: source_name(), stall });
            }
        }
    }

    /// Waits for a child that has closed its output, and for its last words.
    ///
    /// # Errors
    /// When it failed, or reading its source broke off.
    pub(crate) fn finish(mut self) -> Result<(), DecodeError> {
        let source = |source| DecodeError::Spawn { program: "ffmpeg".into(), source };
        let status = self.child.wait().map_err(source)?;
        if let Some(listener) = self.listener.take() {
            // A listener that panicked has nothing more to tell.
            let _ = listener.join();
        }
        let source_name = self.source_name.clone();
        if let Some(detail) = self.log.broke_off() {
            return Err(DecodeError::BrokeOff { source_name, detail });
        }
        if status.success() {
            return Ok(());
        }
        if was_told_to_end(status) && !self.log.has_words() {
            return Err(DecodeError::Stopped { source_name });
        }
        Err(DecodeError::Broken { source_name, status: ending(status), detail: self.log.last_words() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either it has ended already, or this ends it, stopped or not; then it can be reaped without waiting.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a child ended by a polite signal, like a service manager sends to all processes of a service. FFmpeg then
/// exits with 255.
fn was_told_to_end(status: ExitStatus) -> bool {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        /// SIGHUP, SIGINT and SIGTERM, the same numbers on every Unix.
        const POLITE: [i32; 3] = [1, 2, 15];
        return POLITE.contains(&signal);
    }
    status.code() == Some(255)
}

/// How a child ended, in words.
fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("killed by signal {signal}");
    }
    status.code().map_or_else(|| "it crashed".to_owned(), |code| format!("exit code {code}"))
}

/// Runs `command` to its end and returns what it wrote to standard output.
pub(crate) fn output(command: FfmpegCommand, source: &str, stall: Duration) -> Result<Vec<u8>, DecodeError> {
    let mut process = start(command, source, Stdio::null(), |log, _| log.live())?;
    let (send, receive) = bounded(1);
    if let Some(stdout) = process.stdout() {
        spawn("ffmpeg-output", move || {
            let mut bytes = Vec::new();
            if stdout.take(OUTPUT_BYTES).read_to_end(&mut bytes).is_ok() {
                // Nobody listens any more when the child was given up.
                let _ = send.send(bytes);
            }
        })?;
    }
    let bytes = process.next(&receive, stall)?.unwrap_or_default();
    process.finish()?;
    Ok(bytes)
}
