//! The frames of one span of a recording, decoded by one child, with their true times.
//!
//! The filters of the child, in order: an end trim; `showinfo@seen`, which prints the time of every decoded
//! frame; a rough selection; scaling; `showinfo@looked`, which prints the time of every picture that goes down
//! the pipe. What counts is decided here, in whole microseconds, from the printed times of all frames. The
//! child's own selection computes in floating point and lets through what may be wanted, and little more.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read},
    ops::Range,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::sync_channel,
    },
};

use camcount_domain::{Frame, MediaSpan, MediaTime, Picture, Pixels, Rate, Recording};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    DecodeError, Ffmpeg, Slots,
    log::{Log, Shown, Unhurried, shown, to_us},
    process::{self, Process},
    scaling, source,
};

/// Pictures decoded ahead of the caller.
const AHEAD: usize = 2;
/// Pictures whose memory is kept for the next ones: as many as a caller may have in hand.
const SPARE: usize = 16;
/// What a pipe may hold at most, in bytes; Linux grants that to everyone. The usual 64 KiB are a tenth of a picture, for the
/// rest of which FFmpeg and the reader would wake each other up time and again.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;
/// Times that may be printed before their pictures arrive: far more than FFmpeg's filters and the pipe hold.
const MARKS: usize = 4096;
/// The rough selection is this much wider than the span, for the noise of floating point.
const SLACK_US: i64 = 2;
/// A search that landed too late is repeated from this many times farther back.
const FARTHER: i64 = 8;

/// The looked-at frames of a span, in the order of their times. Dropping it ends the decoding.
#[derive(Debug)]
pub struct Frames {
    ffmpeg: Ffmpeg,
    wanted: Wanted,
    /// How far before the span decoding starts; `None` from the beginning.
    lead_us: Option<i64>,
    run: Option<Run>,
    enough: Enough,
}

/// Whether the caller wants no more.
struct Enough(Box<dyn Fn() -> bool + Send>);

impl fmt::Debug for Enough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enough")
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
struct Wanted {
    recording: Recording,
    span: MediaSpan,
    rate: Rate,
    picture: Picture,
}

/// One child at work.
#[derive(Debug)]
struct Run {
    frames: Receiver<Frame>,
    tally: Arc<Tally>,
    process: Process,
}

/// What the child's listener has noticed.
#[derive(Debug, Default)]
struct Tally {
    seen: AtomicU64,
    /// The first decoded frame does not lie before the span.
    late: AtomicBool,
    /// The child printed or piped something else than agreed.
    astray: AtomicBool,
}

impl Tally {
    fn late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }
}

/// A picture in the pipe.
struct Mark {
    time: MediaTime,
    keep: bool,
}

impl Ffmpeg {
    /// The frames of `recording` whose media time lies in `span`, no more than `rate` of them a second, as
    /// `picture` asks. Which they are, and their bytes, does not depend on where the span begins or ends.
    ///
    /// The media time of a frame is `recording.span.start` plus its container's presentation time, rounded down
    /// to microseconds, minus `recording.origin_us`. For `span` give `Segment::frames_span`.
    ///
    /// Frames that cannot be decoded are missing; frames that FFmpeg could repair are there. A damaged stretch is
    /// the one place where bytes may depend on the cut: the repair borrows from earlier pictures.
    ///
    /// # Errors
    /// When the footage is not there or FFmpeg cannot be started. What happens later comes from the iterator.
    pub fn frames(
        &self,
        recording: &Recording,
        span: MediaSpan,
        rate: Rate,
        picture: &Picture,
    ) -> Result<Frames, DecodeError> {
        source::Place::of(&recording.source).check()?;
        let wanted = Wanted { recording: recording.clone(), span, rate, picture: *picture };
        let lead_us = (span.start != MediaTime::MIN).then(|| lead_us(recording.frame_interval_us));
        let run = wanted.start(self, lead_us)?;
        let enough = Enough(Box::new(|| false));
        Ok(Frames { ffmpeg: self.clone(), wanted, lead_us, run: Some(run), enough })
    }
}

/// How far before a span decoding starts, so that its first frame's predecessor is seen: FFmpeg seeks by decoding
/// times, which lie up to the reordering delay before presentation times (H.264 and HEVC: 16 frames at most, in
/// practice 4), and frames before a key frame may be undecodable after it.
fn lead_us(frame_interval_us: i64) -> i64 {
    frame_interval_us.saturating_mul(8).max(1_000_000)
}

