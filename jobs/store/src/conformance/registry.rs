//! What every store must do for registered cameras.

use std::{collections::BTreeSet, sync::Arc};

use camcount_domain::{CameraId, Ruleset, Seq, WallTime};

use super::{camera, detector, recording, ruleset};
use crate::{CameraEntry, CameraFilter, CameraTally, Gps, GpsBox, SegmentCommit, Store, StoreError};

pub(super) async fn all<F: Future<Output = Arc<dyn Store>>>(empty: &impl Fn() -> F) {
    a_camera_comes_back_as_it_was_entered(&*empty().await).await;
    cameras_are_found_by_all_that_is_asked_for(&*empty().await).await;
    new_rules_begin_where_the_old_ones_end(&*empty().await).await;
    rules_that_caught_up_end_with_the_segment_to_come(&*empty().await).await;
}

pub(super) fn entry(name: &str) -> CameraEntry {
    CameraEntry {
        camera: camera(name),
        source: format!("rtsp://{name}.example/stream"),
        enabled: true,
        location: None,
        gps: None,
        tags: BTreeSet::new(),
        time_zone: "Europe/Berlin".into(),
        settings: serde_json::json!({ "transport": "tcp" }),
        last_seen: None,
    }
}

async fn a_camera_comes_back_as_it_was_entered(store: &dyn Store) {
    let mut gate = CameraEntry {
        location: Some("north".into()),
        gps: Some(Gps { latitude: 52.5, longitude: -13.25 }),
        tags: ["door".to_owned(), "it's \"in\"".to_owned()].into(),
        ..entry("gate")
    };
    let id = gate.camera.id;
    assert_eq!(store.camera(id).await.unwrap(), None);
    store.enter_camera(&gate).await.unwrap();
    assert_eq!(store.camera(id).await.unwrap(), Some(gate.clone()));
    store.saw_camera(id, WallTime(7)).await.unwrap();
    store.saw_camera(id, WallTime(5)).await.unwrap();
    gate.tags.clear();
    gate.source = "hall".into();
    store.enter_camera(&gate).await.unwrap();
    gate.last_seen = Some(WallTime(7));
    assert_eq!(store.camera_called("gate").await.unwrap(), Some(gate.clone()), "seen times only go on");
    let twin = CameraEntry { camera: camcount_domain::Camera { name: "gate".into(), ..camera("x") }, ..gate };
    assert!(matches!(store.enter_camera(&twin).await, Err(StoreError::NameTaken { name }) if name == "gate"));

    assert_eq!(store.credentials(id).await.unwrap(), None);
    for sealed in [&b"one"[..], b"two"] {
        store.keep_credentials(id, Some(sealed)).await.unwrap();
        assert_eq!(store.credentials(id).await.unwrap().as_deref(), Some(sealed));
    }
    assert!(store.enable_camera(id, false).await.unwrap());
    assert!(!store.camera(id).await.unwrap().unwrap().enabled);
    store.forget_camera(id).await.unwrap();
    assert_eq!(store.camera(id).await.unwrap(), None);
    assert_eq!(store.credentials(id).await.unwrap(), None, "secrets are not kept of what is gone");
    assert!(!store.enable_camera(id, true).await.unwrap());
    store.enter_camera(&twin).await.unwrap();
}

async fn cameras_are_found_by_all_that_is_asked_for(store: &dyn Store) {
    let place = |latitude, longitude| Some(Gps { latitude, longitude });
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    for camera in [
        CameraEntry { tags: tags(&["door", "vip"]), gps: place(10.0, 179.5), ..entry("a") },
        CameraEntry { tags: tags(&["door"]), enabled: false, gps: place(10.0, -179.5), ..entry("b") },
        CameraEntry { location: Some("hall".into()), gps: place(-10.0, 0.0), ..entry("c") },
        entry("B"),
    ] {
        store.enter_camera(&camera).await.unwrap();
    }
    // Footage that was counted without being registered is none of them.
    store.register_camera(&camera("aa")).await.unwrap();
    let detector = store.register_detector(&detector()).await.unwrap();
    let rules = store.register_ruleset(&ruleset()).await.unwrap();
    store.assign(CameraId::of_footage("c"), &detector, &rules).await.unwrap();

    let found = async |filter: CameraFilter, after: Option<&str>, limit| {
        let found = store.cameras(&filter, after, limit).await.unwrap();
        found.into_iter().map(|entry| entry.camera.name).collect::<Vec<_>>().join(" ")
    };
    let all = CameraFilter::default;
    assert_eq!(found(all(), None, 9).await, "B a b c", "in the order of their bytes");
    assert_eq!(found(all(), Some("a"), 1).await, "b", "page by page");
    assert_eq!(found(all(), Some("c"), 1).await, "");
    assert_eq!(store.tally_cameras().await.unwrap(), CameraTally { registered: 4, enabled: 3 });
    assert_eq!(found(CameraFilter { tag: Some("door".into()), ..all() }, None, 9).await, "a b");
    assert_eq!(found(CameraFilter { enabled: Some(false), ..all() }, None, 9).await, "b");
    assert_eq!(found(CameraFilter { location: Some("hall".into()), ..all() }, None, 9).await, "c");
    assert_eq!(found(CameraFilter { zone: Some("hall".into()), ..all() }, None, 9).await, "c");
    assert_eq!(
        found(CameraFilter { zone: Some("door".into()), ..all() }, None, 9).await,
        "",
        "door is a line"
    );
    let pacific = GpsBox { south: 0.0, west: 179.0, north: 20.0, east: -179.0 };
    assert_eq!(found(CameraFilter { within: Some(pacific), ..all() }, None, 9).await, "a b");
    let both = CameraFilter { within: Some(pacific), enabled: Some(true), ..all() };
    assert_eq!(found(both, None, 9).await, "a");
    let gulf = GpsBox { south: -10.0, west: -1.0, north: 0.0, east: 0.0 };
    assert_eq!(
        found(CameraFilter { within: Some(gulf), ..all() }, None, 9).await,
        "c",
        "borders belong to it"
    );
}

