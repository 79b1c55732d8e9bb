//! Live streams, copied as they come into pieces that begin with a key frame.
//!
//! One child does it all: it writes the pieces, and for every packet prints when it is to be shown. What is known of a
//! piece is read from the piece itself, when it is whole.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    time::{Duration, Instant},
};

use camcount_domain::Transport;
use crossbeam_channel::{Receiver, bounded};
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::{
    Clock, DecodeError, Ffmpeg, Probe,
    log::to_us,
    process::{self, Process},
    source::{self, Place},
};

/// Packets that wait to be heeded: some seconds of them, while a piece is read back.
const WAITING: usize = 1024;
/// How long a child that was asked to end may take: a packet comes, and a file is closed.
const FAREWELL: Duration = Duration::from_secs(3);
/// For how long FFmpeg looks at a stream before it hands over the first packet: 5 s by default, and connecting.
const LOOKING: Duration = Duration::from_secs(8);

/// How a live stream is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How RTSP brings its packets.
    pub transport: Transport,
    /// How long pieces are meant to be. They end before a key frame, so that they are longer where these are rare.
    pub piece: Duration,
    /// A stream of which nothing comes for this long has stalled.
    pub stall: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            transport: Transport::default(),
            piece: Duration::from_secs(4),
            stall: Duration::from_secs(10),
        }
    }
}

/// A packet of a live stream: a frame, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it is to be shown, by the stream's clock, in microseconds.
    pub time_us: i64,
    /// Its size.
    pub bytes: u32,
    /// When it came.
    pub came: Instant,
}

/// What comes of a live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A packet. Its piece is still being written.
    Packet(Packet),
    /// A piece that is whole: Matroska, whose clock is the stream's, rounded to milliseconds.
    Piece(PathBuf),
}

/// A live stream that is being copied. Dropping it ends the copying.
#[derive(Debug)]
pub struct Live {
    process: Process,
    stdin: Option<ChildStdin>,
    packets: Receiver<Packet>,
    folder: PathBuf,
    /// The piece that is being written.
    number: u64,
    stall: Duration,
    begun: bool,
}

impl Ffmpeg {
    /// Begins to copy the video of `source`, a URL, into pieces in `folder`, which is there and empty. Nothing has come
    /// yet when this returns.
    ///
    /// RTSP comes as fast as the camera sends it. Anything over HTTP is taken no faster than its own clock goes, so
    /// that a playlist or a file that is there as a whole comes like a live stream; where it has no clock (Motion JPEG),
    /// by the times of arrival.
    ///
    /// # Errors
    /// When FFmpeg cannot be started or, over HTTP, the source be asked what it is.
    pub fn live(&self, source: &str, folder: &Path, options: &LiveOptions) -> Result<Live, DecodeError> {
        // Not as other commands: it takes its orders from standard input.
        let mut command = FfmpegCommand::new_with_path(&self.options.ffmpeg);
        command.args(["-hide_banner", "-nostats"]);
        let stall_us = options.stall.as_micros().to_string();
        match Place::of(source) {
            Place::Url(scheme) if scheme.starts_with("rtsp") => {
                let transport = match options.transport {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                };
                command.args(["-rtsp_transport", transport]);
                // Beside sound, FFmpeg would set the clock anew when the first report of the camera's clock comes.
                command.args(["-allowed_media_types", "video", "-timeout", &stall_us]);
                // The first packet has no time, and would be taken for the second.
                command.args(["-copyts", "-i", source]);
            }
            place => {
                let over_network = matches!(place, Place::Url(_));
                if over_network {
                    command.args(["-rw_timeout", &stall_us]);
                }
                if over_network && self.ask_within(source, options.stall)?.is_timeless() {
                    command.args(["-use_wallclock_as_timestamps", "1", "-i", source]);
                } else {
                    command.arg("-re");
                    match place {
                        Place::File(_) => source::input(&mut command, source, options.stall),
                        Place::Url(_) => _ = command.args(["-i", source]),
                    }
                }
            }
        }
        command.map("0:V:0").args(["-c", "copy", "-avoid_negative_ts", "disabled"]);
        // By the clock on the wall, for nobody knows where the stream's begins and whether it jumps.
        let piece = options.piece.max(Duration::from_secs(1)).as_secs_f64().to_string();
        command.args(["-f", "segment", "-segment_atclocktime", "1", "-segment_time", &piece]);
        command.args(["-segment_format", "matroska"]).arg(name(folder, "%06d"));
        command.map("0:V:0").args(["-c", "copy", "-f", "framecrc", "-flush_packets", "1", "pipe:1"]);

        let mut process = process::start(command, source, Stdio::piped(), |_, _| {})?;
        let stdin = process.stdin();
        let (send, packets) = bounded(WAITING);
        if let Some(stdout) = process.stdout() {
            process::spawn("ffmpeg-packets", move || {
                read_packets(stdout, |packet| send.send(packet).is_ok());
            })?;
        }
        Ok(Live {
            process,
            stdin,
            packets,
            folder: folder.to_owned(),
            number: 0,
            stall: options.stall,
            begun: false,
        })
    }

