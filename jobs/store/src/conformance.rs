//! What every store must do, as a suite: an adapter's test calls [`all`] with empty stores of its own.
#![allow(clippy::unwrap_used)] // a failed expectation is a panic, as in any test

mod leases;
mod live;
mod registry;
mod rollups;

use std::{slice::from_ref, sync::Arc};

use camcount_domain::{
    BUCKET_US, Camera, CameraId, Confidence, CountPass, CoverageBucket, Crossing, DetectSegment, Detector,
    Direction, FrameRow, FrameSize, LineBucket, MediaSpan, MediaTime, Pass, PassId, Rate, Recording, Ruleset,
    SegmentCounts, Seq, TrackId, Visit, WallTime, ZoneBucket,
};
use futures::{TryStreamExt, future::join_all};

use crate::{
    Added, Artifact, Committed, EventKind, Kept, Model, ModelUse, Outcome, Registered, Scope, SegmentCommit,
    Store, StoreError,
};

mod recorded;

const SECOND_US: i64 = 1_000_000;

/// Runs the suite; `empty` yields a new store without any rows at each call.
///
/// # Panics
/// When the store breaks a rule.
pub async fn all<F: Future<Output = Arc<dyn Store>>>(empty: impl Fn() -> F) {
    registering_again_changes_nothing(&*empty().await).await;
    recordings_are_cut_once_and_follow_one_another(&*empty().await).await;
    the_first_artifact_wins(&*empty().await).await;
    quarantine_ends_the_attempts(&*empty().await).await;
    a_forgotten_artifact_is_due_again_and_what_was_folded_stays(&*empty().await).await;
    what_is_due_follows_from_what_is_stored(&*empty().await).await;
    passes_take_turns(&*empty().await).await;
    commits_follow_the_cursor(&*empty().await).await;
    one_of_many_racing_commits_wins(empty().await).await;
    increments_add_up(&*empty().await).await;
    a_model_is_registered_once(&*empty().await).await;
    a_model_is_known_by_what_it_counted(&*empty().await).await;
    names_are_in_the_order_of_their_bytes(&*empty().await).await;
    a_ruleset_and_a_state_come_back_as_they_were(&*empty().await).await;
    leases::all(&empty).await;
    live::what_was_counted_so_far_is_as_of_the_cursor(&*empty().await).await;
    live::looking_while_others_commit_sees_one_moment(empty().await).await;
    registry::all(&empty).await;
    rollups::all(&empty).await;
    recorded::footage_ends_where_its_last_recording_does(&*empty().await).await;
    recorded::events_without_a_detector_are_kept(&*empty().await).await;
    recorded::how_a_stream_did_is_kept_for_a_month(&*empty().await).await;
}

fn camera(name: &str) -> Camera {
    Camera { id: CameraId::of_footage(name), name: name.to_owned(), start_known: true }
}

fn recording(camera: CameraId, source: &str, start_s: i64, end_s: i64) -> Recording {
    Recording {
        camera,
        source: source.to_owned(),
        span: MediaSpan { start: MediaTime(start_s * SECOND_US), end: MediaTime(end_s * SECOND_US) },
        origin_us: -7,
        frame_size: FrameSize { width: 640, height: 360 },
        frame_interval_us: 80_000,
    }
}

fn detector() -> Detector {
    Detector {
        name: "motion".into(),
        sha256: String::new(),
        layout: "motion".into(),
        settings: "test".into(),
        rate: Rate::DEFAULT,
        classes: vec!["person".into(), "car".into()],
    }
}

fn ruleset() -> Ruleset {
    let mut ruleset = camcount_domain::rules::RulesDraft::default();
    if let (Ok(line), Ok(zone)) = ("door: 0.1,0.2 -> 0.3,1".parse(), "hall: 0,0 1,0 1,1".parse()) {
        ruleset.lines.push(line);
        ruleset.zones.push(zone);
    }
    ruleset.resolve(FrameSize { width: 640, height: 360 }).unwrap_or_default()
}

fn artifact(key: &str) -> Artifact {
    Artifact { blob_key: key.to_owned(), sha256: "00".into(), frames: 20, spared: 15 }
}

