//! The clock of a file: the time stamps of all its packets, read without decoding anything.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    process::Stdio,
    sync::Arc,
};

use crossbeam_channel::bounded;
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::{
    DecodeError, Ffmpeg, Probe,
    log::to_us,
    process,
    source::{self, redact},
};

/// Packets that are handed over at a time: a few seconds of footage.
const BATCH: usize = 256;
/// A clock that is set back more often in one file is no clock. Each time costs a term of an expression that FFmpeg
/// computes for every packet.
const MOST_JUMPS: usize = 500;
/// More frames a second than any camera's file shows: the highest rate that frames are looked at.
const MOST_FPS: i64 = 1000;

/// What the time stamps of a file tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The container's presentation time of the first frame, whether or not it can be decoded, in microseconds.
    pub start_us: i64,
    /// From there to the frame that is shown last, in microseconds.
    pub last_us: i64,
    /// How many frames there are, whether or not they can be decoded.
    pub frames: u64,
    pub(crate) jumps: Vec<Jump>,
}

/// A place where the clock is set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The number of the packet behind it, from 0.
    pub(crate) packet: u64,
    /// How much later than the packet before it that one must be to be shown after all those before, in durations
    /// of its own.
    pub(crate) durations: i64,
}

impl Clock {
    /// Whether it is set back somewhere. Such a file cannot be sought; a copy of it can, see [`Ffmpeg::mend`].
    #[must_use]
    pub fn goes_back(&self) -> bool {
        !self.jumps.is_empty()
    }
}

impl Ffmpeg {
    /// Reads the clock of `source`, which `probe` is of, from end to end. `progress` is told every now and then how
    /// far it is, in microseconds of media time; when it breaks, so does the reading.
    ///
    /// # Errors
    /// Besides those of [`Ffmpeg::probe`], [`DecodeError::BadClock`]: a clock that stands still or jumps about.
    pub fn clock(
        &self,
        source: &str,
        probe: &Probe,
        mut progress: impl FnMut(i64) -> ControlFlow<()>,
    ) -> Result<Clock, DecodeError> {
        let mut command = FfmpegCommand::new_with_path(&self.options.ffprobe);
        command.args(["-hide_banner", "-select_streams", "V:0", "-print_format", "csv=p=0"]);
        command.args(["-show_entries", "packet=pts,dts,duration,flags"]);
        source::input(&mut command, source, self.options.stall);
        let mut process = process::start(command, source, Stdio::null(), |_, _| {})?;
        let (send, receive) = bounded(2);
        if let Some(stdout) = process.stdout() {
            let log = Arc::clone(&process.log);
            process::spawn("ffprobe-packets", move || {
                let live = || log.live();
                read_packets(stdout, live, |packets| send.send(packets).is_ok());
            })?;
        }
        let mut reading = Reading::new(probe.time_base, probe.reorder);
        while let Some(packets) = process.next(&receive, self.options.stall)? {
            packets.iter().for_each(|packet| reading.read(packet));
            if progress(reading.length_us()).is_break() {
                return Err(DecodeError::Stopped { source_name: redact(source) });
            }
        }
        process.finish()?;
        let bad = |detail| DecodeError::BadClock { source_name: redact(source), detail };
        reading.check().map_err(bad)?;
        // AVI has no times of presentation where frames are reordered.
        let start_us = if reading.presented { reading.first_us() } else { probe.start_us };
        let frames = u64::try_from(reading.frames).unwrap_or_default();
        Ok(Clock { start_us, last_us: reading.length_us(), frames, jumps: reading.jumps })
    }
}

/// One packet's stamps, in the stream's unit.
#[derive(Clone, Copy, Debug)]
struct Packet {
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    /// Decoded, but not shown.
    hidden: bool,
}

impl Packet {
    /// From a line like `3003,0,1001,K_`.
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split(',');
        let mut number = || fields.next().map(|field| field.parse::<i64>().ok());
        let (pts, dts, duration) = (number()?, number()?, number()?);
        let flags = fields.next()?;
        Some(Self {
            pts,
            dts,
            duration: duration.unwrap_or_default().max(1),
            key: flags.contains('K'),
            hidden: flags.contains('D'),
        })
    }
}

/// Hands over packets in batches until nobody wants more.
fn read_packets(from: impl Read, live: impl Fn(), mut on_batch: impl FnMut(Vec<Packet>) -> bool) {
    let mut batch = Vec::with_capacity(BATCH);
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        live();
        batch.extend(Packet::of(&line));
        if batch.len() == BATCH && !on_batch(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))) {
            return;
        }
    }
    on_batch(batch);
}

/// The packets so far, in the order in which they are decoded.
#[derive(Debug)]
struct Reading {
    time_base: (i64, i64),
    reorder: usize,
    packets: u64,
    frames: i64,
    /// The earliest and the latest time, and whether they are of presentation.
    extent: Option<(i64, i64)>,
    presented: bool,
    /// Of the packet before.
    previous: i64,
    /// The first of the hidden packets just before: packet, duration, and the time of the packet before it.
    hidden: Option<(u64, i64, i64)>,
    /// Since the last jump: those that may still wait to be shown, the last one surely shown, the latest of all.
    waiting: BinaryHeap<Reverse<i64>>,
    shown: Option<i64>,
    latest: Option<i64>,
    jumps: Vec<Jump>,
}

