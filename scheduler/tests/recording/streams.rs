//! What is recorded is what was sent, frame by frame, each once and at its time.

use std::path::Path;

use camcount_domain::Transport;
use camcount_store::EventKind;

use crate::{
    bench::{Bench, now},
    servers::{Rtsp, http},
};

/// Records the stream until it has ended once, and holds it against the clip: all its frames, each once, and as far
/// apart as they were. The gap that follows is told in words with `why` in them.
async fn recorded_whole(bench: &Bench, source: &str, clip: &Path, why: &str) {
    let began = now().0;
    let recorder = bench.record(source, "spool", u64::MAX);
    let clip = bench.clip(clip);
    bench
        .until("the stream ends", async || {
            bench.gaps().await.iter().any(|gap| gap.detail.contains(why)) && recorder.spool_is_empty()
        })
        .await;
    recorder.stop().await;
    let all = bench.recorded_of(&clip).await;
    // It is begun again, and then again from the first frame.
    let first: Vec<usize> = all.iter().copied().take(clip.len()).collect();
    assert_eq!(first, (0..clip.len()).collect::<Vec<_>>(), "every frame once, in order");
    let frames = bench.frames().await;
    for ((time, _), (original, _)) in frames.iter().zip(&clip) {
        let off = (time - frames[0].0) - (original - clip[0].0);
        // Matroska rounds to milliseconds, drift is followed by a little, and RTSP's first frame has no time.
        assert!(off.abs() <= 120_000, "off by {off} us");
    }
    let start = frames[0].0;
    // Reordered frames come a little before they are shown, and a file comes as fast as it can.
    let soon = began - 1_000_000..began + 20_000_000;
    assert!(soon.contains(&start), "{} ms", (start - began) / 1000);
    assert!(bench.recordings().await.len() >= 4, "in pieces");
    assert!(
        bench.events().await.iter().all(|event| event.kind == EventKind::Gap),
        "{:?}",
        bench.events().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rtsp() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.mp4", 11, &[]);
    let Some(server) = Rtsp::start(0, &[&clip]) else { return };
    recorded_whole(&bench, &server.url(0), &clip, "ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rtsp_over_udp() {
    let mut bench = Bench::new().await;
    bench.transport = Transport::Udp;
    let clip = bench.shoot("clip.mp4", 11, &[]);
    let Some(server) = Rtsp::start(0, &[&clip]) else { return };
    // A goodbye comes by a port of its own and may overtake the last picture; a camera that is unplugged says none.
    // Who notices first, FFmpeg or camcount, is open.
    recorded_whole(&bench, &format!("{}/unplugged", server.url(0)), &clip, "").await;
}

/// MPEG-TS counts 33 bits of 90 kHz, which is over after 26 hours and a half: here, in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_wraps() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 11, &["-output_ts_offset", "95438"]);
    let address = http(bench.path(""));
    recorded_whole(&bench, &format!("http://{address}/clip.ts"), &clip, "ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_and_reordered_frames() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.ts", 11, &["-preset", "fast", "-bf", "3"]);
    let address = http(bench.path(""));
    recorded_whole(&bench, &format!("http://{address}/clip.ts"), &clip, "ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hls() {
    let bench = Bench::new().await;
    let clip = bench.shoot("clip.mp4", 11, &[]);
    bench.shoot("list.m3u8", 11, &["-f", "hls", "-hls_time", "2", "-hls_list_size", "0"]);
    let address = http(bench.path(""));
    recorded_whole(&bench, &format!("http://{address}/list.m3u8"), &clip, "ended").await;
}