/// A camera with one recording of 20 s in segments of 5 s, and a pass over all four.
async fn counted(store: &dyn Store, name: &str) -> (Pass, PassId) {
    let camera = camera(name);
    store.register_camera(&camera).await.unwrap();
    let added = store.add_recording(&recording(camera.id, "a.mp4", 0, 20), 5 * SECOND_US).await.unwrap();
    assert_eq!(added, Added::New { first: Seq(0), last: Seq(3) });
    let pass = Pass {
        camera: camera.id,
        detector: store.register_detector(&detector()).await.unwrap(),
        ruleset: store.register_ruleset(&ruleset()).await.unwrap(),
        range: MediaSpan::ALL,
        first: Seq(0),
        last: Some(Seq(3)),
    };
    let id = store.open_pass(&pass).await.unwrap();
    (pass, id)
}

fn job(pass: &Pass, seq: i64) -> DetectSegment {
    DetectSegment { camera: pass.camera, seq: Seq(seq), detector: pass.detector.clone() }
}

async fn commit(store: &dyn Store, pass: &PassId, seq: i64, counts: &SegmentCounts) -> Committed {
    store.commit_segment(SegmentCommit { pass, seq: Seq(seq), counts, state: &[seq as u8] }).await.unwrap()
}

async fn registering_again_changes_nothing(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    commit(store, &id, 0, &SegmentCounts::default()).await;
    assert_eq!(store.register_detector(&detector()).await.unwrap(), pass.detector);
    assert_eq!(store.register_ruleset(&ruleset()).await.unwrap(), pass.ruleset);
    assert_eq!(store.open_pass(&pass).await.unwrap(), id);
    assert_eq!(store.progress(&id).await.unwrap().counted, 1, "the cursor stays");
}

fn model(name: &str, version: &str, sha256: &str, added_us: i64) -> Model {
    Model {
        name: name.to_owned(),
        version: version.to_owned(),
        sha256: sha256.to_owned(),
        layout: "YOLOX".to_owned(),
        input: FrameSize { width: 416, height: 320 },
        classes: vec!["person".to_owned(), "räder, \"zwei\"".to_owned()],
        bytes: 3_000_000_000,
        added: WallTime(added_us),
    }
}

async fn a_model_is_registered_once(store: &dyn Store) {
    let (old, new, other) =
        (model("gate", "10", "aa", 1), model("gate", "9", "bb", 2), model("far", "1", "aa", 3));
    for model in [&old, &new, &other] {
        assert_eq!(store.register_model(model).await.unwrap(), Registered::New);
    }
    let later = Model { added: WallTime(9), ..old.clone() };
    assert_eq!(store.register_model(&later).await.unwrap(), Registered::AlreadyThere(old.clone()));
    for another in [
        Model { sha256: "cc".to_owned(), ..old.clone() },
        Model { layout: "SSD".to_owned(), ..old.clone() },
        Model { classes: vec!["car".to_owned()], ..old.clone() },
    ] {
        let refused = store.register_model(&another).await;
        assert!(matches!(refused, Err(StoreError::ModelTaken { .. })), "{refused:?}");
    }
    assert_eq!(store.models().await.unwrap(), [other.clone(), new.clone(), old]);
    for _ in 0..2 {
        store.remove_model("gate", "10").await.unwrap();
    }
    assert_eq!(store.models().await.unwrap(), [other, new]);
}

async fn a_model_is_known_by_what_it_counted(store: &dyn Store) {
    let (pass, _) = counted(store, "gate").await;
    let with_model = Detector { name: "yolox".into(), sha256: "aa".into(), ..detector() };
    let detector = store.register_detector(&with_model).await.unwrap();
    let two = [None, Some(Seq(0))].map(|last| Pass { detector: detector.clone(), last, ..pass.clone() });
    for pass in &two {
        store.open_pass(pass).await.unwrap();
    }
    let job = job(&two[1], 0);
    store.quarantine(&job, "no light").await.unwrap();
    assert_eq!(commit(store, &two[1].id(), 0, &SegmentCounts::default()).await, Committed::Now);
    assert_eq!(store.model_use("aa").await.unwrap(), ModelUse { passes: 2, unfinished: 1 });
    assert_eq!(store.model_use("bb").await.unwrap(), ModelUse::default());
}