impl Reading {
    fn new(time_base: (i64, i64), reorder: usize) -> Self {
        Self {
            time_base,
            reorder,
            packets: 0,
            frames: 0,
            extent: None,
            presented: false,
            previous: 0,
            hidden: None,
            waiting: BinaryHeap::new(),
            shown: None,
            latest: None,
            jumps: Vec::new(),
        }
    }

    fn read(&mut self, packet: &Packet) {
        let here = (self.packets, packet.duration, self.previous);
        self.packets += 1;
        self.previous = packet.pts.unwrap_or(self.previous);
        if packet.hidden {
            self.hidden.get_or_insert(here);
            return;
        }
        let here = self.hidden.take().unwrap_or(here);
        let Some(time) = packet.pts.or(packet.dts) else { return };
        self.frames += 1;
        let (first, last) = self.extent.unwrap_or((time, time));
        self.extent = Some((first.min(time), last.max(time)));
        if let Some(pts) = packet.pts {
            self.presented = true;
            self.show(pts, packet.key, here);
        }
    }

    /// Frames are shown in the order of their times. A frame that others depend on is shown after all those decoded
    /// before it; any other may come before as many of them as the decoder reorders. What is earlier, the clock was
    /// set back for.
    fn show(&mut self, pts: i64, key: bool, (packet, duration, previous): (u64, i64, i64)) {
        let before = if key { self.latest } else { self.shown };
        // Where frames are reordered, FFmpeg mistrusts times that repeat, and goes on by decoding times.
        let again = self.reorder > 0
            && (self.shown == Some(pts) || self.waiting.iter().any(|waiting| waiting.0 == pts));
        if let Some(latest) = self.latest.filter(|_| again || before.is_some_and(|before| pts < before)) {
            let reordered = if key { 0 } else { 2 * self.reorder as i64 };
            let behind = latest.saturating_sub(previous).max(0) / duration;
            if self.jumps.len() <= MOST_JUMPS {
                self.jumps.push(Jump { packet, durations: behind.saturating_add(1 + reordered) });
            }
            self.waiting.clear();
            (self.shown, self.latest) = (None, None);
        }
        self.latest = self.latest.max(Some(pts));
        self.waiting.push(Reverse(pts));
        if self.waiting.len() > self.reorder {
            self.shown = self.waiting.pop().map(|Reverse(pts)| pts);
        }
    }

    fn first_us(&self) -> i64 {
        to_us(self.extent.unwrap_or_default().0, self.time_base)
    }

    fn length_us(&self) -> i64 {
        to_us(self.extent.unwrap_or_default().1, self.time_base).saturating_sub(self.first_us())
    }

    fn check(&self) -> Result<(), String> {
        if self.jumps.len() > MOST_JUMPS {
            return Err(format!("they go back more than {MOST_JUMPS} times"));
        }
        let length_us = self.length_us();
        if self.frames > 1 && length_us.saturating_mul(MOST_FPS) < (self.frames - 1) * 1_000_000 {
            return Err(format!("all of its {} frames within {length_us} us", self.frames));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of `times` at 10 to the frame; a K marks frames that others depend on, a D hidden ones.
    fn read(reorder: usize, times: &str) -> Reading {
        let mut reading = Reading::new((1, 1000), reorder);
        for word in times.split_whitespace() {
            let number = word.trim_end_matches(['K', 'D']);
            let flags = &word[number.len()..];
            reading.read(&Packet::of(&format!("{number},{number},10,{flags}_")).unwrap());
        }
        reading
    }

    fn jumps(reorder: usize, times: &str) -> Vec<(u64, i64)> {
        read(reorder, times).jumps.iter().map(|jump| (jump.packet, jump.durations)).collect()
    }

    #[test]
    fn reordered_frames_are_no_jumps() {
        assert_eq!(jumps(0, "0K 10 20 30K 35 90"), []);
        assert_eq!(jumps(2, "0K 40 20 10 30 80 60 50 70 120K 100 90 110"), []);
        assert_eq!(jumps(1, "20K 10 0 30").len(), 1, "one frame at most is decoded before its turn");
        // What an edit list hides is no part of the footage.
        assert_eq!(jumps(0, "0KD 10D 20 30 0KD 10D 40 50"), []);
    }

    #[test]
    fn jumps_are_found_where_they_are() {
        assert_eq!(jumps(0, "0K 10 20 0K 10 20 30 40 15 25"), [(3, 1), (8, 1)]);
        assert_eq!(jumps(0, "0K 10 10 20"), [], "a frame at the time of another is beyond the rate");
        assert_eq!(
            jumps(2, "0K 40 20 10 30 0K 40 20 10 30"),
            [(5, 2)],
            "the latest is one frame after the one before"
        );
        assert_eq!(jumps(2, "0K 40 20 20 30 50"), [(3, 7)]);
        assert_eq!(jumps(0, "50K 60 0KD 10D 20 30 70"), [(2, 1)]);
    }

    #[test]
    fn a_clock_must_go_on() {
        assert!(read(0, "7K 7 7 7").check().unwrap_err().contains("4 frames within 0 us"));
        assert!(read(0, "7K").check().is_ok() && read(0, "0K 1 2 3").check().is_ok());
        let wild: String = (0..2000).map(|n| format!("{}K ", n % 3 * 10)).collect();
        assert!(read(0, &wild).check().unwrap_err().contains("more than 500 times"));
    }

    #[test]
    fn lines_without_times_are_read() {
        let packet = Packet::of("N/A,12,N/A,K_,side").unwrap();
        assert_eq!((packet.pts, packet.dts, packet.duration, packet.key), (None, Some(12), 1, true));
        assert!(Packet::of("nonsense").is_none());
    }
}
