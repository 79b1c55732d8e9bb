//! A camera with a pass, and counts to commit.

use camcount_aggregate::{Calendar, fold};
use camcount_domain::{
    BUCKET_US, Camera, CameraId, Confidence, CoverageBucket, Crossing, Detector, Direction, FrameSize,
    Granularity, LineBucket, MediaSpan, MediaTime, Pass, PassId, Rate, Recording, Ruleset, SegmentCounts,
    Seq, Sums, TrackId, ZoneBucket, rules::RulesDraft,
};
use camcount_store::{CameraEntry, Committed, SegmentCommit, Sqlite, Store};

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const HOUR_US: i64 = 3600 * SECOND_US;

pub(crate) fn time(text: &str) -> MediaTime {
    text.parse().unwrap()
}

pub(crate) fn ruleset() -> Ruleset {
    let mut rules = RulesDraft::default();
    rules.lines.push("door: 0.1,0.2 -> 0.3,1".parse().unwrap());
    rules.lines.push("road: 0.5,0.2 -> 0.3,1".parse().unwrap());
    rules.zones.push("hall: 0,0 1,0 1,1".parse().unwrap());
    rules.resolve(FrameSize { width: 640, height: 360 }).unwrap()
}

/// A store in a folder.
pub(crate) async fn open(folder: &tempfile::TempDir) -> Sqlite {
    Sqlite::open(&folder.path().join("camcount.db")).await.unwrap()
}

pub(crate) fn entry(camera: &Camera, time_zone: &str) -> CameraEntry {
    CameraEntry {
        camera: camera.clone(),
        source: "rtsp://gate.example".into(),
        enabled: true,
        location: None,
        gps: None,
        tags: Default::default(),
        time_zone: time_zone.to_owned(),
        settings: Default::default(),
        last_seen: None,
    }
}

/// A pass of a camera whose clock shows the time of `time_zone`.
pub(crate) async fn pass(store: &dyn Store, name: &str, time_zone: &str) -> PassId {
    let camera = Camera { id: CameraId::of_footage(name), name: name.to_owned(), start_known: true };
    store.enter_camera(&entry(&camera, time_zone)).await.unwrap();
    let recording = Recording {
        camera: camera.id,
        source: "a.mp4".into(),
        span: MediaSpan { start: time("2026-03-01"), end: time("2026-12-01") },
        origin_us: 0,
        frame_size: FrameSize { width: 640, height: 360 },
        frame_interval_us: 80_000,
    };
    store.add_recording(&recording, 24 * HOUR_US).await.unwrap();
    let detector = Detector {
        name: "motion".into(),
        sha256: String::new(),
        layout: "motion".into(),
        settings: "test".into(),
        rate: Rate::DEFAULT,
        classes: vec!["person".into(), "car".into()],
    };
    let pass = Pass {
        camera: camera.id,
        detector: store.register_detector(&detector).await.unwrap(),
        ruleset: store.register_ruleset(&ruleset()).await.unwrap(),
        range: MediaSpan::ALL,
        first: Seq(0),
        last: None,
    };
    store.open_pass(&pass).await.unwrap()
}

/// One thing that was counted: in a bucket, by a class, with a confidence, while so many were inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) time: MediaTime,
    pub(crate) car: bool,
    pub(crate) confidence: u16,
    pub(crate) inside: i64,
    pub(crate) observed_us: i64,
}

/// What segment `seq` counted.
pub(crate) fn counts(seq: i64, events: &[Event]) -> SegmentCounts {
    let mut counts = SegmentCounts::default();
    for (ordinal, event) in (0..).zip(events) {
        let (start, class) = (event.time.floor_to_us(BUCKET_US), if event.car { "car" } else { "person" });
        let direction = if event.inside % 2 == 0 { Direction::In } else { Direction::Out };
        counts.crossings.push(Crossing {
            line: "door".into(),
            direction,
            time: event.time,
            track: TrackId(seq as u64),
            ordinal,
            class: class.into(),
            confidence: Confidence(event.confidence),
            stitched: false,
        });
        let is_in = i64::from(direction == Direction::In);
        counts.lines.push(LineBucket {
            line: "door".into(),
            class: class.into(),
            start,
            count_in: is_in,
            count_out: 1 - is_in,
        });
        counts.zones.push(ZoneBucket {
            zone: "hall".into(),
            start,
            entered: event.inside,
            left: 1,
            occupancy_min: event.inside,
            occupancy_max: event.inside * 2,
            occupied_us: event.inside * event.observed_us,
            stationary_us: 1,
        });
        let gap_us = BUCKET_US - event.observed_us;
        counts.coverage.push(CoverageBucket { start, observed_us: event.observed_us, gap_us });
    }
    counts
}

pub(crate) async fn commit(store: &dyn Store, pass: &PassId, seq: i64, events: &[Event]) {
    let counts = counts(seq, events);
    let commit = SegmentCommit { pass, seq: Seq(seq), counts: &counts, state: &[] };
    assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
}

/// What all the buckets of a pass come to at once.
pub(crate) async fn at_once(
    store: &dyn Store,
    pass: &PassId,
    calendar: &Calendar,
    granularity: Granularity,
) -> Sums {
    let everything = MediaSpan { start: MediaTime(0), end: MediaTime(i64::MAX / 2) };
    fold(&store.bucket_sums(pass, everything).await.unwrap(), granularity, calendar)
}

/// What is stored.
pub(crate) async fn stored(store: &dyn Store, pass: &PassId, granularity: Granularity) -> Sums {
    let everything = MediaSpan { start: MediaTime(0), end: MediaTime(i64::MAX / 2) };
    store.rollups(pass, granularity, everything).await.unwrap()
}