async fn recordings_are_cut_once_and_follow_one_another(store: &dyn Store) {
    let (pass, _) = counted(store, "gate").await;
    let again = store.add_recording(&recording(pass.camera, "a.mp4", 0, 20), SECOND_US).await.unwrap();
    assert_eq!(again, Added::AlreadyThere { first: Seq(0), last: Seq(3) });
    let next = recording(pass.camera, "b.mp4", 30, 41);
    let added = store.add_recording(&next, 5 * SECOND_US).await.unwrap();
    assert_eq!(added, Added::New { first: Seq(4), last: Seq(6) });
    let early = store.add_recording(&recording(pass.camera, "c.mp4", 40, 50), SECOND_US).await;
    assert!(matches!(early, Err(StoreError::Overlap { .. })), "{early:?}");
    let nobody = recording(CameraId::of_footage("nobody"), "d.mp4", 0, 1);
    assert!(matches!(store.add_recording(&nobody, SECOND_US).await, Err(StoreError::NoCamera(_))));

    let (segment, of) = store.segment(pass.camera, Seq(6)).await.unwrap();
    assert_eq!(of, next);
    assert!(segment.last && !segment.first);
    assert_eq!(segment.span.start, MediaTime(40 * SECOND_US));
    assert!(matches!(store.segment(pass.camera, Seq(7)).await, Err(StoreError::NoSegment { .. })));
    let listed: Vec<_> =
        store.recordings(pass.camera).await.unwrap().into_iter().map(|(seq, r)| (seq.0, r.source)).collect();
    assert_eq!(listed, [(0, "a.mp4".into()), (4, "b.mp4".into())]);

    let middle = MediaSpan { start: MediaTime(6 * SECOND_US), end: MediaTime(31 * SECOND_US) };
    let (first, last) = store.segments_in(pass.camera, middle).await.unwrap().unwrap();
    assert_eq!((first.seq, last.seq), (Seq(1), Seq(4)));
    let beside = MediaSpan { start: MediaTime(50 * SECOND_US), end: MediaTime::MAX };
    assert_eq!(store.segments_in(pass.camera, beside).await.unwrap(), None);
    let (first, last) = store.segments_in(pass.camera, MediaSpan::ALL).await.unwrap().unwrap();
    assert_eq!((first.seq, last.seq), (Seq(0), Seq(6)));
}

async fn the_first_artifact_wins(store: &dyn Store) {
    let (pass, _) = counted(store, "gate").await;
    let job = job(&pass, 2);
    assert_eq!(store.outcome(&job).await.unwrap(), None);
    assert_eq!(store.note_failure(&job, "a hiccup").await.unwrap(), 1);
    assert_eq!(store.outcome(&job).await.unwrap(), None, "failing is no outcome");
    assert_eq!(store.keep_artifact(&job, &artifact("one")).await.unwrap(), Kept::First);
    let second = store.keep_artifact(&job, &artifact("two")).await.unwrap();
    assert_eq!(second, Kept::AlreadyThere(artifact("one")));
    store.quarantine(&job, "too late").await.unwrap();
    assert_eq!(store.outcome(&job).await.unwrap(), Some(Outcome::Detected(artifact("one"))));
    assert!(store.camera_events(pass.camera).await.unwrap().is_empty());
}

async fn quarantine_ends_the_attempts(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    let job = job(&pass, 1);
    for attempt in 1..=3 {
        assert_eq!(store.note_failure(&job, "broken").await.unwrap(), attempt);
    }
    store.quarantine(&job, "broken bytes").await.unwrap();
    store.quarantine(&job, "broken bytes").await.unwrap();
    assert_eq!(store.keep_artifact(&job, &artifact("late")).await.unwrap(), Kept::Quarantined);
    assert_eq!(store.outcome(&job).await.unwrap(), Some(Outcome::Quarantined("broken bytes".into())));
    let events = store.camera_events(pass.camera).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::Quarantined);
    assert_eq!(events[0].span.start, MediaTime(5 * SECOND_US));
    assert!(!store.due_detections(Scope::All, 10).await.unwrap().contains(&job));
    let progress = store.progress(&id).await.unwrap();
    assert_eq!((progress.segments, progress.quarantined, progress.detected), (4, 1, 0));
}

