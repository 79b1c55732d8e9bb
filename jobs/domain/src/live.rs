//! What is told of counts while they grow: one committed segment at a time, and what these add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CameraId, CoverageBucket, DetectorVersion, LineBucket, MediaSpan, MediaTime, PassId, RulesetVersion, Seq,
};

/// Crossings both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InOut {
    /// Inwards.
    #[serde(rename = "in")]
    pub count_in: i64,
    /// Outwards.
    #[serde(rename = "out")]
    pub count_out: i64,
}

impl InOut {
    /// Adds more of them.
    pub fn add(&mut self, more: Self) {
        self.count_in += more.count_in;
        self.count_out += more.count_out;
    }
}

/// How many objects were inside a zone in the last frame that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneInside {
    /// The zone's name.
    pub zone: String,
    /// `None` where that is not known: nothing was seen yet, or the footage was given up.
    pub inside: Option<i64>,
}

/// One segment whose counts are committed. Buckets are increments, as in [`SegmentCounts`](crate::SegmentCounts).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentCounted {
    /// Whose footage.
    pub camera: CameraId,
    /// By which pass.
    pub pass: PassId,
    /// By which rules.
    pub ruleset: RulesetVersion,
    /// With which detector.
    pub detector: DetectorVersion,
    /// The pass's cursor stands on this segment now.
    pub seq: Seq,
    /// When the camera saw it.
    pub span: MediaSpan,
    /// Increments of line buckets; some may start before the segment.
    pub lines: Vec<LineBucket>,
    /// Every zone of the rules, as it was at the end.
    pub zones: Vec<ZoneInside>,
    /// Increments of coverage.
    pub coverage: Vec<CoverageBucket>,
}

/// What a pass has counted in a span of media time, with all segments before `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCounts {
    /// The segment that is added next.
    pub next: Seq,
    /// Media time up to which is counted; `None` before the first segment.
    pub counted_to: Option<MediaTime>,
    /// Crossings by line and class.
    pub lines: BTreeMap<(String, String), InOut>,
    /// Zones as they are at that time.
    pub zones: Vec<ZoneInside>,
    /// Time with frames, in microseconds.
    pub observed_us: i64,
    /// Time without, in microseconds.
    pub gap_us: i64,
}

/// What became of adding a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the counts.
    Now,
    /// It was in them before; nothing changed.
    Before,
    /// Others come first, which were not heard of; nothing changed.
    Ahead,
}

impl LiveCounts {
    /// Nothing yet, before `next`.
    #[must_use]
    pub fn before(next: Seq) -> Self {
        Self { next, counted_to: None, lines: BTreeMap::new(), zones: Vec::new(), observed_us: 0, gap_us: 0 }
    }

    /// What one segment alone has `within`.
    #[must_use]
    pub fn of(counted: &SegmentCounted, within: MediaSpan) -> Self {
        let mut counts = Self::before(counted.seq);
        counts.take(counted, within);
        counts
    }

    /// Adds the buckets of a segment that start `within`, if it is the next one.
    pub fn take(&mut self, counted: &SegmentCounted, within: MediaSpan) -> Taken {
        if counted.seq != self.next {
            return if counted.seq < self.next { Taken::Before } else { Taken::Ahead };
        }
        self.next = counted.seq.next();
        self.counted_to = Some(counted.span.end);
        self.zones.clone_from(&counted.zones);
        for LineBucket { line, class, start, count_in, count_out } in &counted.lines {
            if within.contains(*start) {
                let of = self.lines.entry((line.clone(), class.clone())).or_default();
                of.add(InOut { count_in: *count_in, count_out: *count_out });
            }
        }
        for CoverageBucket { start, observed_us, gap_us } in &counted.coverage {
            if within.contains(*start) {
                self.observed_us += observed_us;
                self.gap_us += gap_us;
            }
        }
        Taken::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(seq: i64) -> SegmentCounted {
        let at = |s: i64| MediaTime(s * 1_000_000);
        let bucket = |start, count_in| LineBucket {
            line: "door".into(),
            class: "person".into(),
            start: at(start),
            count_in,
            count_out: 1,
        };
        SegmentCounted {
            camera: CameraId::of_footage("gate"),
            pass: PassId("pass".into()),
            ruleset: RulesetVersion("rules@1".into()),
            detector: DetectorVersion("motion@1".into()),
            seq: Seq(seq),
            span: MediaSpan { start: at(seq * 20), end: at(seq * 20 + 20) },
            lines: vec![bucket(seq * 20, 2), bucket(seq * 20 + 10, 3)],
            zones: vec![ZoneInside { zone: "hall".into(), inside: Some(seq) }],
            coverage: vec![CoverageBucket { start: at(seq * 20), observed_us: 7, gap_us: 3 }],
        }
    }

    #[test]
    fn each_segment_is_added_once_and_in_order() {
        let within = MediaSpan { start: MediaTime(10_000_000), end: MediaTime(40_000_000) };
        let mut counts = LiveCounts::before(Seq(0));
        assert_eq!(counts.take(&counted(1), within), Taken::Ahead);
        assert_eq!(counts.take(&counted(0), within), Taken::Now);
        let door = ("door".to_owned(), "person".to_owned());
        assert_eq!(
            counts.lines[&door],
            InOut { count_in: 3, count_out: 1 },
            "what starts before is left out"
        );
        assert_eq!(counts.take(&counted(1), within), Taken::Now);
        assert_eq!(counts.take(&counted(0), within), Taken::Before);
        assert_eq!(counts.lines[&door], InOut { count_in: 8, count_out: 3 });
        assert_eq!((counts.observed_us, counts.gap_us), (7, 3));
        assert_eq!((counts.next, counts.zones[0].inside), (Seq(2), Some(1)));
        assert_eq!(counts.counted_to, Some(MediaTime(40_000_000)));
    }
}
