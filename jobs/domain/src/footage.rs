//! Cameras, their recordings, and the segments that these are cut into.

use serde::{Deserialize, Serialize};

use crate::{CameraId, FrameSize, MediaSpan, MediaTime, Seq};

/// A registered source of footage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its identity.
    pub id: CameraId,
    /// What people call it.
    pub name: String,
    /// Whether the media times are true wall-clock times, or counted from 1970 because no start is known.
    pub start_known: bool,
}

/// A run of footage with one clock: one file, or one copy of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Whose footage it is.
    pub camera: CameraId,
    /// Where its bytes are: a path, or a URL that FFmpeg opens.
    pub source: String,
    /// From the first frame's media time to the end that the container declares, or to that of the last frame where
    /// it declares too early an end. Frames that lie outside all the same belong to the first and the last segment.
    pub span: MediaSpan,
    /// The container's presentation time, in microseconds, that is [`MediaSpan::start`] of `span`.
    pub origin_us: i64,
    /// Size of the picture as shown (rotation applied).
    pub frame_size: FrameSize,
    /// The usual time between two frames in microseconds, as the container declares it.
    pub frame_interval_us: i64,
}

/// A run of consecutive frames of one camera: those of one recording whose media time lies in `span`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose footage it is.
    pub camera: CameraId,
    /// Its place in the footage.
    pub seq: Seq,
    /// The nominal span: the recording's segments tile the recording's span.
    pub span: MediaSpan,
    /// Whether it is the first of its recording, and so also holds frames from before `span`.
    pub first: bool,
    /// Whether it is the last of its recording, and so also holds frames from after `span`.
    pub last: bool,
}

impl Segment {
    /// The media times of the frames that belong to this segment and to no other of its recording.
    #[must_use]
    pub fn frames_span(&self) -> MediaSpan {
        MediaSpan {
            start: if self.first { MediaTime::MIN } else { self.span.start },
            end: if self.last { MediaTime::MAX } else { self.span.end },
        }
    }
}

/// Cuts `span` of a recording into segments of `length_us`, numbered from `first_seq`. The last one takes
/// what is left. The cuts are a function of times alone; no frame is looked at.
///
/// An empty span gives one empty segment, which still holds whatever frames there are.
pub fn cut(
    camera: CameraId,
    span: MediaSpan,
    length_us: i64,
    first_seq: Seq,
) -> impl Iterator<Item = Segment> {
    let length_us = length_us.max(1);
    let pieces = (span.len_us().max(1) as u64).div_ceil(length_us as u64) as i64;
    (0..pieces).map(move |piece| Segment {
        camera,
        seq: Seq(first_seq.0 + piece),
        span: MediaSpan {
            start: span.start.plus_us(piece * length_us),
            end: if piece + 1 == pieces { span.end } else { span.start.plus_us((piece + 1) * length_us) },
        },
        first: piece == 0,
        last: piece + 1 == pieces,
    })
}

/// How far apart two looked-at frames may be for the time between them to count as observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuity {
    /// The time that a frame stands for when no other follows: the usual interval between looked-at frames.
    pub interval_us: i64,
    /// A longer time between two frames is a gap.
    pub gap_after_us: i64,
}

impl Continuity {
    /// For footage with a frame every `frame_interval_us`, looked at every `look_interval_us` at most.
    ///
    /// Two seconds without a frame are a gap, or three missed frames where frames are rarer than that.
    #[must_use]
    pub fn of(frame_interval_us: i64, look_interval_us: i64) -> Self {
        let interval_us = frame_interval_us.max(look_interval_us).max(1);
        Self { interval_us, gap_after_us: 2_000_000.max(interval_us.saturating_mul(4)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_tile_the_span() {
        let camera = CameraId::of_footage("x");
        let span = MediaSpan { start: MediaTime(5), end: MediaTime(25) };
        let segments: Vec<_> = cut(camera, span, 7, Seq(3)).collect();
        assert_eq!(segments.len(), 3);
        assert!(segments[0].first && !segments[0].last && segments[2].last);
        assert_eq!(segments[0].span.start, span.start);
        assert_eq!(segments[2].span.end, span.end);
        assert_eq!(segments[2].seq, Seq(5));
        for pair in segments.windows(2) {
            assert_eq!(pair[0].span.end, pair[1].span.start);
        }
        assert_eq!(cut(camera, MediaSpan { start: MediaTime(5), end: MediaTime(5) }, 7, Seq(0)).count(), 1);
    }
}
