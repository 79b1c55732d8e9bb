//! Copies of footage that cannot be sought exactly where it lies: streams, and files without a clock.

use std::{
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    path::Path,
    process::Stdio,
    sync::Arc,
};

use crossbeam_channel::bounded;
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::{Clock, DecodeError, Ffmpeg, clock::Jump, process, source, written::Unfinished};

/// How much was copied, so far or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Media time, in microseconds.
    pub media_us: i64,
    /// Bytes written.
    pub bytes: u64,
}

/// Formats without presentation times. FFmpeg derives these when it decodes, from the order of the packets, so
/// that they are copied into AVI, which keeps that order; Matroska would need times that nobody knows.
const TIMELESS: [&str; 9] = ["avi", "h264", "hevc", "m4v", "mjpeg", "mpegvideo", "h263", "vc1", "dirac"];

/// A longer jump of a stream's clock, either way, is one of the clock and no gap in the footage, in seconds.
/// Any jump backwards is.
const JUMP_S: &str = "3600";

impl Ffmpeg {
    /// Copies the video of `source` to the local file `into`, without encoding it anew; the copy seeks exactly.
    /// The file appears when it is whole. `progress` is called about twice a second; when it breaks, so does the copying.
    ///
    /// The copy is Matroska, with times rounded to milliseconds, or AVI where the source has no times. Its clock
    /// starts at or near zero; gaps in the source's clock stay, jumps are closed.
    ///
    /// # Errors
    /// Besides those of [`Ffmpeg::probe`]: a source whose reading breaks off or stalls, and a full disk.
    pub fn copy(
        &self,
        source: &str,
        into: &Path,
        mut progress: impl FnMut(Copied) -> ControlFlow<()>,
    ) -> Result<Copied, DecodeError> {
        let answer = self.ask(source)?;
        answer.video_or_error(source)?;
        let mut command = self.command();
        command.args(["-dts_delta_threshold", JUMP_S, "-fflags", "+genpts"]);
        self.input(&mut command, source);
        command.format(if answer.is(&TIMELESS) { "avi" } else { "matroska" });
        let (file, copied) = self.write_copy(command, source, into, &mut progress)?;
        Ok(Copied { bytes: file.publish()?, ..copied })
    }

    /// Copies the video of the file `source` like [`Ffmpeg::copy`], and wherever its `clock` is set back, lets it go
    /// on from where it was.
    ///
    /// # Errors
    /// Besides those of [`Ffmpeg::copy`], [`DecodeError::BadClock`] when even the copy's clock is set back.
    pub fn mend(
        &self,
        source: &str,
        clock: &Clock,
        into: &Path,
        mut progress: impl FnMut(Copied) -> ControlFlow<()>,
    ) -> Result<Copied, DecodeError> {
        let mut command = self.command();
        command.arg("-copyts");
        self.input(&mut command, source);
        // Every packet, so that their numbers are those of the clock.
        command.args(["-copyinkf", "-bsf:v", &going_on(&clock.jumps)]).format("matroska");
        let (file, copied) = self.write_copy(command, source, into, &mut progress)?;
        let copy = file.path().to_string_lossy();
        if self.clock(&copy, &self.probe(&copy)?, |_| progress(copied))?.goes_back() {
            let detail = format!("they go back {} times, and nobody knows by how much", clock.jumps.len());
            return Err(DecodeError::BadClock { source_name: source::redact(source), detail });
        }
        Ok(Copied { bytes: file.publish()?, ..copied })
    }

    fn input(&self, command: &mut FfmpegCommand, source: &str) {
        source::input(command, source, self.options.stall);
        command.map("0:V:0").args(["-c", "copy", "-map_metadata", "0"]);
    }

    fn write_copy(
        &self,
        mut command: FfmpegCommand,
        source: &str,
        into: &Path,
        progress: &mut dyn FnMut(Copied) -> ControlFlow<()>,
    ) -> Result<(Unfinished, Copied), DecodeError> {
        let file = Unfinished::at(into);
        let mut name = std::ffi::OsString::from("file:");
        name.push(file.path());
        command.args(["-progress", "pipe:1", "-y"]).arg(name);

        // What counts as life is progress: a child may well report twice a second that nothing comes.
        let mut process = process::start(command, source, Stdio::null(), |_, _| {})?;
        let (send, receive) = bounded(1);
        if let Some(stdout) = process.stdout() {
            let log = Arc::clone(&process.log);
            process::spawn("ffmpeg-progress", move || {
                let mut last = Copied::default();
                read_progress(stdout, |copied| {
                    if copied != last {
                        last = copied;
                        log.live();
                    }
                    send.send(copied).is_ok()
                });
            })?;
        }
        let mut copied = Copied::default();
        while let Some(now) = process.next(&receive, self.options.stall)? {
            copied = now;
            if progress(copied).is_break() {
                return Err(DecodeError::Stopped { source_name: source::redact(source) });
            }
        }
        process.finish().map_err(|error| file.blame_disk(error))?;
        if copied.bytes == 0 {
            let detail = "not one packet of its video came".to_owned();
            return Err(DecodeError::Unreadable { source_name: source::redact(source), detail });
        }
        Ok((file, copied))
    }
}

/// The bitstream filter that sets times so that they go on over `jumps`: each packet follows the one before it as it
/// did, but the first behind a jump. It knows of no unit but a packet's own duration, for releases of FFmpeg disagree
/// on which one it computes in. Decoding times follow those of presentation from a distance that no reordering spans.
fn going_on(jumps: &[Jump]) -> String {
    let sum = |term: &dyn Fn(&Jump) -> String| jumps.iter().map(term).collect::<Vec<_>>().join("+");
    let here = sum(&|jump| format!("eq(N,{})", jump.packet));
    let durations = sum(&|jump| format!("{}*eq(N,{})", jump.durations, jump.packet));
    let pts = format!("if(eq(N,0),PTS,PREV_OUTPTS+if({here},max(DURATION,1)*({durations}),PTS-PREV_INPTS))");
    format!("setts=pts='{pts}':dts='max(PREV_OUTDTS,{pts}-64*max(DURATION,1))'")
}

/// Hands each report of `-progress` to `on_report` until that returns false.
fn read_progress(from: impl Read, mut on_report: impl FnMut(Copied) -> bool) {
    let mut copied = Copied::default();
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        match line.split_once('=') {
            Some(("out_time_us", us)) => copied.media_us = us.trim().parse().unwrap_or(copied.media_us),
            Some(("total_size", bytes)) => copied.bytes = bytes.trim().parse().unwrap_or(copied.bytes),
            Some(("progress", _)) if !on_report(copied) => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_progress_reports() {
        let text = "out_time_us=N/A\ntotal_size=10\nprogress=continue\nout_time_us=1500000\ntotal_size=90\nprogress=end\n";
        let mut reports = Vec::new();
        read_progress(text.as_bytes(), |copied| {
            reports.push((copied.media_us, copied.bytes));
            true
        });
        assert_eq!(reports, [(0, 10), (1_500_000, 90)]);
    }
}
