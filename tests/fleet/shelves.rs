//! Recordings that others put into a bucket, as a camera.

use camcount_store::{EventKind, Registry, Store};

use crate::{
    fleet::{Fleet, STREET, street},
    servers::Broker,
};

/// What a command complains of when it fails.
async fn refused(fleet: &Fleet, args: &[&str], settings: &[(&str, &str)]) -> String {
    let mut command = fleet.command(args);
    command.envs(settings.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_in_any_bucket_are_found_and_cut() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let video = std::fs::read(tokio::task::spawn_blocking(street).await.unwrap()).unwrap();
    // No bucket of ours, and names that ours never have.
    fleet.bucket.shelve("nvr", "yard 1/day/2026-05-01 08:00:00.mp4", &video);
    fleet.bucket.shelve("nvr", "yard 1/readme.txt", b"none of these");
    fleet.bucket.shelve("nvr", "yard 10/2026-05-01 07:00:00.mp4", &video);

    let said = refused(&fleet, &["camera", "add", "yard", "s3://nowhere/x"], &[]).await;
    assert!(said.contains("s3://nowhere/x/") && said.contains("there is no such bucket; make it"), "{said}");
    let ours = fleet.path("blobs");
    let denied = [("AWS_SECRET_ACCESS_KEY", "hunter2"), ("CAMCOUNT_BLOBS", ours.to_str().unwrap())];
    let said = refused(&fleet, &["camera", "add", "yard", "s3://nvr/yard 1"], &denied).await;
    assert!(said.contains("s3://nvr/yard 1/") && said.contains("the credentials are wrong"), "{said}");
    let said = refused(&fleet, &["camera", "add", "yard", "s3://me:hunter2@nvr/yard 1"], &[]).await;
    assert!(said.contains("AWS_ACCESS_KEY_ID") && !said.contains("hunter2"), "{said}");
    assert_eq!(fleet.store.camera_called("yard").await.unwrap(), None, "nothing was registered");

    fleet.ok(["camera", "add", "yard", "s3://nvr/yard 1"].iter().chain(&STREET)).await;
    let camera = fleet.store.camera_called("yard").await.unwrap().unwrap().camera.id;
    let spool = fleet.path("spool");
    let recorder = || fleet.start("recorder", ["recorder", "--spool", spool.to_str().unwrap()]);
    let recorded = async |count: usize| {
        fleet
            .until(&format!("{count} recordings"), async |fleet| {
                let there = fleet.store.recordings(camera).await.ok()?;
                (there.len() == count).then_some(there)
            })
            .await
    };
    let first = recorder();
    recorded(1).await;
    fleet.bucket.shelve("nvr", "yard 1/day/2026-05-01 08:01:00.mp4", &video);
    recorded(2).await;
    first.kill();
    // Whoever comes next knows what is there.
    let second = recorder();
    fleet.bucket.shelve("nvr", "yard 1/night/2026-05-01 20:00:00.mp4", &video);
    let all = recorded(3).await;
    let starts: Vec<_> = all.iter().map(|(_, recording)| recording.span.start.to_string()).collect();
    let expected = ["08:00:00", "08:01:00", "20:00:00"].map(|time| format!("2026-05-01T{time}.000000Z"));
    assert_eq!(starts, expected);
    assert!(
        all.iter().all(|(_, recording)| (recording.span.len_us() - 60_000_000).abs() < 100_000),
        "{all:?}"
    );
    let events = fleet.store.camera_events(camera).await.unwrap();
    assert!(events.iter().all(|event| event.kind == EventKind::Gap), "{events:?}");
    assert!(second.end().await, "{}", fleet.logs());
    let logs = fleet.logs();
    assert!(!logs.contains("X-Amz-Signature"), "{logs}");
}
