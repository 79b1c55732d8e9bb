//! A folder of recordings as a camera.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use camcount_decode::{Ffmpeg, Options};
use camcount_scheduler::record::{RecorderOptions, Spool, run};
use camcount_store::EventKind;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_taken_when_they_are_whole_and_in_order() {
    let mut bench = Bench::new().await;
    let (probe, asked) = (bench.path("ffprobe"), bench.path("asked"));
    // Tells what it is asked about.
    fs::write(&probe, format!("#!/bin/sh\necho \"$@\" >>'{}'\nexec ffprobe \"$@\"\n", asked.display()))
        .unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
    bench.ffmpeg =
        Ffmpeg::new(Options { ffprobe: probe, stall: Duration::from_secs(10), ..Options::default() });
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
            s3: Default::default(),
        };
        let spool = Spool::open(&bench.path(name), u64::MAX).unwrap();
        tokio::spawn(run(bench.ports(spool), options, stop.clone()))
    };
    let first = recorder("one");
    // The second time shows what came of the first.
    let looks = || fs::read_to_string(&asked).unwrap_or_default().matches("08-00-00.mp4").count();
    bench.until("it is looked into twice", async || looks() >= 2).await;
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
        s3: Default::default(),
    };
    let second = tokio::spawn(run(bench.ports(spool), options, stop.clone()));
    place(&shot("f.mp4", 2), "gate_2026-05-01_08-00-23.mp4");
    bench.until_recorded(4).await;
    assert_eq!(bench.recordings().await.len(), 4);
    let last = bench.recordings().await.pop().unwrap();
    assert!(last.source.starts_with("blob:recordings/"), "{last:?}");
    stop.cancel();
    second.await.unwrap();
    assert!(bench.store.leases("recorder/").await.unwrap().is_empty(), "leases are given back");
}
