//! One run of a stream, on a thread that may block: packets to the clock, pieces to the spool.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use camcount_blob::keys;
use camcount_decode::{Came, DecodeError, Ffmpeg, Live, LiveOptions, Packet, Probe};
use camcount_domain::{CameraId, MediaSpan, MediaTime, Recording, WallTime, content_hash};
use camcount_store::{CameraEvent, EventKind, StreamQuality};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    WallClock,
    quality::QualityMeter,
    spool::{Entry, Spool, SpoolError},
    timeline::{Jump, Timeline},
};

/// A machine's clock that differs by more from the one that runs since the stream began was set.
const CLOCK_SET_US: i64 = 2_000_000;
/// A camera is said to have been seen no more often than this.
const SEEN_EVERY: Duration = Duration::from_secs(5);
/// Where a run knows no better: 25 frames/s.
const USUAL_INTERVAL_US: i64 = 40_000;

/// Told about a stream while it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// Packets come.
    Seen(WallTime),
    /// A minute is over.
    Quality(StreamQuality),
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunEnd {
    #[error(transparent)]
    Stream(#[from] DecodeError),
    #[error("the stream ended")]
    Over,
    #[error(transparent)]
    Jump(#[from] Jump),
    #[error("the clock of the machine that records was set by {} s", us / 1_000_000)]
    ClockSet { us: i64 },
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the spool was full")]
    SpoolFull,
    #[error("recording was stopped")]
    Stopped,
}

/// What outlives a run.
#[derive(Debug)]
pub(crate) struct Course {
    /// Where the footage of the camera ends so far.
    pub(crate) end: Option<MediaTime>,
    /// Why it does not go on there.
    pub(crate) gap: Option<String>,
    pub(crate) meter: QualityMeter,
    /// Pieces so far, over all runs.
    pub(crate) pieces: u64,
}

/// All that a run takes.
pub(crate) struct Run {
    pub(crate) camera: CameraId,
    /// The URL, with what is secret in it.
    pub(crate) source: String,
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) options: LiveOptions,
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: WallClock,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) stop: CancellationToken,
}

/// A run on its way.
struct Running<'a> {
    run: &'a Run,
    course: &'a mut Course,
    timeline: Timeline,
    /// When it began, by both clocks.
    began: (WallTime, Instant),
    seen: Option<Instant>,
    /// Pieces that are whole, and wait for the clock to settle.
    whole: Vec<PathBuf>,
    probe: Option<Probe>,
    interval_us: Option<i64>,
}

impl Run {
    /// Records until the stream ends or somebody wants it to.
    pub(crate) fn record(&self, course: &mut Course) -> RunEnd {
        let folder = match self.spool.run_folder(self.camera) {
            Ok(folder) => folder,
            Err(error) => return error.into(),
        };
        let mut live = match self.ffmpeg.live(&self.source, &folder, &self.options) {
            Ok(live) => live,
            Err(error) => return error.into(),
        };
        course.meter.interrupt();
        let timeline = Timeline::new(course.end);
        let mut running = Running {
            run: self,
            course,
            timeline,
            began: ((self.clock)(), Instant::now()),
            seen: None,
            whole: Vec::new(),
            probe: None,
            interval_us: None,
        };
        let end = running.follow(&mut live);
        let (left, ended) = live.end();
        running.whole.extend(left);
        let kept = running.keep_whole();
        // What is left of it was never announced.
        let _ = fs::remove_dir_all(&folder);
        match (end, kept, ended) {
            (RunEnd::Over, Ok(()), Err(error)) => error.into(),
            (_, Err(error), _) => error,
            (end, ..) => end,
        }
    }
}