async fn a_forgotten_artifact_is_due_again_and_what_was_folded_stays(store: &dyn Store) {
    let (ahead, ahead_id) = counted(store, "gate").await;
    let behind = Pass { range: MediaSpan { start: MediaTime(0), end: MediaTime::MAX }, ..ahead.clone() };
    let behind_id = store.open_pass(&behind).await.unwrap();
    let job = job(&ahead, 0);
    assert!(!store.forget_artifact(&job, "00", "nothing there").await.unwrap());
    store.note_failure(&job, "a hiccup").await.unwrap();
    assert!(!store.forget_artifact(&job, "00", "nothing there").await.unwrap());
    let lost = Artifact { sha256: "aa".into(), ..artifact("lost") };
    store.keep_artifact(&job, &lost).await.unwrap();
    commit(store, &ahead_id, 0, &sample()).await;

    assert!(!store.forget_artifact(&job, "bb", "of another").await.unwrap(), "it is fenced");
    assert_eq!(store.outcome(&job).await.unwrap(), Some(Outcome::Detected(lost)));
    assert!(store.camera_events(ahead.camera).await.unwrap().is_empty());
    assert!(store.forget_artifact(&job, "aa", "a worm was in it").await.unwrap());
    assert!(!store.forget_artifact(&job, "aa", "twice").await.unwrap());
    assert_eq!(store.outcome(&job).await.unwrap(), None);
    assert_eq!(store.next_fold(&behind_id).await.unwrap(), None);
    assert!(store.due_counts(Scope::All).await.unwrap().is_empty());
    assert!(store.due_detections(Scope::Passes(from_ref(&behind_id)), 1).await.unwrap() == [job.clone()]);
    let due = store.due_detections(Scope::Passes(from_ref(&ahead_id)), 9).await.unwrap();
    assert!(!due.contains(&job), "who has folded it needs it no more");
    let crossings: Vec<_> = store.crossings(&ahead_id).try_collect().await.unwrap();
    assert_eq!(crossings, sample().crossings);
    assert_eq!(store.progress(&ahead_id).await.unwrap().counted, 1);
    let events = store.camera_events(ahead.camera).await.unwrap();
    assert_eq!((events.len(), events[0].kind), (1, EventKind::ArtifactForgotten));
    assert_eq!((events[0].span.start, events[0].detail.as_str()), (MediaTime(0), "a worm was in it"));

    assert_eq!(store.note_failure(&job, "a hiccup").await.unwrap(), 1, "its attempts begin anew");
    assert_eq!(store.keep_artifact(&job, &artifact("again")).await.unwrap(), Kept::First);
    assert!(store.next_fold(&behind_id).await.unwrap().is_some());
    let gone = DetectSegment { seq: Seq(99), ..job };
    assert!(store.forget_artifact(&gone, "00", "").await.is_err());
    store.quarantine(&self::job(&ahead, 1), "broken").await.unwrap();
    assert!(!store.forget_artifact(&self::job(&ahead, 1), "00", "").await.unwrap(), "it has none");
    assert_eq!(store.camera_events(ahead.camera).await.unwrap().len(), 2);
}

async fn what_is_due_follows_from_what_is_stored(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    let seqs = |due: Vec<DetectSegment>| due.into_iter().map(|d| d.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(store.due_detections(Scope::All, 2).await.unwrap()), [0, 1]);
    assert!(store.due_counts(Scope::All).await.unwrap().is_empty());
    assert_eq!(store.next_fold(&id).await.unwrap(), None);

    store.keep_artifact(&job(&pass, 1), &artifact("1")).await.unwrap();
    assert!(store.due_counts(Scope::All).await.unwrap().is_empty(), "segment 0 comes first");
    store.keep_artifact(&job(&pass, 0), &artifact("0")).await.unwrap();
    assert_eq!(store.due_counts(Scope::All).await.unwrap(), [CountPass { pass: id.clone(), next: Seq(0) }]);
    let next = store.next_fold(&id).await.unwrap().unwrap();
    assert_eq!((next.segment.seq, &next.outcome), (Seq(0), &Outcome::Detected(artifact("0"))));
    assert_eq!(seqs(store.due_detections(Scope::All, 10).await.unwrap()), [2, 3]);

    commit(store, &id, 0, &SegmentCounts::default()).await;
    assert_eq!(store.due_counts(Scope::All).await.unwrap(), [CountPass { pass: id.clone(), next: Seq(1) }]);
    commit(store, &id, 1, &SegmentCounts::default()).await;
    store.quarantine(&job(&pass, 2), "gone").await.unwrap();
    let next = store.next_fold(&id).await.unwrap().unwrap();
    assert_eq!(next.outcome, Outcome::Quarantined("gone".into()), "a gap never blocks its camera");
    commit(store, &id, 2, &SegmentCounts::default()).await;
    store.keep_artifact(&job(&pass, 3), &artifact("3")).await.unwrap();
    commit(store, &id, 3, &SegmentCounts::default()).await;
    assert!(
        store.due_counts(Scope::All).await.unwrap().is_empty()
            && store.due_detections(Scope::All, 9).await.unwrap().is_empty()
    );
    assert_eq!(store.next_fold(&id).await.unwrap(), None);
    let progress = store.progress(&id).await.unwrap();
    assert!(progress.finished);
    assert_eq!((progress.counted, progress.frames, progress.spared), (4, 60, 45));
    assert_eq!(progress.detected_us, 15 * SECOND_US);
}

