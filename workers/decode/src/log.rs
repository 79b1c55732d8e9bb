//! What FFmpeg says on standard error: the times of frames, signs of life, and last words.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;

use crate::source::redact;

/// Longer lines are cut; showinfo prints whatever metadata a frame carries, of any length.
const LINE_BYTES: usize = 4096;
/// Complaints kept for an error's message.
const KEPT: usize = 6;

/// FFmpeg's complaints so far, and whether it is alive.
#[derive(Debug, Default)]
pub(crate) struct Log {
    life: AtomicU64,
    complaints: Mutex<Complaints>,
    /// What FFmpeg calls its source, and what people do.
    name: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct Complaints {
    last: VecDeque<String>,
    broke_off: Option<String>,
}

/// Standard error, read when something is wanted of it or has gathered: FFmpeg writes each line in up to seven pieces, and
/// whoever waited for every one would be woken up twenty times a frame.
pub(crate) struct Unhurried<R> {
    stderr: R,
    wanted: Receiver<()>,
    is_empty: bool,
}

impl<R: Read> Unhurried<R> {
    /// Within this time far less gathers than a pipe holds, 64 KiB: FFmpeg says some 250 bytes of a frame, and decodes a
    /// few thousand a second at most.
    const GATHERING: Duration = Duration::from_millis(20);

    /// Reads `stderr` whenever `wanted` tells, and ever again without; as it comes once `wanted` has ended.
    pub(crate) fn new(stderr: R, wanted: Receiver<()>) -> Self {
        Self { stderr, wanted, is_empty: false }
    }
}

impl<R: Read> Read for Unhurried<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.is_empty {
            // Whether it was told, may expect no more, or has waited for long enough, it reads.
            let _ = self.wanted.recv_timeout(Self::GATHERING);
        }
        let got = self.stderr.read(bytes)?;
        self.is_empty = got < bytes.len();
        Ok(got)
    }
}

/// One line about one frame from a `showinfo` filter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// The unit of the time stamps to come: numerator and denominator of a second.
    TimeBase(i64, i64),
    /// A frame's time stamp, `None` if it has none, and the rest of the line.
    Frame(Option<i64>, &'a str),
}

impl Log {
    /// That of a child that was given `url` in the place of `source`.
    pub(crate) fn of(url: &str, source: &str) -> Self {
        Self { name: Some((url.to_owned(), redact(source))), ..Self::default() }
    }