fn other_rules() -> Ruleset {
    Ruleset { classes: vec!["car".into()], ..ruleset() }
}

async fn new_rules_begin_where_the_old_ones_end(store: &dyn Store) {
    let gate = entry("gate");
    let id = gate.camera.id;
    let detector = store.register_detector(&detector()).await.unwrap();
    let (old, new) = (
        store.register_ruleset(&ruleset()).await.unwrap(),
        store.register_ruleset(&other_rules()).await.unwrap(),
    );
    assert!(matches!(store.assign(id, &detector, &old).await, Err(StoreError::NoCamera(_))));
    store.enter_camera(&gate).await.unwrap();
    let first = store.assign(id, &detector, &old).await.unwrap();
    assert_eq!(
        store.assign(id, &detector, &old).await.unwrap(),
        first,
        "what it has already changes nothing"
    );
    store.add_recording(&recording(id, "0", 0, 10), 5_000_000).await.unwrap();
    let second = store.assign(id, &detector, &new).await.unwrap();
    let passes = store.passes(Some(id)).await.unwrap();
    let ends: Vec<_> = passes.iter().map(|p| (&p.id, p.pass.first, p.last, p.next, p.finished())).collect();
    assert_eq!(ends, [(&first, Seq(0), Some(Seq(2)), Seq(0), false), (&second, Seq(3), None, Seq(3), false)]);
    assert_eq!(passes[0].pass.id(), first, "its identity stays");
    assert_eq!(store.passes(Some(CameraId::of_footage("yard"))).await.unwrap(), []);
    assert_eq!(store.passes(None).await.unwrap(), passes);

    store.add_recording(&recording(id, "1", 10, 20), 5_000_000).await.unwrap();
    let behind = store.behind().await.unwrap();
    let told: Vec<_> = behind.iter().map(|b| (&b.pass, b.live, b.next, b.segments, b.lag_us())).collect();
    assert_eq!(told, [(&first, true, Seq(0), 3, 0), (&second, true, Seq(3), 1, 0)]);
    assert_eq!((behind[0].name.as_str(), behind[0].counted), ("gate", None));
    assert_eq!(behind[0].recorded, Some(camcount_domain::MediaTime(20_000_000)));

    let due = |scope| async move { store.due_detections(scope, 9).await.unwrap().len() };
    assert_eq!((due(crate::Scope::Live).await, due(crate::Scope::Backfill).await), (4, 0));
    store.forget_camera(id).await.unwrap();
    let ends: Vec<_> = store.passes(Some(id)).await.unwrap().iter().map(|p| p.last).collect();
    assert_eq!(ends, [Some(Seq(2)), Some(Seq(4))]);
}

async fn rules_that_caught_up_end_with_the_segment_to_come(store: &dyn Store) {
    let gate = entry("gate");
    let id = gate.camera.id;
    let detector = store.register_detector(&detector()).await.unwrap();
    let old = store.register_ruleset(&ruleset()).await.unwrap();
    let new = store.register_ruleset(&other_rules()).await.unwrap();
    store.enter_camera(&gate).await.unwrap();
    store.add_recording(&recording(id, "0", 0, 10), 5_000_000).await.unwrap();
    let first = store.assign(id, &detector, &old).await.unwrap();
    store.add_recording(&recording(id, "1", 10, 15), 5_000_000).await.unwrap();
    let counts = camcount_domain::SegmentCounts::default();
    let commit = SegmentCommit { pass: &first, seq: Seq(2), counts: &counts, state: b"" };
    let before = store.behind().await.unwrap();
    store.commit_segment(commit).await.unwrap();
    let after = store.behind().await.unwrap();
    assert_eq!((before[0].segments, after[0].segments), (1, 0));
    assert_eq!(after[0].counted, Some(camcount_domain::MediaTime(15_000_000)));
    store.assign(id, &detector, &new).await.unwrap();
    let passes = store.passes(Some(id)).await.unwrap();
    assert_eq!((passes[0].pass.first, passes[0].last, passes[0].finished()), (Seq(2), Some(Seq(3)), false));
    assert_eq!(passes[1].pass.first, Seq(4));
    // The last segment of the old rules is told to be it, so that the fold can end.
    store.add_recording(&recording(id, "2", 15, 20), 5_000_000).await.unwrap();
    let job = camcount_domain::DetectSegment { camera: id, seq: Seq(3), detector };
    store.quarantine(&job, "broken").await.unwrap();
    let next = store.next_fold(&first).await.unwrap().unwrap();
    assert_eq!((next.segment.seq, next.last, next.pass.last), (Seq(3), Some(Seq(3)), None));
}