async fn passes_take_turns(store: &dyn Store) {
    let (a, _) = counted(store, "a").await;
    let (b, _) = counted(store, "b").await;
    let due = store.due_detections(Scope::All, 2).await.unwrap();
    assert_eq!(due.len(), 4);
    for (pair, seq) in due.chunks(2).zip(0..) {
        assert!(pair.iter().all(|d| d.seq == Seq(seq)), "segments in front first: {due:?}");
        let mut cameras: Vec<_> = pair.iter().map(|d| d.camera).collect();
        cameras.sort();
        let mut both = vec![a.camera, b.camera];
        both.sort();
        assert_eq!(cameras, both, "one of each camera");
    }
    let own = [b.id()];
    let due = store.due_detections(Scope::Passes(&own), 2).await.unwrap();
    assert!(due.len() == 2 && due.iter().all(|d| d.camera == b.camera), "only in scope: {due:?}");
    store.keep_artifact(&job(&a, 0), &artifact("a")).await.unwrap();
    assert!(store.due_counts(Scope::Passes(&own)).await.unwrap().is_empty());
    assert_eq!(store.due_counts(Scope::All).await.unwrap().len(), 1);
}

async fn commits_follow_the_cursor(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let nothing = SegmentCounts::default();
    assert_eq!(commit(store, &id, 1, &nothing).await, Committed::OutOfOrder { due: Seq(0) });
    assert_eq!(commit(store, &id, 0, &sample()).await, Committed::Now);
    assert_eq!(commit(store, &id, 0, &sample()).await, Committed::Before);
    assert_eq!(store.crossings(&id).try_collect::<Vec<_>>().await.unwrap(), sample().crossings);
    let unknown = PassId("none".into());
    let refused =
        store.commit_segment(SegmentCommit { pass: &unknown, seq: Seq(0), counts: &nothing, state: &[] });
    assert!(matches!(refused.await, Err(StoreError::NoPass(_))));
}

async fn one_of_many_racing_commits_wins(store: Arc<dyn Store>) {
    let (_, id) = counted(&*store, "gate").await;
    let racers = (0..8).map(|_| {
        let (store, id) = (Arc::clone(&store), id.clone());
        async move { commit(&*store, &id, 0, &sample()).await }
    });
    let outcomes = join_all(racers).await;
    assert_eq!(outcomes.iter().filter(|o| **o == Committed::Now).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|o| **o == Committed::Before).count(), 7, "{outcomes:?}");
    assert_eq!(store.coverage(&id).try_collect::<Vec<_>>().await.unwrap(), sample().coverage);
}