    /// What a piece is, and its clock. What is `known` of a piece of the same stream need not be looked up.
    ///
    /// # Errors
    /// Those of [`Ffmpeg::probe`] and [`Ffmpeg::clock`].
    pub fn piece(&self, path: &Path, known: Option<&Probe>) -> Result<(Probe, Clock), DecodeError> {
        let source = path.to_string_lossy();
        let probe = known.map_or_else(|| self.probe(&source), |known| Ok(known.clone()))?;
        let clock = self.clock(&source, &probe, |_| std::ops::ControlFlow::Continue(()))?;
        Ok((probe, clock))
    }
}

impl Live {
    /// Waits for what comes next. `None` at the end of the stream; then [`Live::end`] has the last piece.
    ///
    /// # Errors
    /// [`DecodeError::Stalled`] when nothing comes for too long, [`DecodeError::Stopped`] when the caller has had
    /// `enough`.
    pub fn next(&mut self, enough: &dyn Fn() -> bool) -> Result<Option<Came>, DecodeError> {
        // The child opens a piece when it has closed the one before.
        if self.path(self.number + 1).exists() {
            self.number += 1;
            return Ok(Some(Came::Piece(self.path(self.number - 1))));
        }
        let stall = if self.begun { self.stall } else { self.stall.max(LOOKING) };
        let packet = self.process.next_unless(enough, &self.packets, stall)?;
        self.begun = true;
        Ok(packet.map(Came::Packet))
    }

    /// Ends the copying, with the last piece whole if the child can still be talked to. Returns the pieces that were
    /// not handed over yet, and why the stream ended, if that was not asked for. What ended in the middle of a write is
    /// among them, and may turn out to be unreadable.
    pub fn end(mut self) -> (Vec<PathBuf>, Result<(), DecodeError>) {
        if let Some(mut stdin) = self.stdin.take() {
            // A child that has ended does not listen.
            let _ = stdin.write_all(b"q").and_then(|()| stdin.flush());
            let asked = Instant::now();
            loop {
                let left = FAREWELL.saturating_sub(asked.elapsed());
                // Packets that come now are in the last piece, too.
                match self.packets.recv_timeout(left) {
                    Ok(_) => {}
                    Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
                    Err(crossbeam_channel::RecvTimeoutError::Timeout) => {
                        self.process.kill();
                        break;
                    }
                }
            }
        }
        let (folder, first) = (self.folder, self.number);
        let ended = self.process.finish();
        let left = (first..).map(|number| piece(&folder, number)).take_while(|path| path.exists());
        (left.collect(), ended)
    }

    fn path(&self, number: u64) -> PathBuf {
        piece(&self.folder, number)
    }
}

fn piece(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:06}.mkv"))
}

/// The pattern of the pieces' names, as FFmpeg expands it: a percent sign in the folder's own name is doubled.
fn name(folder: &Path, number: &str) -> OsString {
    let folder = folder.to_string_lossy().replace('%', "%%");
    OsString::from(format!("file:{folder}/{number}.mkv"))
}

/// Hands over what framecrc prints of each packet, until nobody wants more.
fn read_packets(from: impl Read, mut on_packet: impl FnMut(Packet) -> bool) {
    let mut base = (1, 1000);
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if let Some(fraction) = line.strip_prefix("#tb 0: ").and_then(|text| text.split_once('/')) {
            base = (fraction.0.parse().unwrap_or(1), fraction.1.trim().parse().unwrap_or(1000));
        }
        if let Some((time, bytes)) = packet(&line) {
            let packet = Packet { time_us: to_us(time, base), bytes, came: Instant::now() };
            if !on_packet(packet) {
                return;
            }
        }
    }
}

/// Time of presentation and size, from a line like `0,  5999,  5999,  3000,  10, 0x07c10237, F=0x0`.
fn packet(line: &str) -> Option<(i64, u32)> {
    let mut fields = line.split(',').map(str::trim);
    let stream: u32 = fields.next()?.parse().ok()?;
    let (_dts, pts) = (fields.next()?, fields.next()?.parse().ok()?);
    let (_duration, bytes) = (fields.next()?, fields.next()?.parse().ok()?);
    (stream == 0).then_some((pts, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_framecrc_prints() {
        let text = "#software: x\n#tb 0: 1/90000\n#sar 0: 1/1\n0,  -3000,  0,  3000,  18225, 0x8fe5461e\n\
                    0,  3000,  9000,  3000,  10, 0x06ba0222, F=0x0, S=1,  16\n1, 0, 0, 1, 1, 0x0\ncut of";
        let mut packets = Vec::new();
        read_packets(text.as_bytes(), |packet| {
            packets.push((packet.time_us, packet.bytes));
            true
        });
        assert_eq!(packets, [(0, 18_225), (100_000, 10)]);
    }

    #[test]
    fn a_percent_sign_in_a_folder_is_no_pattern() {
        assert_eq!(name(Path::new("/a%20b"), "%06d"), "file:/a%%20b/%06d.mkv");
    }
}
