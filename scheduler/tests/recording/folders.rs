//! A folder of recordings as a camera.

use std::{fs, path::Path, time::Duration};

use camcount_blob::Blobs;
use camcount_scheduler::record::{RecorderOptions, Spool, run};
use camcount_store::EventKind;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_taken_when_they_are_whole_and_in_order() {
    let bench = Bench::new().await;
    let folder = bench.path("yard");
    fs::create_dir(&folder).unwrap();
    let shot = |name: &str, seconds: u32| bench.shoot(name, seconds, &["-bf", "2", "-preset", "fast"]);
    let place = |from: &Path, name: &str| fs::rename(from, folder.join(name)).unwrap();
    // The first is still being written; what comes after it waits. One more needs a copy, one has no time.
    let whole = fs::read(shot("a.mp4", 6)).unwrap();
    fs::write(folder.join("gate_2026-05-01_08-00-00.mp4"), &whole[..whole.len() / 2]).unwrap();
    place(&shot("b.ts", 7), "gate_2026-05-01_08-00-06.ts");
    place(&shot("c.mp4", 4), "undated.mp4");
    let mut entry = camcount_store::CameraEntry {
        camera: camcount_domain::Camera { id: bench.camera, name: "yard".into(), start_known: true },
        source: folder.display().to_string(),
        enabled: true,
        location: None,
        gps: None,
        tags: Default::default(),
        time_zone: "UTC".into(),
        settings: serde_json::json!({}),
        last_seen: None,
    };
    bench.store.enter_camera(&entry).await.unwrap();

    let stop = CancellationToken::new();
    let recorder = |name: &str| {
        let options = RecorderOptions {
            name: name.into(),
            cameras: vec!["y*".into()],
            most: 4,
            segment_us: Some(3_000_000),
            stall: Duration::from_secs(2),
            unsealed: std::sync::Arc::new(|_, _| Err("there are none".into())),
        };
        let spool = Spool::open(&bench.path(name), u64::MAX).unwrap();
        tokio::spawn(run(bench.ports(spool), options, stop.clone()))
    };
    let first = recorder("one");
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(bench.recordings().await, [], "what comes first is not whole");
    fs::write(folder.join("gate_2026-05-01_08-00-00.mp4"), &whole).unwrap();
    bench.until_recorded(2).await;
    bench
        .until("the undated one is refused", async || {
            bench.events().await.iter().any(|event| event.kind == EventKind::Refused)
        })
        .await;
    let recordings = bench.recordings().await;
    assert_eq!(recordings[0].span.start.to_string(), "2026-05-01T08:00:00.000000Z");
    assert_eq!(recordings[1].span.start.to_string(), "2026-05-01T08:00:06.000000Z");
    assert!((recordings[1].span.len_us() - 7_000_000).abs() < 200_000, "{:?}", recordings[1]);
    assert_eq!(bench.frames().await.len(), 130);
    let (first_segment, last) =
        bench.store.segments_in(bench.camera, camcount_domain::MediaSpan::ALL).await.unwrap().unwrap();
    assert_eq!((first_segment.seq.0, last.seq.0), (0, 4), "6 s and 7 s in pieces of 3 s");

    // What comes too late is refused, once; what comes next is a gap away.
    place(&shot("d.mp4", 3), "gate_2026-05-01_07-00-00.mp4");
    place(&shot("e.mp4", 3), "gate_2026-05-01_08-00-20.mp4");
    bench.until_recorded(3).await;
    let events = bench.events().await;
    assert!(
        events.iter().any(|e| e.kind == EventKind::Refused && e.detail.contains("07-00-00")),
        "{events:?}"
    );
    let gaps = bench.gaps().await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].span.end.to_string(), "2026-05-01T08:00:20.000000Z");
    stop.cancel();
    first.await.unwrap();

    // Whoever comes next knows what is there.
    let stop = CancellationToken::new();
    entry.location = Some("the yard".into());
    bench.store.enter_camera(&entry).await.unwrap();
    let spool = Spool::open(&bench.path("two"), u64::MAX).unwrap();
    let options = RecorderOptions {
        name: "two".into(),
        cameras: vec!["*".into()],
        most: 4,
        segment_us: None,
        stall: Duration::from_secs(2),
        unsealed: std::sync::Arc::new(|_, _| Err("there are none".into())),
    };
    let second = tokio::spawn(run(bench.ports(spool), options, stop.clone()));
    place(&shot("f.mp4", 2), "gate_2026-05-01_08-00-23.mp4");
    bench.until_recorded(4).await;
    assert_eq!(bench.recordings().await.len(), 4);

    // The same from blob storage, where a prefix takes a folder's place.
    let shelf = bench.shoot("g.mp4", 3, &[]);
    let file = Box::new(fs::File::open(shelf).unwrap());
    bench.blobs.put_stream("nvr/yard/2026-05-01T08-00-30.mp4", file).await.unwrap();
    entry.source = "blob://nvr/yard/".into();
    bench.store.enter_camera(&entry).await.unwrap();
    bench.until_recorded(5).await;
    let last = bench.recordings().await.pop().unwrap();
    assert_eq!(last.span.start.to_string(), "2026-05-01T08:00:30.000000Z");
    assert!(last.source.starts_with("blob:recordings/"), "{last:?}");
    stop.cancel();
    second.await.unwrap();
    assert!(bench.store.leases("recorder/").await.unwrap().is_empty(), "leases are given back");
}