fn sample() -> SegmentCounts {
    let start = MediaTime(-BUCKET_US);
    SegmentCounts {
        crossings: vec![Crossing {
            line: "door".into(),
            direction: Direction::Out,
            time: MediaTime(1_234_567),
            track: TrackId(7),
            ordinal: 0,
            class: "person \"x\"".into(),
            confidence: Confidence(8_765),
            stitched: true,
        }],
        visits: vec![Visit {
            zone: "hall".into(),
            track: TrackId(7),
            ordinal: 2,
            class: "person".into(),
            entered: MediaTime(5),
            left: MediaTime(6),
            stationary_us: 1,
            saw_entry: true,
            saw_exit: false,
        }],
        lines: vec![LineBucket {
            line: "door".into(),
            class: "person".into(),
            start,
            count_in: 0,
            count_out: 1,
        }],
        zones: vec![ZoneBucket {
            zone: "hall".into(),
            start,
            entered: 1,
            left: 0,
            occupancy_min: 1,
            occupancy_max: 3,
            occupied_us: 11,
            stationary_us: 2,
        }],
        coverage: vec![CoverageBucket { start, observed_us: 4_000_000, gap_us: 1_000_000 }],
        frames: vec![FrameRow { time: MediaTime(40_000), detected: 3, tracked: 2 }],
    }
}

async fn increments_add_up(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    commit(store, &id, 0, &sample()).await;
    let mut more = sample();
    more.crossings[0].ordinal = 1;
    more.crossings[0].time = MediaTime(1_000_000);
    more.visits[0].ordinal = 3;
    more.zones[0].occupancy_min = 0;
    more.zones[0].occupancy_max = 2;
    more.frames[0].time = MediaTime(80_000);
    commit(store, &id, 1, &more).await;

    let lines: Vec<_> = store.line_buckets(&id).try_collect().await.unwrap();
    assert_eq!(lines, [LineBucket { count_out: 2, ..sample().lines[0].clone() }]);
    let zones: Vec<_> = store.zone_buckets(&id).try_collect().await.unwrap();
    let sum = ZoneBucket {
        entered: 2,
        occupancy_min: 0,
        occupancy_max: 3,
        occupied_us: 22,
        stationary_us: 4,
        ..sample().zones[0].clone()
    };
    assert_eq!(zones, [sum]);
    let coverage: Vec<_> = store.coverage(&id).try_collect().await.unwrap();
    assert_eq!((coverage[0].observed_us, coverage[0].gap_us), (8_000_000, 2_000_000));
    let crossings: Vec<_> = store.crossings(&id).try_collect().await.unwrap();
    assert_eq!(crossings, [more.crossings[0].clone(), sample().crossings[0].clone()], "in order of time");
    let visits: Vec<_> = store.visits(&id).try_collect().await.unwrap();
    assert_eq!(visits, [sample().visits[0].clone(), more.visits[0].clone()]);
    let frames: Vec<_> = store.frames(&id).try_collect().await.unwrap();
    assert_eq!(frames, [sample().frames[0], more.frames[0]]);
}

async fn names_are_in_the_order_of_their_bytes(store: &dyn Store) {
    let (_, id) = counted(store, "gate").await;
    let mut counts = SegmentCounts::default();
    for (line, class) in [("ärger", "car"), ("apple", "person"), ("Zebra", "car"), ("apple", "Bus")] {
        let (line, class) = (line.to_owned(), class.to_owned());
        counts.lines.push(LineBucket { line, class, ..sample().lines[0].clone() });
    }
    // One bucket in two parts.
    counts.lines.push(counts.lines[0].clone());
    commit(store, &id, 0, &counts).await;
    let lines: Vec<_> = store.line_buckets(&id).try_collect().await.unwrap();
    let lines: Vec<_> = lines.iter().map(|b| (b.line.as_str(), b.class.as_str(), b.count_out)).collect();
    assert_eq!(
        lines,
        [("Zebra", "car", 1), ("apple", "Bus", 1), ("apple", "person", 1), ("ärger", "car", 2)]
    );
}

async fn a_ruleset_and_a_state_come_back_as_they_were(store: &dyn Store) {
    let (pass, id) = counted(store, "gate").await;
    for seq in 0..2 {
        store.keep_artifact(&job(&pass, seq), &artifact("x")).await.unwrap();
    }
    assert_eq!(store.next_fold(&id).await.unwrap().unwrap().state, None);
    commit(store, &id, 0, &SegmentCounts::default()).await;
    let next = store.next_fold(&id).await.unwrap().unwrap();
    assert_eq!(next.state, Some(vec![0]));
    let by_version = (
        store.ruleset(&next.pass.ruleset).await.unwrap(),
        store.detector(&next.pass.detector).await.unwrap(),
    );
    assert_eq!((by_version, next.pass), ((ruleset(), detector()), pass));
}
