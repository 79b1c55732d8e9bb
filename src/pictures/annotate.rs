//! `--annotate`: the looked-at frames as a video, with everything burnt in.

use std::path::Path;

use anyhow::{Context, Result};
use camcount_decode::{Ffmpeg, VideoWriter};
use camcount_domain::{Fit, MediaSpan, MediaTime, Picture, PixelFormat, Rate, SegmentCounts, TrackedFrame};

use super::{
    Subject,
    canvas::Canvas,
    clock,
    overlay::Overlay,
    palette,
    refold::{FoldedFrame, FoldedSegment, Refold, picture_size},
};
use crate::{place::Place, progress::FootageBar};

/// Pictures of `subject`'s camera in the size of its footage.
pub(super) fn whole(size: camcount_domain::FrameSize) -> Picture {
    Picture { size, fit: Fit::Stretch, pixels: PixelFormat::Rgb }
}

/// Media times of a segment's frames that the pass counts.
pub(super) fn counted_span(folded: &FoldedSegment, subject: &Subject<'_>) -> MediaSpan {
    let (frames, range) = (folded.segment.frames_span(), subject.pass.range);
    MediaSpan { start: frames.start.max(range.start), end: frames.end.min(range.end) }
}

/// A video of constant rate whose pictures stand at their media times, but for gaps, which are left out.
struct Film {
    writer: VideoWriter,
    interval_us: i64,
    gap_after_us: i64,
    /// Media time of the first picture since the last gap, and pictures written since then.
    since: Option<(MediaTime, i64)>,
    last: Option<MediaTime>,
    rgb: Vec<u8>,
}

impl Film {
    /// Appends a picture. Frames that are missing are stood for by the one before.
    fn show(&mut self, time: MediaTime, canvas: &Canvas) -> Result<()> {
        let gap = self.last.is_some_and(|last| time.since_us(last) > self.gap_after_us);
        self.last = Some(time);
        let (start, mut written) = self.since.filter(|_| !gap).unwrap_or((time, 0));
        let place = (time.since_us(start) + self.interval_us / 2) / self.interval_us;
        while written < place {
            self.writer.write(&self.rgb)?;
            written += 1;
        }
        canvas.rgb_into(&mut self.rgb);
        self.writer.write(&self.rgb)?;
        self.since = Some((start, written + 1));
        Ok(())
    }
}

/// Writes the video.
pub(super) async fn annotate(
    data: &Place,
    ffmpeg: &Ffmpeg,
    subject: &Subject<'_>,
    file: &Path,
) -> Result<()> {
    let size = picture_size(data, subject).await?;
    let mut canvas = Canvas::new(size, palette::DARK)?;
    let total_us = data.store.progress(&subject.pass.id()).await?.total_us;
    let longest_clock = clock(subject.start.plus_us(total_us), subject.start, subject.start_known);
    let mut overlay = Overlay::new(&canvas, subject.rules, subject.camera, &longest_clock);
    let mut bar = FootageBar::new("annotating", total_us);
    let (mut film, mut done_us, mut frames) = (None, 0, 0);
    let mut refold = Refold::new(data, subject)?;
    while let Some(folded) = refold.next().await? {
        tokio::task::block_in_place(|| -> Result<()> {
            if folded.frames.is_empty() {
                return Ok(());
            }
            let mut known = folded.frames.iter().peekable();
            let looked = ffmpeg.frames(
                &folded.recording,
                counted_span(&folded, subject),
                subject.detector.rate,
                &whole(size),
            )?;
            for frame in looked {
                let frame = frame?;
                // Both are in order of media time, and normally the same.
                while known.peek().is_some_and(|f| f.tracked.time < frame.time) {
                    known.next().iter().for_each(|f| overlay.see(&f.tracked, &f.counts));
                }
                let nobody = FoldedFrame {
                    tracked: TrackedFrame { time: frame.time, objects: Vec::new() },
                    counts: SegmentCounts::default(),
                };
                let seen = known.next_if(|f| f.tracked.time == frame.time).unwrap_or(&nobody);
                overlay.see(&seen.tracked, &seen.counts);
                canvas.load(&frame.data);
                let now = clock(frame.time, subject.start, subject.start_known);
                overlay.draw(&mut canvas, &seen.tracked, &folded.classes, &now);
                let film = match &mut film {
                    Some(film) => film,
                    None => film.insert(start(ffmpeg, subject, &folded, size, file)?),
                };
                film.show(frame.time, &canvas)?;
                frames += 1;
            }
            known.for_each(|f| overlay.see(&f.tracked, &f.counts));
            Ok(())
        })
        .with_context(|| format!("{} could not be made", file.display()))?;
        done_us += folded.segment.span.len_us();
        bar.show(done_us, frames);
    }
    let film = film.with_context(|| format!("{} was not made: there are no frames", file.display()))?;
    tokio::task::block_in_place(|| film.writer.finish())?;
    Ok(())
}

fn start(
    ffmpeg: &Ffmpeg,
    subject: &Subject<'_>,
    first: &FoldedSegment,
    size: camcount_domain::FrameSize,
    file: &Path,
) -> Result<Film> {
    let continuity = first.continuity(subject);
    let millihertz = 1_000_000_000 / continuity.interval_us.clamp(1_000, 1_000_000_000);
    let rate = Rate { millihertz: u32::try_from(millihertz).unwrap_or(u32::MAX).max(1) };
    let writer = VideoWriter::create(ffmpeg, file, size, rate, subject.start_known.then_some(subject.start))?;
    Ok(Film {
        writer,
        interval_us: continuity.interval_us,
        gap_after_us: continuity.gap_after_us,
        since: None,
        last: None,
        rgb: Vec::new(),
    })
}
