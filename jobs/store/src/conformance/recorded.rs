//! What recorders note.

use camcount_domain::{MediaSpan, MediaTime, WallTime};

use super::{SECOND_US, camera, counted, recording};
use crate::{CameraEvent, EventKind, Store, StoreError, StreamQuality};

const MINUTE_US: i64 = 60 * SECOND_US;

fn gap(start_s: i64, end_s: i64, detail: &str) -> CameraEvent {
    let span = MediaSpan { start: MediaTime(start_s * SECOND_US), end: MediaTime(end_s * SECOND_US) };
    CameraEvent { kind: EventKind::Gap, span, detector: None, detail: detail.to_owned() }
}

pub(super) async fn footage_ends_where_its_last_recording_does(store: &dyn Store) {
    let camera = camera("gate");
    store.register_camera(&camera).await.unwrap();
    assert_eq!(store.footage_end(camera.id).await.unwrap(), None);
    for (name, start_s, end_s) in [("a", 0, 20), ("b", 50, 61)] {
        let recording = recording(camera.id, name, start_s, end_s);
        store.add_recording(&recording, 5 * SECOND_US).await.unwrap();
        assert_eq!(store.footage_end(camera.id).await.unwrap(), Some(recording.span.end));
    }
    assert_eq!(store.footage_end(super::camera("elsewhere").id).await.unwrap(), None);
}

pub(super) async fn events_without_a_detector_are_kept(store: &dyn Store) {
    let (pass, _) = counted(store, "gate").await;
    store.note_event(pass.camera, &gap(20, 20, "the camera is away")).await.unwrap();
    let ended = gap(20, 31, "the camera was away");
    store.note_event(pass.camera, &ended).await.unwrap();
    store.note_event(pass.camera, &ended).await.unwrap();
    let seen = CameraEvent { detector: Some(pass.detector), ..gap(20, 25, "a detector saw it, too") };
    store.note_event(pass.camera, &seen).await.unwrap();
    let jump = CameraEvent { kind: EventKind::ClockJump, ..gap(20, 20, "an hour") };
    store.note_event(pass.camera, &jump).await.unwrap();
    assert_eq!(store.camera_events(pass.camera).await.unwrap(), [jump, ended, seen]);

    let elsewhere = camera("elsewhere").id;
    let nobody = store.note_event(elsewhere, &gap(0, 1, "")).await;
    assert!(matches!(nobody, Err(StoreError::NoCamera(id)) if id == elsewhere), "{nobody:?}");
}

pub(super) async fn how_a_stream_did_is_kept_for_a_month(store: &dyn Store) {
    let camera = camera("gate");
    store.register_camera(&camera).await.unwrap();
    let minute = |n: i64| StreamQuality {
        minute: WallTime(n * MINUTE_US),
        bits_per_second: 2_000_000,
        rate_mhz: 25_000,
        latency_us: 120_000,
        jitter_us: 3_000,
        missing: 2,
        score_permille: 987,
    };
    let all = async || {
        let kept = store.stream_quality(camera.id, WallTime(0), WallTime(i64::MAX)).await.unwrap();
        kept.into_iter().map(|quality| quality.minute.0 / MINUTE_US).collect::<Vec<_>>()
    };
    for n in [2, 1, 3] {
        store.note_quality(camera.id, &minute(n)).await.unwrap();
    }
    let better = StreamQuality { score_permille: 1000, missing: 0, ..minute(2) };
    store.note_quality(camera.id, &better).await.unwrap();
    let of = |from, to| store.stream_quality(camera.id, WallTime(from * MINUTE_US), WallTime(to * MINUTE_US));
    assert_eq!(of(1, 3).await.unwrap(), [minute(1), better]);
    assert_eq!(all().await, [1, 2, 3]);
    let month = 30 * 24 * 60;
    store.note_quality(camera.id, &minute(month + 2)).await.unwrap();
    assert_eq!(all().await, [2, 3, month + 2], "what is older than a month is forgotten");
    let nobody = store.note_quality(super::camera("elsewhere").id, &minute(1)).await;
    assert!(matches!(nobody, Err(StoreError::NoCamera(_))), "{nobody:?}");
}
