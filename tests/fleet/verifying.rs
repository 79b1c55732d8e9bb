//! Verifying counts anew, and takes nothing for it that was counted before.

use std::{path::Path, process::Command};

use camcount_domain::{Camera, CoverageBucket, Crossing, MediaTime, Pass, SegmentCounts, Seq};
use camcount_domain::{Confidence, Direction, TrackId};
use camcount_store::{Committed, Lookup, Registry, SegmentCommit, Sqlite, Store};

use crate::{
    fleet::{Fleet, street},
    servers::Broker,
};

/// Commits what nobody saw as the first segment of a pass.
async fn make_up(store: &dyn Store, pass: &Pass) {
    let start = MediaTime(1_000_000_000);
    let counts = SegmentCounts {
        crossings: vec![Crossing {
            line: "door".into(),
            direction: Direction::In,
            time: start.plus_us(1_500_000),
            track: TrackId(77),
            ordinal: 0,
            class: "person".into(),
            confidence: Confidence(9_000),
            stitched: false,
        }],
        coverage: vec![CoverageBucket { start, observed_us: 5_000_000, gap_us: 0 }],
        ..SegmentCounts::default()
    };
    let commit = SegmentCommit { pass: &pass.id(), seq: Seq(0), counts: &counts, state: &[] };
    assert_eq!(store.commit_segment(commit).await.unwrap(), Committed::Now);
}

/// What an earlier process left: a store in which the same was made up.
async fn leave(fleet: &Fleet, pass: &Pass, folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let left = Sqlite::open(&folder.join("camcount.db")).await.unwrap();
    let camera = Camera { id: pass.camera, name: "gate".into(), start_known: true };
    left.register_camera(&camera).await.unwrap();
    left.register_detector(&fleet.store.detector(&pass.detector).await.unwrap()).await.unwrap();
    left.register_ruleset(&fleet.store.ruleset(&pass.ruleset).await.unwrap()).await.unwrap();
    for (_, recording) in fleet.store.recordings(pass.camera).await.unwrap() {
        left.add_recording(&recording, 5_000_000).await.unwrap();
    }
    left.open_pass(pass).await.unwrap();
    make_up(&left, pass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_left_is_not_taken_for_counted_anew() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let camera = fleet.street("gate", &video, 5).await;
    let pass = fleet.store.passes(Some(camera)).await.unwrap().remove(0).pass;
    make_up(&fleet.store, &pass).await;
    leave(&fleet, &pass, &fleet.path("left")).await;

    // A shell that puts it where the process that it becomes will count.
    let verify = fleet.command(["verify", "gate"]);
    let mut shell = Command::new("sh");
    shell.args(["-ec", r#"mv left "camcount-verify-$$"; exec "$@""#, "sh"]).arg(verify.get_program());
    shell.args(verify.get_args()).current_dir(verify.get_current_dir().unwrap());
    for (name, value) in verify.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}{complaint}");
    assert!(said.contains("DIFFER") && said.contains("TrackId(77)"), "{said}{complaint}");
    let folders = std::fs::read_dir(fleet.path("")).unwrap().flatten();
    let scratch = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("camcount-verify-"));
    assert_eq!(scratch.count(), 0, "and nothing is left");
}
