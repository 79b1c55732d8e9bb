//! A camera with footage and a pass over it, and counts to commit.

use camcount_domain::{
    BUCKET_US, Camera, CameraId, Confidence, CoverageBucket, Crossing, DetectSegment, Detector, Direction,
    FrameRow, FrameSize, LineBucket, MediaSpan, MediaTime, Pass, PassId, Rate, Recording, Ruleset,
    SegmentCounts, Seq, TrackId, Visit, ZoneBucket,
};
use camcount_store::{Committed, SegmentCommit, Store};
use futures::TryStreamExt;

pub(crate) const SECOND_US: i64 = 1_000_000;

pub(crate) fn time(text: &str) -> MediaTime {
    text.parse().unwrap()
}

pub(crate) fn recording(camera: CameraId, source: &str, start: MediaTime, seconds: i64) -> Recording {
    Recording {
        camera,
        source: source.to_owned(),
        span: MediaSpan { start, end: start.plus_us(seconds * SECOND_US) },
        origin_us: 0,
        frame_size: FrameSize { width: 640, height: 360 },
        frame_interval_us: 80_000,
    }
}

pub(crate) async fn camera(store: &dyn Store, name: &str) -> CameraId {
    let camera = Camera { id: CameraId::of_footage(name), name: name.to_owned(), start_known: true };
    store.register_camera(&camera).await.unwrap();
    camera.id
}

/// A pass over `segments` segments of 5 s from `start` on.
pub(crate) async fn pass(store: &dyn Store, name: &str, start: MediaTime, segments: i64) -> (Pass, PassId) {
    let camera = camera(store, name).await;
    store.add_recording(&recording(camera, "a.mp4", start, 5 * segments), 5 * SECOND_US).await.unwrap();
    let detector = Detector {
        name: "motion".into(),
        sha256: String::new(),
        layout: "motion".into(),
        settings: String::new(),
        rate: Rate::DEFAULT,
        classes: vec!["person".into()],
    };
    let pass = Pass {
        camera,
        detector: store.register_detector(&detector).await.unwrap(),
        ruleset: store.register_ruleset(&Ruleset::default()).await.unwrap(),
        range: MediaSpan::ALL,
        first: Seq(0),
        last: Some(Seq(segments - 1)),
    };
    let id = store.open_pass(&pass).await.unwrap();
    (pass, id)
}

pub(crate) fn job(pass: &Pass, seq: i64) -> DetectSegment {
    DetectSegment { camera: pass.camera, seq: Seq(seq), detector: pass.detector.clone() }
}

/// What the segment `seq` of footage from `start` on counts: something in every table, and buckets that two segments
/// share.
pub(crate) fn counts(start: MediaTime, seq: i64) -> SegmentCounts {
    let at = start.plus_us(seq * 5 * SECOND_US);
    let bucket = at.floor_to_us(BUCKET_US);
    SegmentCounts {
        crossings: vec![Crossing {
            line: "door".into(),
            direction: Direction::In,
            time: at,
            track: TrackId(1),
            ordinal: seq as u32,
            class: "person".into(),
            confidence: Confidence(9_000),
            stitched: false,
        }],
        visits: vec![Visit {
            zone: "hall".into(),
            track: TrackId(1),
            ordinal: seq as u32,
            class: "person".into(),
            entered: at,
            left: at.plus_us(SECOND_US),
            stationary_us: 0,
            saw_entry: true,
            saw_exit: true,
        }],
        lines: vec![LineBucket {
            line: "door".into(),
            class: "person".into(),
            start: bucket,
            count_in: 1,
            count_out: 0,
        }],
        zones: vec![ZoneBucket {
            zone: "hall".into(),
            start: bucket,
            entered: 1,
            left: 1,
            occupancy_min: 0,
            occupancy_max: 1,
            occupied_us: SECOND_US,
            stationary_us: 0,
        }],
        coverage: vec![CoverageBucket { start: bucket, observed_us: 5 * SECOND_US, gap_us: 0 }],
        frames: (0..5)
            .map(|n| FrameRow { time: at.plus_us(n * SECOND_US), detected: 2, tracked: 1 })
            .collect(),
    }
}

pub(crate) async fn commit(store: &dyn Store, pass: &PassId, start: MediaTime, seq: i64) -> Committed {
    let counts = counts(start, seq);
    store.commit_segment(SegmentCommit { pass, seq: Seq(seq), counts: &counts, state: &[7] }).await.unwrap()
}

/// Everything that a pass has counted.
pub(crate) async fn stored(store: &dyn Store, pass: &PassId) -> SegmentCounts {
    SegmentCounts {
        crossings: store.crossings(pass).try_collect().await.unwrap(),
        visits: store.visits(pass).try_collect().await.unwrap(),
        lines: store.line_buckets(pass).try_collect().await.unwrap(),
        zones: store.zone_buckets(pass).try_collect().await.unwrap(),
        coverage: store.coverage(pass).try_collect().await.unwrap(),
        frames: store.frames(pass).try_collect().await.unwrap(),
    }
}

/// What should be stored once the first `segments` segments are.
pub(crate) fn expected(start: MediaTime, segments: i64) -> SegmentCounts {
    let mut sum = SegmentCounts::default();
    for seq in 0..segments {
        let more = counts(start, seq);
        sum.crossings.extend(more.crossings);
        sum.visits.extend(more.visits);
        sum.frames.extend(more.frames);
        match sum.lines.last_mut().filter(|bucket| bucket.start == more.lines[0].start) {
            None => {
                sum.lines.extend(more.lines);
                sum.zones.extend(more.zones);
                sum.coverage.extend(more.coverage);
            }
            Some(line) => {
                line.count_in += 1;
                let (zone, coverage) = (sum.zones.last_mut().unwrap(), sum.coverage.last_mut().unwrap());
                zone.entered += 1;
                zone.left += 1;
                zone.occupied_us += SECOND_US;
                coverage.observed_us += 5 * SECOND_US;
            }
        }
    }
    sum
}