    /// Marks that something moved.
    pub(crate) fn live(&self) {
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that grows with every sign of life.
    pub(crate) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// Reads lines to the end of the stream, however long or broken they are.
    pub(crate) fn drain(&self, stderr: impl Read, mut on_line: impl FnMut(&str)) {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        loop {
            line.clear();
            match read_line(&mut reader, &mut line) {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
            let text = String::from_utf8_lossy(&line);
            on_line(&text);
            self.keep(text.trim());
        }
    }

    fn keep(&self, line: &str) {
        // The level follows the context: "[mov @ 0x5566] [error] moov atom not found".
        let Some((mark, level)) = [("[warning]", 0), ("[error]", 1), ("[fatal]", 2), ("[panic]", 3)]
            .into_iter()
            .find_map(|(mark, level)| line.find(mark).map(|at| (at + mark.len(), level)))
        else {
            return;
        };
        let mut text = redact(line[mark..].trim().trim_start_matches("file:"));
        if let Some((url, source)) = &self.name {
            text = text.replace(url, source);
        }
        let mut complaints = self.lock();
        if level > 0 && READ_FAILURES.iter().any(|failure| text.ends_with(failure)) {
            complaints.broke_off.get_or_insert_with(|| text.clone());
        }
        if level == 0 || complaints.last.back() == Some(&text) {
            return;
        }
        if complaints.last.len() == KEPT {
            complaints.last.pop_front();
        }
        complaints.last.push_back(text);
    }

    /// The last complaints, on one line.
    pub(crate) fn last_words(&self) -> String {
        let words: Vec<String> = self.lock().last.iter().cloned().collect();
        if words.is_empty() { "it said nothing".to_owned() } else { words.join("; ") }
    }

    /// Whether FFmpeg complained of anything.
    pub(crate) fn has_words(&self) -> bool {
        !self.lock().last.is_empty()
    }

    /// The complaint that reading the source failed half way. FFmpeg takes this for the end of the footage.
    pub(crate) fn broke_off(&self) -> Option<String> {
        self.lock().broke_off.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Complaints> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The texts of EIO, ETIMEDOUT, ECONNRESET, ESTALE and ENETUNREACH, with which FFmpeg ends its line about a
/// source it can no longer read.
const READ_FAILURES: [&str; 6] = [
    ": Input/output error",
    ": Connection timed out",
    ": Connection reset by peer",
    ": Stale file handle",
    ": Network is unreachable",
    ": No route to host",
];

/// What a line says if the `showinfo` filter of that name wrote it.
pub(crate) fn shown<'a>(line: &'a str, filter: &str) -> Option<Shown<'a>> {
    let text = line.split_once("[showinfo@")?.1.strip_prefix(filter)?.strip_prefix(" @")?;
    let text = text.split_once("[info] ")?.1;
    if let Some(base) = text.strip_prefix("config in time_base: ") {
        let (num, den) = base.split(',').next()?.split_once('/')?;
        return Some(Shown::TimeBase(num.parse().ok()?, den.parse().ok()?));
    }
    let text = text.strip_prefix("n:")?.split_once(" pts:")?.1.trim_start();
    let (pts, rest) = text.split_once(' ')?;
    Some(Shown::Frame(pts.parse().ok(), rest))
}

/// Whole microseconds, rounded down.
pub(crate) fn to_us(pts: i64, (num, den): (i64, i64)) -> i64 {
    let us = (i128::from(pts) * i128::from(num) * 1_000_000).div_euclid(i128::from(den.max(1)));
    us.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Reads up to the next CR or LF, keeping no more than [`LINE_BYTES`]. False at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = available.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let text = &available[..end.unwrap_or(available.len())];
        line.extend_from_slice(&text[..text.len().min(LINE_BYTES - line.len())]);
        let used = end.map_or(available.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crossbeam_channel::bounded;

    use super::*;

    #[test]
    fn reads_the_lines_of_showinfo() {
        let line = "[showinfo@seen @ 0x55] [info] n:   3 pts:  -3003 pts_time:-0.1001 pos: 1 fmt:yuv420p";
        assert_eq!(
            shown(line, "seen"),
            Some(Shown::Frame(Some(-3003), "pts_time:-0.1001 pos: 1 fmt:yuv420p"))
        );
        assert_eq!(shown(line, "looked"), None);
        let line = "[showinfo@seen @ 0x55] [info] n:   3 pts:NOPTS pts_time:NOPTS pos: 1";
        assert!(matches!(shown(line, "seen"), Some(Shown::Frame(None, _))));
        let line = "[showinfo@seen @ 0x55] [info] config in time_base: 1/30000, frame_rate: 30000/1001";
        assert_eq!(shown(line, "seen"), Some(Shown::TimeBase(1, 30_000)));
        assert_eq!(shown("[showinfo@seen @ 0x55] [info] config out time_base: 0/0", "seen"), None);
        assert_eq!(shown("[info]   title : n: 1 pts: 5 x", "seen"), None);
    }

    #[test]
    fn times_round_down() {
        assert_eq!(to_us(1, (1001, 30_000)), 33_366);
        assert_eq!(to_us(-1, (1, 3)), -333_334);
        assert_eq!(to_us(i64::MAX, (1, 1)), i64::MAX);
    }

    #[test]
    fn whether_asked_or_not_all_is_heard() {
        for tells in [false, true] {
            let (heard, mut written) = io::pipe().unwrap();
            let (tell, told) = bounded(1);
            let mut lines = 0;
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for piece in
                        (0..200).flat_map(|number| ["line ".to_owned(), number.to_string(), "\n".to_owned()])
                    {
                        written.write_all(piece.as_bytes()).unwrap();
                        if tells {
                            let _ = tell.try_send(());
                        }
                    }
                });
                Log::default().drain(Unhurried::new(heard, told), |line| {
                    assert_eq!(line, format!("line {lines}"));
                    lines += 1;
                });
            });
            assert_eq!(lines, 200);
        }
    }

    #[test]
    fn keeps_complaints_only_and_hides_secrets() {
        let log = Log::default();
        let mut lines = 0;
        let text = b"[info] Output\n[h264 @ 0x1] [error] bad MB\r\xff\n[error] http://u:p@h/a?k=1: Input/output error\n";
        log.drain(&text[..], |_| lines += 1);
        assert_eq!(lines, 4);
        assert_eq!(log.last_words(), "bad MB; http://h/a?…: Input/output error");
        assert!(log.broke_off().is_some());
    }

    #[test]
    fn lines_of_any_length_fit_in_memory() {
        let text = [vec![b'x'; 3_000_000], b"\n[error] end".to_vec()].concat();
        let mut lengths = Vec::new();
        Log::default().drain(&text[..], |line| lengths.push(line.len()));
        assert_eq!(lengths, [LINE_BYTES, 11]);
    }
}
