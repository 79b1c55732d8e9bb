//! Recorders: cameras that are recorded, and counted as they come; recorders that die and are replaced.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use camcount_domain::CameraId;
use camcount_store::{CameraEvent, EventKind, Leases, Lookup, Recorded, Registry, Store};

use crate::{
    fleet::{Fleet, STREET, street},
    recording_servers::Rtsp,
    servers::{Broker, Line},
};

/// A stream of the demo's street, as cameras encode: a key frame every second, and nothing reordered.
fn stream() -> std::path::PathBuf {
    let clip = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet-stream.mp4");
    static ENCODED: std::sync::Once = std::sync::Once::new();
    ENCODED.call_once(|| {
        let done = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-i"])
            .arg(street())
            .args(["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"])
            .arg(&clip)
            .status();
        assert!(done.unwrap().success());
    });
    clip
}

async fn pieces(fleet: &Fleet, camera: CameraId) -> usize {
    fleet.store.recordings(camera).await.unwrap().len()
}

async fn events(fleet: &Fleet, camera: CameraId, kind: EventKind) -> Vec<CameraEvent> {
    let mut events = fleet.store.camera_events(camera).await.unwrap();
    events.retain(|event| event.kind == kind);
    events
}

/// The command lines of FFmpeg that hold a word, as everybody can read them.
fn ffmpegs_with(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.starts_with("ffmpeg") && line.contains(word)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_recorded_and_counted_and_a_recorder_that_dies_is_replaced() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let Some(server) = Rtsp::start(0, &[&stream()]) else { return };
    let url = format!("rtsp://viewer:hunter2@127.0.0.1:{}/0", server.port);
    fleet.ok(["camera", "add", "gate", &url].iter().chain(&STREET)).await;
    let camera = fleet.store.camera_called("gate").await.unwrap().unwrap().camera.id;
    let start = |name: &str| {
        let spool = fleet.path(&format!("spool-{name}"));
        fleet.start(name, ["recorder", "--segment", "2", "--spool", spool.to_str().unwrap()])
    };
    let _scheduler = fleet.start("scheduler", ["scheduler"]);
    let _worker = fleet.start("worker", ["worker", "--lanes", "detect=2,count=1"]);
    let first = start("first");
    fleet.until("footage comes", async |fleet| (pieces(fleet, camera).await >= 3).then_some(())).await;
    assert_ne!(ffmpegs_with("rtsp://127.0.0.1:"), [""; 0]);
    assert_eq!(ffmpegs_with("hunter2"), [""; 0], "ps shows no password");
    let second = start("second");
    let holder = async |fleet: &Fleet| {
        let leases = fleet.store.leases("recorder/").await.ok()?;
        Some(leases.first()?.holder.clone())
    };
    let before = holder(&fleet).await.unwrap();

    // Killed in the middle of a piece; the other one takes over within seconds.
    first.kill();
    let killed = Instant::now();
    let recorded = pieces(&fleet, camera).await;
    fleet.until("another takes over", async |fleet| (holder(fleet).await? != before).then_some(())).await;
    let took = killed.elapsed();
    fleet
        .until("footage comes again", async |fleet| {
            (pieces(fleet, camera).await >= recorded + 3).then_some(())
        })
        .await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    let gaps = events(&fleet, camera, EventKind::Gap).await;
    assert!(gaps.iter().any(|gap| gap.span.len_us() > 1_000_000), "{gaps:?}");
    assert!(fleet.store.camera(camera).await.unwrap().unwrap().last_seen.is_some());

    // The first one comes back with its spool: nothing of it is lost or comes twice.
    let first = start("first");
    assert!(second.end().await, "{}", fleet.logs());
    fleet.until("the first one has it", async |fleet| (holder(fleet).await? != before).then_some(())).await;
    let recorded = pieces(&fleet, camera).await;
    fleet
        .until("footage comes again", async |fleet| {
            (pieces(fleet, camera).await >= recorded + 2).then_some(())
        })
        .await;
    assert!(first.end().await, "{}", fleet.logs());
    fleet.all_counted().await;
    let all = fleet.store.recordings(camera).await.unwrap();
    for pair in all.windows(2) {
        assert!(pair[0].1.span.end <= pair[1].1.span.start, "footage follows footage");
    }
    assert!(fleet.store.leases("recorder/").await.unwrap().is_empty(), "leases are given back");
    assert_eq!(fleet.store.footage_end(camera).await.unwrap(), Some(all.last().unwrap().1.span.end));
    let passes = fleet.store.passes(Some(camera)).await.unwrap();
    let progress = fleet.store.progress(&passes[0].id).await.unwrap();
    assert_eq!(progress.quarantined, 0, "{}", fleet.logs());
    assert!(progress.frames > 100, "{progress:?}");
    let logs = fleet.logs();
    assert!(!logs.contains("hunter2") && !logs.contains("X-Amz-Signature"), "{logs}");
    let said = fleet.ok(["verify", "gate"]).await;
    assert!(said.contains("alike"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_with_a_full_spool_while_the_bucket_is_away_says_so_and_loses_nothing() {
    let Some(mut fleet) = Fleet::new(Broker::Nats).await else { return };
    let Some(server) = Rtsp::start(0, &[&stream()]) else { return };
    let mut line = Line::to(fleet.bucket.port).await;
    fleet.settings.push(("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", line.port)));
    let url = format!("rtsp://127.0.0.1:{}/0", server.port);
    fleet.ok(["camera", "add", "gate", &url].iter().chain(&STREET)).await;
    let camera = fleet.store.camera_called("gate").await.unwrap().unwrap().camera.id;
    let spool = fleet.path("spool");
    let start = |name: &str| {
        let spool = spool.to_str().unwrap();
        fleet.start(name, ["recorder", "--segment", "2", "--spool-size", "300K", "--spool", spool])
    };
    let first = start("first");
    fleet.until("footage comes", async |fleet| (pieces(fleet, camera).await >= 1).then_some(())).await;
    line.cut().await;
    fleet.until("it is full, and says so", async |fleet| says(fleet, "first", "the spool is full")).await;
    let before = pieces(&fleet, camera).await;
    first.kill();

    // Who starts with it says what is away and that there is no room, and touches nothing.
    let second = start("second");
    for said in ["nobody answers there; check the endpoint", "the spool is full"] {
        fleet.until(said, async |fleet| says(fleet, "second", said)).await;
    }
    let waiting: u64 = files_in(&spool.join(camera.to_string())).map(|file| file.len()).sum();
    assert!(waiting >= 300 << 10, "{waiting}");
    line.mend().await;
    fleet
        .until("what waited is there", async |fleet| {
            let waits: u64 = files_in(&spool.join(camera.to_string())).map(|file| file.len()).sum();
            (waits < waiting && pieces(fleet, camera).await > before).then_some(())
        })
        .await;
    // The end of a gap is known when footage comes again.
    fleet
        .until("what was not recorded is a gap", async |fleet| {
            let gaps = events(fleet, camera, EventKind::Gap).await;
            gaps.iter().any(|gap| gap.span.len_us() > 0).then_some(())
        })
        .await;
    let full = events(&fleet, camera, EventKind::SpoolFull).await;
    assert!(!full.is_empty(), "{}", fleet.logs());

    let _scheduler = fleet.start("scheduler", ["scheduler"]);
    let _worker = fleet.start("worker", ["worker", "--lanes", "detect=2,count=1"]);
    assert!(second.end().await, "{}", fleet.logs());
    fleet.all_counted().await;
    let said = fleet.ok(["verify", "gate"]).await;
    assert!(said.contains("alike"), "{said}");
}

/// Whether a role has logged that.
fn says(fleet: &Fleet, name: &str, what: &str) -> Option<()> {
    let log = std::fs::read_to_string(fleet.path(&format!("{name}.log"))).unwrap();
    log.contains(what).then_some(())
}

/// What is in a folder now.
fn files_in(folder: &Path) -> impl Iterator<Item = std::fs::Metadata> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok())
}
