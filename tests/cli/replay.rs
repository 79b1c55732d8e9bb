//! Counting and tracking without pixels.

use std::fs;

use serde_json::Value;

use crate::harness::{Camcount, STREET, in_out, street, test_data};

fn replay(camcount: &Camcount, args: &[&str]) -> Value {
    let said = camcount.ok([&["replay", "--format", "json"], args].concat());
    serde_json::from_str(&said).unwrap()
}

/// Published tracks over lines on which the middle and the foot of the boxes agree. The published counts take
/// every touch of the line for a crossing; people of MOT17-04 who sway or stop on it are nobody who crossed, so
/// there the balance agrees.
#[test]
fn published_tracks_give_published_counts() {
    let (Some(pets), Some(mot17)) = (
        test_data("mot/MOT15/PETS09-S2L1/gt/gt_480x360.txt"),
        test_data("mot/MOT17/MOT17-04-FRCNN/gt/gt.txt"),
    ) else {
        return;
    };
    let camcount = Camcount::new();
    let lines = ["--line", "a: 240px,0 -> 240px,360px", "--line", "b: 350px,0 -> 350px,360px"];
    let counts = replay(
        &camcount,
        &[&[&*pets, "--size", "480x360", "--fps", "10", "--keep-ids"], &lines[..]].concat(),
    );
    for (line, truth) in [("a", (18, 13)), ("b", (19, 15))] {
        let counted = in_out(&counts, line);
        assert!((counted.0 - truth.0).abs() <= 1 && (counted.1 - truth.1).abs() <= 1, "{line}: {counted:?}");
    }
    let line = ["--line", "m: 960px,0 -> 960px,1080px", "--classes", "person"];
    let counts = replay(
        &camcount,
        &[&[&*mot17, "--size", "1920x1080", "--fps", "30", "--keep-ids"], &line[..]].concat(),
    );
    let counted = in_out(&counts, "m");
    assert!((4..=6).contains(&(counted.0 - counted.1)), "{counted:?}");
    assert!((8..=11).contains(&counted.0), "{counted:?}");
}

#[test]
fn a_text_needs_size_and_rate_and_its_faults_have_a_line() {
    let camcount = Camcount::new();
    let file = camcount.path("det.txt");
    fs::write(&file, "1,-1,10,10,20,40,0.9\n2,-1,12,10,20\n").unwrap();
    let file = file.to_str().unwrap();
    let line = ["--line", "l: 0.5,0 -> 0.5,1"];
    let error = camcount.fails(2, [&["replay", file], &line[..]].concat());
    assert!(error.contains("--size") && error.contains("--fps"), "{error}");
    let error =
        camcount.fails(1, [&["replay", file, "--size", "100x100", "--fps", "10"], &line[..]].concat());
    assert!(error.contains("det.txt") && error.contains("line 2"), "{error}");
}

/// One object walks over the line; its ids switch there.
#[test]
fn an_id_that_switches_at_the_line_loses_nobody() {
    let camcount = Camcount::new();
    let file = camcount.path("tracks.txt");
    let rows: String = (1..=40)
        .map(|frame| {
            let id = if frame <= 20 { 1 } else { 2 };
            format!("{frame},{id},{},40,10,30,1,1,1\n", frame * 4)
        })
        .collect();
    fs::write(&file, rows).unwrap();
    let how = ["--size", "200x100", "--fps", "10", "--keep-ids", "--line", "l: 90px,0 -> 90px,100px"];
    let counts = replay(&camcount, &[&[file.to_str().unwrap()], &how[..]].concat());
    assert_eq!(in_out(&counts, "l"), (0, 1));
    assert_eq!(counts["crossings"][0]["stitched"], true);
}

/// What `count` kept, folded again in memory, is what `count` counted.
#[test]
fn an_artifact_replays_to_the_counts_that_it_gave() {
    let camcount = Camcount::new();
    let counted = camcount.count([&[street(), "--segment", "3600"], &STREET[..]].concat());
    let artifact = walk(&camcount.path("data/blobs/detections")).pop().unwrap();
    let replayed = replay(&camcount, &[&[&*artifact], &STREET[..]].concat());
    for part in ["lines", "zones", "ruleset"] {
        assert_eq!(replayed[part], counted[part], "{part}");
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path.to_str().unwrap().to_owned());
        }
    }
    files
}

#[test]
fn tracks_come_out_as_the_metric_tools_want_them() {
    let Some(detections) = test_data("mot/MOT17/MOT17-04-FRCNN/det/det.txt") else { return };
    let camcount = Camcount::new();
    let out = camcount.path("tracks.txt");
    let out = out.to_str().unwrap();
    camcount.ok(["track", &*detections, "--size", "1920x1080", "--fps", "30", "--out", out]);
    let text = fs::read_to_string(out).unwrap();
    let ids: std::collections::BTreeSet<u64> = text
        .lines()
        .map(|row| {
            let columns: Vec<f64> = row.split(',').map(|column| column.parse().unwrap()).collect();
            assert_eq!(columns.len(), 9, "{row}");
            assert!((1.0..=1050.0).contains(&columns[0]) && columns[4] > 0.0 && columns[5] > 0.0, "{row}");
            columns[1] as u64
        })
        .collect();
    // 83 people are annotated; far more tracks would be broken ones, far fewer would be merged ones.
    assert!((40..=200).contains(&ids.len()), "{} tracks", ids.len());
}
