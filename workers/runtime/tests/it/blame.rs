//! Whose fault a failure is: footage is given up only when everything around it was seen in order after it failed.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use camcount_detect::MotionDetector;
use camcount_store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    bench::{Bench, SECOND_US, seconds},
    clips,
    detecting::{is_deferred, is_retried, walking},
    faults::{Fate, Planned, alive, traced},
};

/// Long enough for an FFmpeg on a busy machine to say something.
const STALL: Duration = Duration::from_secs(4);

/// Every mix of what can be out of order around a segment that fails by itself.
#[tokio::test]
async fn footage_is_given_up_only_when_all_around_it_is_in_order() {
    for mix in 0..8 {
        let [share_drops, ffmpeg_fails, detector_fails] = [1, 2, 4].map(|bit| mix & bit != 0);
        let camera = Bench::new().await.camera;
        let mut recording = clips::recording(camera, clips::walk(), seconds(0));
        let dir = tempfile::tempdir().unwrap();
        let share = dir.path().join("share");
        fs::create_dir(&share).unwrap();
        symlink(clips::walk(), share.join("walk.mp4")).unwrap();
        recording.source = share.join("walk.mp4").to_str().unwrap().to_owned();
        let mut bench = Bench::with(&[recording], 3 * SECOND_US).await;

        // The share goes away while FFmpeg reads from it; a sick FFmpeg fails on everything.
        let away = dir.path().join("away");
        let (share, away) = (share.display(), away.display());
        let drop = format!(
            "*walk*) mv {share} {away}; echo \"[error] file:{share}: Input/output error\" >&2; exit;;"
        );
        let cases = [(share_drops, drop), (ffmpeg_fails, "*) exit 9;;".to_owned())];
        let cases: String = cases.into_iter().filter(|case| case.0).map(|case| case.1).collect();
        bench.footage = traced(dir.path(), &format!("case \"$*\" in {cases} esac"), STALL).0;
        bench.detect =
            Planned::new(
                move |time| {
                    if detector_fails || time > seconds(0) { Fate::Failed } else { Fate::Looked }
                },
            );
        let back = || {
            if dir.path().join("away").exists() {
                fs::rename(dir.path().join("away"), dir.path().join("share")).unwrap();
            }
        };

        for attempt in 1..=4 {
            back();
            let result = bench.detect(0, attempt.min(3)).await;
            match mix {
                0 if attempt < 3 => assert!(is_retried(&result), "{result:?}"),
                0 => result.unwrap(),
                _ => {
                    assert!(is_deferred(&result), "{mix}: {result:?}");
                    let (reason, word) = (
                        result.unwrap_err().chain(),
                        match mix {
                            _ if share_drops => "the footage cannot be read any more: reading ",
                            _ if ffmpeg_fails => "FFmpeg fails on a sound picture too",
                            _ => "the detector fails on a made-up picture too",
                        },
                    );
                    assert!(reason.contains(word), "{mix}: {reason}");
                }
            }
        }
        if mix == 0 {
            bench.quarantined(0).await;
            continue;
        }
        assert_eq!(bench.outcome(0).await, None, "{mix}");
        assert!(bench.store.camera_events(bench.camera).await.unwrap().is_empty());
        // Workers that died over it might have died of the same, be it after any number of attempts.
        assert_eq!(is_deferred(&bench.detect(0, 9).await), share_drops || ffmpeg_fails || detector_fails);
        assert_eq!(bench.store.note_failure(&bench.detection(0), "").await.unwrap(), 1, "none was noted");
        back();
        bench.footage = camcount_decode::Ffmpeg::default();
        bench.detect = Arc::new(MotionDetector::new());
        bench.detect(0, 3).await.unwrap();
        bench.artifact(0).await;
    }
}

#[tokio::test]
async fn an_ffmpeg_that_always_hangs_is_not_the_footages_fault() {
    let mut bench = walking().await;
    let (footage, pids) = traced(bench.path(), "kill -STOP $$", Duration::from_millis(100));
    bench.footage = footage;
    for attempt in [1, 3, 9] {
        let result = bench.detect(0, attempt).await;
        assert!(is_deferred(&result), "{result:?}");
        assert!(result.unwrap_err().chain().contains("FFmpeg stalled on a made-up picture"));
    }
    assert!(alive(&pids).is_empty());
    assert_eq!(bench.outcome(0).await, None);
}

#[tokio::test]
async fn footage_that_hangs_a_sound_ffmpeg_is_given_up_in_the_end() {
    let mut bench = walking().await;
    let (footage, pids) = traced(bench.path(), "case \"$*\" in *walk*) kill -STOP $$;; esac", STALL);
    bench.footage = footage;
    for attempt in [1, 2] {
        assert_eq!(bench.store.note_failure(&bench.detection(0), "as much before").await.unwrap(), attempt);
    }
    bench.detect(0, 1).await.unwrap();
    assert!(bench.quarantined(0).await.contains("FFmpeg stalled on"));
    assert!(alive(&pids).is_empty());
}

/// By an impatient administrator, or a machine that runs out of memory.
#[tokio::test]
async fn an_ffmpeg_that_is_killed_or_stopped_half_way_changes_nothing() {
    let expected = {
        let bench = walking().await;
        bench.detect(0, 1).await.unwrap();
        bench.artifact(0).await
    };
    for (signal, word) in [(Signal::KILL, "killed by signal 9"), (Signal::STOP, "FFmpeg stalled on")] {
        let mut bench = walking().await;
        let (footage, pids) = traced(bench.path(), "", STALL);
        bench.footage = footage;
        let (once, noted) = (AtomicBool::new(true), pids.clone());
        // At its first frame, when FFmpeg waits for others to be taken.
        bench.detect = Planned::new(move |_| {
            if once.swap(false, Ordering::SeqCst) {
                for pid in alive(&noted) {
                    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
                }
            }
            Fate::Looked
        });
        let result = bench.detect(0, 1).await;
        assert!(is_retried(&result), "{result:?}");
        assert!(result.unwrap_err().chain().contains(word));
        assert!(alive(&pids).is_empty());
        bench.detect(0, 2).await.unwrap();
        assert_eq!(bench.artifact(0).await, expected);
    }
}
