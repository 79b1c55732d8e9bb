//! Footage of which a part cannot be read: the rest of its block is looked at all the same.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use camcount_blob::detections;
use camcount_decode::{Ffmpeg, Options};
use camcount_domain::DetectedFrame;
use camcount_runtime::{DetectHandler, Handler};
use camcount_store::Outcome;

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    clips,
};

/// An FFmpeg for which `fails`, a condition of the shell, says whether it fails in the end. That may ask for the seconds
/// `$from` and `$to` between which it reads, and for the number of its start, `$start`.
fn failing(dir: &Path, fails: &str) -> Ffmpeg {
    let (program, starts) = (dir.join("ffmpeg"), dir.join("starts"));
    let script = format!(
        r#"#!/bin/sh
case "$*" in *showinfo*) ;; *) exec ffmpeg "$@" ;; esac
echo >> {starts}
start=$(wc -l < {starts})
from=$(echo "$*" | sed -n 's/.*-ss \([0-9.]*\).*/\1/p')
to=$(echo "$*" | sed -n 's/.*trim=end=\([0-9.]*\).*/\1/p')
from=${{from:-0}} to=${{to:-1000}}
ffmpeg "$@" || exit
if {fails}; then echo "no such macroblock" >&2; exit 1; fi
"#,
        starts = starts.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Ffmpeg::new(Options { ffmpeg: program, ..Options::default() })
}

async fn walking(segment_us: i64, fails: &str) -> Bench {
    let camera = Bench::new().await.camera;
    let mut bench = Bench::with(&[clips::recording(camera, clips::walk(), seconds(0))], segment_us).await;
    bench.footage = failing(bench.path(), fails);
    bench
}

/// The frames of every segment; nothing for those that were given up.
async fn detected(bench: &Bench) -> Vec<Vec<DetectedFrame>> {
    let handler = DetectHandler::new(bench.ports());
    let mut segments = Vec::new();
    for seq in 0..bench.segments {
        let mut attempt = 1;
        while handler.run(bench.detection(seq), run(attempt)).await.is_err() {
            attempt += 1;
        }
        segments.push(match bench.outcome(seq).await {
            Some(Outcome::Detected(artifact)) => {
                detections::decode(bench.blobs.get(&artifact.blob_key).await.unwrap()).unwrap().frames
            }
            _ => Vec::new(),
        });
    }
    segments
}

/// All of the clip is one block.
#[tokio::test]
async fn a_segment_that_cannot_be_read_takes_none_of_its_block_with_it() {
    let broken = "awk \"BEGIN { exit !($from < 8.6 && $to > 8.5) }\"";
    let [short, long] = [walking(2 * SECOND_US, broken).await, walking(4 * SECOND_US, broken).await];
    let (short, long) = (detected(&short).await, detected(&long).await);
    let frames: Vec<usize> = short.iter().map(Vec::len).collect();
    assert_eq!(frames, [20, 20, 20, 20, 0, 20]);
    assert!(short.iter().flatten().filter(|frame| !frame.detections.is_empty()).count() > 70);
    // What the backdrop comes from does not depend on the cut.
    assert_eq!(long.iter().map(Vec::len).collect::<Vec<_>>(), [40, 40, 0]);
    assert_eq!(long[..2].concat(), short[..4].concat());
}

/// Something other than the footage made the second and the third start fail, which sample the block.
#[tokio::test]
async fn a_block_that_fails_by_chance_has_the_same_backdrop() {
    let whole = detected(&walking(12 * SECOND_US, "false").await).await;
    let pieces = walking(12 * SECOND_US, "[ $start = 2 ] || [ $start = 3 ]").await;
    assert_eq!(detected(&pieces).await, whole);
    let starts = fs::read_to_string(pieces.path().join("starts")).unwrap().lines().count();
    assert!(starts > 20, "{starts} starts");
}