impl Running<'_> {
    fn follow(&mut self, live: &mut Live) -> RunEnd {
        loop {
            let came = match live.next(&|| self.run.stop.is_cancelled()) {
                Ok(Some(came)) => came,
                Ok(None) => return RunEnd::Over,
                Err(DecodeError::Stopped { .. }) => return RunEnd::Stopped,
                Err(error) => return error.into(),
            };
            let heeded = match came {
                Came::Packet(packet) => self.packet(packet),
                Came::Piece(path) => {
                    self.whole.push(path);
                    self.pieces()
                }
            };
            if let Err(end) = heeded {
                return end;
            }
        }
    }

    fn packet(&mut self, packet: Packet) -> Result<(), RunEnd> {
        let came = self.wall(packet.came);
        self.timeline.arrived(packet.time_us, came)?;
        if let Some(media) = self.timeline.media_time(packet.time_us) {
            let late_us = came.0.saturating_sub(media.0);
            self.course.meter.packet(packet.time_us, packet.bytes, late_us, self.interval_us);
        }
        if self.seen.is_none_or(|seen| seen.elapsed() >= SEEN_EVERY) {
            self.seen = Some(Instant::now());
            self.report(Report::Seen(came));
        }
        if let Some(quality) = self.course.meter.tick(came) {
            self.report(Report::Quality(quality));
        }
        Ok(())
    }

    /// Says it to whoever listens; nobody who records waits for him.
    fn report(&self, report: Report) {
        let _ = self.run.reports.try_send(report);
    }

    fn pieces(&mut self) -> Result<(), RunEnd> {
        let (now, expected) = ((self.run.clock)(), self.wall(Instant::now()));
        let set_us = now.0 - expected.0;
        if set_us.abs() > CLOCK_SET_US {
            return Err(RunEnd::ClockSet { us: set_us });
        }
        if !self.timeline.is_settled(expected) {
            return Ok(());
        }
        self.keep_whole()?;
        if self.run.spool.is_full() { Err(RunEnd::SpoolFull) } else { Ok(()) }
    }

    /// When an instant was, by the clock on the wall as it went when the run began.
    fn wall(&self, at: Instant) -> WallTime {
        let since = at.saturating_duration_since(self.began.1).as_micros();
        WallTime(self.began.0.0.saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
    }

    /// Spools the pieces that are whole.
    fn keep_whole(&mut self) -> Result<(), RunEnd> {
        for path in std::mem::take(&mut self.whole) {
            self.keep(&path)?;
        }
        Ok(())
    }

    fn keep(&mut self, path: &Path) -> Result<(), RunEnd> {
        let (probe, clock) = match self.run.ffmpeg.piece(path, self.probe.as_ref()) {
            Ok(known) => known,
            Err(error) if error.is_environment() => return Err(error.into()),
            Err(error) => {
                // The last one of a run that broke off, mostly. What it held will be missing before the next one.
                tracing::debug!(camera = %self.run.camera, %error, "a piece cannot be read");
                self.course.gap.get_or_insert_with(|| format!("a piece could not be read: {error}"));
                return Ok(());
            }
        };
        let intervals = i64::try_from(clock.frames).unwrap_or(i64::MAX).saturating_sub(1);
        let measured_us = (intervals > 0).then(|| clock.last_us / intervals).filter(|us| *us > 0);
        let interval_us = *self.interval_us.get_or_insert(measured_us.unwrap_or(USUAL_INTERVAL_US));
        let last_us = clock.start_us.saturating_add(clock.last_us);
        let Some(placed) = self.timeline.place(clock.start_us, last_us, interval_us) else {
            self.course.gap.get_or_insert_with(|| "frames came a second time".to_owned());
            return Ok(());
        };
        let mut events = Vec::new();
        if let Some(end) = self.course.end
            && placed.span.start.since_us(end) > interval_us.saturating_mul(2)
        {
            let why = self.course.gap.take().unwrap_or_else(|| "no frames came".to_owned());
            events.push(gap(MediaSpan { start: end, end: placed.span.start }, why));
        }
        self.course.gap = None;
        events.extend(placed.gaps.iter().map(|span| gap(*span, "no frames came".to_owned())));
        let read = |source| SpoolError::Disk { place: path.to_owned(), action: "read", source };
        let hash = content_hash(&[&fs::read(path).map_err(read)?]);
        let key = keys::recording(self.run.camera, placed.span.start, &hash, "mkv");
        let recording = Recording {
            camera: self.run.camera,
            source: format!("{}{key}", keys::SOURCE),
            span: placed.span,
            origin_us: placed.origin_us,
            frame_size: probe.frame_size,
            frame_interval_us: interval_us,
        };
        self.run.spool.put(
            self.run.camera,
            Some(path),
            Entry { recording: Some(recording), events, bytes: 0 },
        )?;
        self.course.end = Some(placed.span.end);
        self.course.pieces += 1;
        self.probe = Some(probe);
        Ok(())
    }
}

/// Nothing was recorded.
pub(crate) fn gap(span: MediaSpan, detail: String) -> CameraEvent {
    CameraEvent { kind: EventKind::Gap, span, detector: None, detail }
}