impl Frames {
    /// The process that decodes now, if one does.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.run.as_ref().map(|run| run.process.pid())
    }

    /// The same frames, but no more of them once `enough` says so, also while none comes for a long time: then it
    /// ends with [`DecodeError::Stopped`].
    #[must_use]
    pub fn until(self, enough: impl Fn() -> bool + Send + 'static) -> Self {
        Self { enough: Enough(Box::new(enough)), ..self }
    }

    fn advance(&mut self) -> Result<Option<Frame>, DecodeError> {
        let stall = self.ffmpeg.options.stall;
        while let Some(run) = self.run.take() {
            if let Some(frame) = run.process.next_unless(&self.enough.0, &run.frames, stall)? {
                self.run = Some(run);
                return Ok(Some(frame));
            }
            let tally = Arc::clone(&run.tally);
            if !tally.late() {
                run.finish().map_err(|error| self.ffmpeg.blame_hwaccel(error))?;
            }
            // It landed inside the span (streams that refresh gradually have few true key frames), or behind
            // all frames: then nobody knows what it has missed.
            let Some(lead_us) = self.lead_us.filter(|_| tally.late()) else { return Ok(None) };
            let lead_us = Some(lead_us.saturating_mul(FARTHER));
            self.lead_us = lead_us;
            self.run = Some(self.wanted.start(&self.ffmpeg, lead_us)?);
        }
        Ok(None)
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, DecodeError>;

    /// Waits for the next frame. After an error or the end there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

impl Run {
    fn finish(self) -> Result<(), DecodeError> {
        let source_name = self.process.source_name.clone();
        self.process.finish()?;
        if self.tally.astray.load(Ordering::Acquire) && !self.tally.late() {
            return Err(DecodeError::Broken {
                source_name,
                status: "pictures and times do not match".to_owned(),
                detail: "this FFmpeg prints its showinfo lines in an unknown way".to_owned(),
            });
        }
        Ok(())
    }
}

impl Wanted {
    /// The container's time of a media time, in microseconds.
    fn container_us(&self, time: MediaTime) -> i64 {
        time.since_us(self.recording.span.start).saturating_add(self.recording.origin_us)
    }

    fn start(&self, ffmpeg: &Ffmpeg, lead_us: Option<i64>) -> Result<Run, DecodeError> {
        let mut command = ffmpeg.command();
        // Whatever part of it is damaged: the rest is footage.
        command.args(["-max_error_rate", "1", "-copyts"]);
        ffmpeg.decode_with(&mut command);
        let seek_us = lead_us
            .map(|lead| self.container_us(self.span.start).saturating_sub(lead))
            .filter(|seek| *seek > self.recording.origin_us);
        if let Some(seek_us) = seek_us {
            command.args(["-noaccurate_seek", "-seek_timestamp", "1"]).seek(seconds(seek_us));
        }
        source::input(&mut command, &self.recording.source, ffmpeg.options.stall);
        command.map("0:V:0").args(["-filter_threads", "1", "-vf", &self.filters()]);
        // Flushed packets, so that no picture waits in FFmpeg's buffer for the next.
        command.fps_mode("passthrough").args(["-flush_packets", "1"]).format("rawvideo").output("-");

        let tally = Arc::new(Tally::default());
        let (mark, marks) = bounded(MARKS);
        let listener = Listener {
            wanted: self.clone(),
            sought: seek_us.is_some(),
            slots: Slots::new(self.rate),
            seen_base: (1, 1),
            looked_base: (1, 1),
            due: VecDeque::new(),
            mark: Some(mark),
            tally: Arc::clone(&tally),
        };
        let mut listener = Some(listener);
        let (arrived, arrival) = bounded(1);
        let mut process = process::start_heard(
            command,
            &self.recording.source,
            Stdio::null(),
            move |stderr| Unhurried::new(stderr, arrival),
            move |log, line| {
                log.live();
                if let Some(listener) = &mut listener {
                    listener.hear(line);
                }
            },
        )?;
        let (send, frames) = bounded(AHEAD);
        if let Some(stdout) = process.stdout() {
            let parts = scaling::parts(&self.picture, self.recording.frame_size);
            let log = Arc::clone(&process.log);
            let pipe = Pipe { picture: self.picture, parts, arrived, marks, send, log };
            let tally = Arc::clone(&tally);
            #[cfg(target_os = "linux")]
            // It goes on with a small one as well.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdout, self.picture.bytes().min(PIPE_BYTES));
            process::spawn("ffmpeg-frames", move || {
                if pipe.run(stdout).is_err() {
                    tally.astray.store(true, Ordering::Release);
                }
            })?;
        }
        Ok(Run { frames, tally, process })
    }

    fn filters(&self) -> String {
        let mut filters = Vec::new();
        if self.span.end != MediaTime::MAX {
            // It rounds to the stream's unit of time, which in AVI is a whole frame.
            let slack_us = self.recording.frame_interval_us.saturating_add(100_000);
            let end_us = self.container_us(self.span.end).saturating_add(slack_us);
            filters.push(format!("trim=end={}", seconds(end_us)));
        }
        filters.push("showinfo@seen=checksum=0".to_owned());
        filters.push(format!("select='{}'", self.roughly()));
        filters.push(scaling::scaling(&self.picture, self.recording.frame_size));
        filters.push("showinfo@looked=checksum=0".to_owned());
        filters.join(",")
    }

    /// The rough selection, as an expression of FFmpeg's: frames of the span whose slot, if
    /// a little later, is beyond that of the frame before, if a little earlier. "A little" outweighs both the
    /// rounding to microseconds that the exact selection does and the noise of floating point.
    fn roughly(&self) -> String {
        let fps = f64::from(self.rate.millihertz) / 1000.0;
        let noise = fps * 2e-6 + 1e-6;
        let slot = |time: &str, offset: f64| {
            format!(
                "floor(({time}-({}))*{fps}+{:.9})",
                seconds(self.recording.origin_us),
                1.0 / 12.0 + offset
            )
        };
        let fresh = format!("isnan(prev_t)+gt({},{})", slot("t", noise), slot("prev_t", -noise));
        let mut terms = vec![format!("({fresh})")];
        if self.span.start != MediaTime::MIN {
            let start_us = self.container_us(self.span.start).saturating_sub(SLACK_US);
            terms.push(format!("gte(t,{})", seconds(start_us)));
        }
        if self.span.end != MediaTime::MAX {
            let end_us = self.container_us(self.span.end).saturating_add(SLACK_US);
            terms.push(format!("lt(t,{})", seconds(end_us)));
        }
        terms.join("*")
    }
}

/// Microseconds as a decimal number of seconds, exactly.
fn seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Hears the times of the frames and decides which are wanted.
struct Listener {
    wanted: Wanted,
    sought: bool,
    slots: Slots,
    seen_base: (i64, i64),
    looked_base: (i64, i64),
    /// Wanted frames that have not come through the selection yet.
    due: VecDeque<i64>,
    mark: Option<Sender<Mark>>,
    tally: Arc<Tally>,
}

impl Listener {
    fn hear(&mut self, line: &str) {
        match shown(line, "seen") {
            Some(Shown::TimeBase(num, den)) => self.seen_base = (num, den),
            Some(Shown::Frame(Some(pts), _)) => self.see(to_us(pts, self.seen_base)),
            Some(Shown::Frame(None, _)) => {}
            None => match shown(line, "looked") {
                Some(Shown::TimeBase(num, den)) => self.looked_base = (num, den),
                Some(Shown::Frame(pts, _)) => self.look(pts.map(|pts| to_us(pts, self.looked_base))),
                None => {}
            },
        }
    }

    fn time(&self, us: i64) -> MediaTime {
        let recording = &self.wanted.recording;
        recording.span.start.plus_us(us.saturating_sub(recording.origin_us))
    }

    /// A frame was decoded.
    fn see(&mut self, us: i64) {
        let time = self.time(us);
        if self.tally.seen.fetch_add(1, Ordering::Relaxed) == 0
            && self.sought
            && time >= self.wanted.span.start
        {
            self.tally.late.store(true, Ordering::Release);
            self.mark = None;
        }
        let fresh = self.slots.look(us.saturating_sub(self.wanted.recording.origin_us));
        if fresh && self.wanted.span.contains(time) {
            self.due.push_back(us);
        }
    }

    /// A frame was selected and scaled; its picture follows in the pipe.
    fn look(&mut self, us: Option<i64>) {
        let keep = us.is_some() && self.due.front() == us.as_ref();
        if keep {
            self.due.pop_front();
        }
        let time = self.time(us.unwrap_or_default());
        if let Some(mark) = &self.mark {
            // Fails when the caller has gone; then the pipe breaks too and the child ends.
            let _ = mark.send(Mark { time, keep });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.sought && self.tally.seen.load(Ordering::Relaxed) == 0 {
            self.tally.late.store(true, Ordering::Release);
        }
        if !self.due.is_empty() {
            self.tally.astray.store(true, Ordering::Release);
        }
    }
}

/// Joins the pictures in the pipe with their marks.
struct Pipe {
    picture: Picture,
    /// What of a picture is in the pipe; the rest is blank.
    parts: Vec<Range<usize>>,
    /// Told of every picture, since its mark is wanted now.
    arrived: Sender<()>,
    marks: Receiver<Mark>,
    send: Sender<Frame>,
    log: Arc<Log>,
}

impl Pipe {
    /// Runs until the pipe ends, the marks end, or nobody wants more.
    ///
    /// # Errors
    /// A picture was cut short.
    fn run(&self, mut stdout: impl Read) -> io::Result<()> {
        let (home, spare) = sync_channel(SPARE);
        // What is blank in a picture stays so.
        let fresh = || spare.try_recv().unwrap_or_else(|_| scaling::blank(&self.picture));
        let mut data = fresh();
        loop {
            for (number, part) in self.parts.iter().enumerate() {
                let wanted = part.len();
                match fill(&mut stdout, &mut data[part.clone()])? {
                    0 if number == 0 => return Ok(()),
                    got if got < wanted => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => self.log.live(),
                }
            }
            // It need not be told twice.
            let _ = self.arrived.try_send(());
            let Ok(mark) = self.marks.recv() else { return Ok(()) };
            if mark.keep {
                let data = Pixels::lent(std::mem::replace(&mut data, fresh()), home.clone());
                if self.send.send(Frame { time: mark.time, data }).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Fills `data` as far as there are bytes.
fn fill(from: &mut impl Read, data: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < data.len() {
        match from.read(&mut data[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
