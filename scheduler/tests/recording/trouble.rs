//! What goes wrong between a camera and the store costs what was not sent, and nothing that was recorded.

use std::{fs, os::unix::fs::symlink, sync::atomic::Ordering};

use camcount_scheduler::record::{Spool, deliver};
use camcount_store::EventKind;
use tokio_util::sync::CancellationToken;

use crate::{
    bench::Bench,
    servers::{Proxy, Rtsp, http},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_and_comes_back_leaves_a_gap() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.mp4", 60, &[]);
    let Some(server) = Rtsp::start(0, &[&clip]) else { return };
    let (url, port) = (server.url(0), server.port);
    let recorder = bench.record(&url, "spool", u64::MAX);
    bench.until_recorded(2).await;
    drop(server);
    bench.until("the gap is noted", async || !bench.gaps().await.is_empty()).await;
    let before = bench.recordings().await.len();
    let _server = Rtsp::start(port, &[&clip]).unwrap();
    bench.until_recorded(before + 2).await;
    recorder.stop().await;

    let (recordings, gaps) = (bench.recordings().await, bench.gaps().await);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let at = recordings.iter().position(|recording| recording.span.start == gaps[0].span.end).unwrap();
    assert_eq!(recordings[at - 1].span.end, gaps[0].span.start, "the gap is what lies between");
    assert!(gaps[0].span.len_us() > 500_000);
    assert_frames_once(&bench, &clip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_cut_and_lines_that_go_dead_leave_gaps() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.mp4", 60, &[]);
    let Some(server) = Rtsp::start(0, &[&clip]) else { return };
    let proxy = Proxy::to(server.port);
    let recorder = bench.record(&format!("rtsp://me:secret@127.0.0.1:{}/0", proxy.port), "spool", u64::MAX);
    bench.until_recorded(1).await;
    proxy.cut();
    bench.until("the cut is noted", async || bench.gaps().await.len() == 1).await;
    let before = bench.recordings().await.len();
    bench.until_recorded(before + 1).await;
    proxy.stall(true);
    bench.until("the stall is noted", async || bench.gaps().await.len() == 2).await;
    proxy.stall(false);
    let before = bench.recordings().await.len();
    bench.until_recorded(before + 1).await;
    recorder.stop().await;
    let gaps = bench.gaps().await;
    assert!(gaps.iter().all(|gap| !gap.detail.contains("secret") && gap.span.len_us() > 0), "{gaps:?}");
    assert!(gaps[1].detail.contains("stalled") || gaps[1].detail.contains("timed out"), "{gaps:?}");
    assert_frames_once(&bench, &clip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_blobs_are_away_footage_waits_and_nothing_is_lost() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 30, &[]);
    let address = http(bench.path(""));
    let recorder = bench.record(&format!("http://{address}/clip.ts"), "spool", u64::MAX);
    bench.until_recorded(1).await;
    bench.blobs.away.store(true, Ordering::SeqCst);
    let spool = bench.path("spool").join(bench.camera.to_string());
    let waiting = || {
        fs::read_dir(&spool).map_or(0, |files| {
            files.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json")).count()
        })
    };
    bench.until("footage waits", async || waiting() >= 4).await;
    bench.blobs.away.store(false, Ordering::SeqCst);
    bench.until("the spool drains", async || waiting() == 0).await;
    recorder.stop().await;
    assert!(bench.recordings().await.len() >= 5);
    assert_eq!(bench.gaps().await, [], "recording went on");
    assert_frames_once(&bench, &clip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_cannot_be_opened_waits_and_one_that_is_gone_is_said_to_be_lost() {
    let bench = Bench::new().await;
    bench.shoot("clip.ts", 30, &[]);
    let address = http(bench.path(""));
    bench.blobs.away.store(true, Ordering::SeqCst);
    let recorder = bench.record(&format!("http://{address}/clip.ts"), "spool", u64::MAX);
    let folder = bench.path("spool").join(bench.camera.to_string());
    let videos = || {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
        let mut videos: Vec<_> = files.filter(|path| path.with_extension("json").exists()).collect();
        videos.retain(|path| path.extension().is_some_and(|ending| ending == "mkv"));
        videos.sort();
        videos
    };
    bench.until("footage waits", async || videos().len() >= 3).await;
    recorder.stop().await;
    bench.blobs.away.store(false, Ordering::SeqCst);
    let waiting = videos();
    // A link to itself can be opened by nobody, not even by root.
    let aside = waiting[0].with_extension("aside");
    fs::rename(&waiting[0], &aside).unwrap();
    symlink(&waiting[0], &waiting[0]).unwrap();
    fs::remove_file(&waiting[1]).unwrap();
    let once = CancellationToken::new();
    once.cancel();
    let deliver_once = async || {
        let spool = Spool::open(&bench.path("spool"), u64::MAX).unwrap();
        deliver(bench.ports(spool), bench.camera, once.clone()).await;
    };
    deliver_once().await;
    assert_eq!(bench.recordings().await, [], "none overtakes it");
    fs::rename(&aside, &waiting[0]).unwrap();
    deliver_once().await;
    assert_eq!(bench.recordings().await.len(), waiting.len() - 1);
    let events = bench.events().await;
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::Lost).count(), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_is_a_gap_and_keeps_what_it_has() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 40, &[]);
    let address = http(bench.path(""));
    bench.blobs.away.store(true, Ordering::SeqCst);
    let recorder = bench.record(&format!("http://{address}/clip.ts"), "spool", 60_000);
    bench.until("the spool is full", async || recorder.spool_is_full()).await;
    let spool = bench.path("spool").join(bench.camera.to_string());
    let notes =
        || fs::read_dir(&spool).unwrap().flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    bench.until("nothing more comes", async || notes().any(|note| note.contains("spool_full"))).await;
    let waiting = recorder.spool_bytes();
    bench.blobs.away.store(false, Ordering::SeqCst);
    bench.until("it goes on", async || !bench.gaps().await.is_empty() && recorder.spool_is_empty()).await;
    bench.until("the gap ends", async || bench.gaps().await.iter().any(|gap| gap.span.len_us() > 0)).await;
    recorder.stop().await;
    assert!(waiting >= 60_000);
    let events = bench.events().await;
    assert!(events.iter().any(|event| event.kind == EventKind::SpoolFull), "{events:?}");
    assert!(bench.gaps().await[0].detail.contains("spool was full"), "{events:?}");
    assert_frames_once(&bench, &clip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recorder_left_in_its_spool_is_appended_by_the_next_one() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 60, &[]);
    let url = format!("http://{}/clip.ts", http(bench.path("")));
    let recorder = bench.record(&url, "spool", u64::MAX);
    bench.until_recorded(1).await;
    bench.blobs.away.store(true, Ordering::SeqCst);
    bench.until("footage waits", async || recorder.spool_bytes() > 0).await;
    recorder.kill().await;
    bench.blobs.away.store(false, Ordering::SeqCst);
    let before = bench.recordings().await.len();

    // The same again, on the same disk: what waited is appended before what comes.
    bench
        .until("the spool is free", async || {
            camcount_scheduler::record::Spool::open(&bench.path("spool"), 1).is_ok()
        })
        .await;
    let recorder = bench.record(&url, "spool", u64::MAX);
    bench.until_recorded(before + 3).await;
    recorder.stop().await;
    assert_frames_once(&bench, &clip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_on_the_wall_that_is_set_begins_a_new_run() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 60, &[]);
    let url = format!("http://{}/clip.ts", http(bench.path("")));
    let recorder = bench.record(&url, "spool", u64::MAX);
    bench.until_recorded(2).await;
    bench.off_us.store(3_600_000_000, Ordering::SeqCst);
    bench
        .until("the jump is noted", async || {
            bench.events().await.iter().any(|event| event.kind == EventKind::ClockJump)
        })
        .await;
    let before = bench.recordings().await.len();
    bench.until_recorded(before + 1).await;
    // Set back: media time does not go back.
    bench.off_us.store(0, Ordering::SeqCst);
    let before = bench.recordings().await.len();
    bench.until_recorded(before + 2).await;
    recorder.stop().await;
    let gaps = bench.gaps().await;
    assert!(gaps.iter().any(|gap| gap.span.len_us() > 3_500_000_000), "{gaps:?}");
    assert_frames_once(&bench, &clip).await;
}

/// Whatever was recorded, within a run no frame is missing, and none comes twice.
async fn assert_frames_once(bench: &Bench, clip: &std::path::Path) {
    let clip = bench.clip(clip);
    let recorded = bench.recorded_of(&clip).await;
    assert!(recorded.len() > 20, "{} frames", recorded.len());
    assert!(!recorded.contains(&usize::MAX), "frames of the clip and no others");
    // Where it does not go on, it begins anew.
    let breaks: Vec<_> = recorded.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(breaks.iter().all(|pair| pair[1] < 30), "frames are missing: {breaks:?}");
    let gaps = bench.gaps().await.iter().filter(|gap| gap.span.len_us() > 0).count();
    // One more where a stream is begun again so soon that no frame is missing.
    let jumps = bench.events().await.iter().filter(|event| event.kind == EventKind::ClockJump).count();
    assert!(breaks.len() <= gaps + jumps + 1, "{breaks:?}, {gaps} gaps, {jumps} jumps");
}
