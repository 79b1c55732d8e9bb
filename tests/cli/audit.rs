//! The audit: hand-made truth with known mistakes, and true tracks.

use std::fs;

use serde_json::Value;

use crate::harness::{Camcount, STREET, ffmpeg, street, test_data};

fn audit(camcount: &Camcount, input: &str, truth: &str, more: &[&str]) -> Value {
    let args = [&["audit", input, "--truth", truth, "--format", "json"], more].concat();
    serde_json::from_str(&camcount.ok(args)).unwrap()
}

fn line<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["lines"].as_array().unwrap().iter().find(|line| line["line"] == name).unwrap()
}

fn numbers(verdict: &Value) -> [u64; 6] {
    ["truth", "counted", "matched", "missed", "false", "confused"].map(|name| verdict[name].as_u64().unwrap())
}

/// The demo is counted without a mistake, so mistakes are put into the truth.
#[test]
fn known_mistakes_are_found_and_nothing_else() {
    let camcount = Camcount::new();
    let counted = camcount.count([&[street()], &STREET[..]].concat());
    let mut rows = Vec::new();
    for crossing in counted["crossings"].as_array().unwrap() {
        let text = |name: &str| crossing[name].as_str().unwrap().to_owned();
        rows.push((text("line"), text("direction"), crossing["offset_s"].as_f64().unwrap(), text("class")));
    }
    let truth = camcount.path("truth.csv");
    let write = |rows: &[(String, String, f64, String)]| {
        let lines = rows.iter().map(|(l, d, t, c)| format!("{l},{d},{t},{c}\n"));
        fs::write(&truth, format!("line,direction,time_s,class\n{}", lines.collect::<String>())).unwrap();
    };
    let truth_name = truth.to_str().unwrap();

    write(&rows);
    let document = audit(&camcount, street(), truth_name, &STREET);
    let all = rows.len() as u64;
    assert_eq!(numbers(&document["all"]), [all, all, all, 0, 0, 0]);
    assert_eq!(document["moments"], serde_json::json!([]));
    assert_eq!(document["all"]["accuracy"]["value"], 1.0);
    let low = document["all"]["accuracy"]["low"].as_f64().unwrap();
    assert!((0.7..1.0).contains(&low), "{low}");

    // Two that a human saw and nobody counted, one left out, one turned round, one second of doubt on each.
    let mut wrong = rows.clone();
    let doors: Vec<usize> = (0..rows.len()).filter(|n| rows[*n].0 == "door").collect();
    let turned = doors[1];
    wrong[turned].1 = if rows[turned].1 == "in" { "out" } else { "in" }.to_owned();
    wrong.iter_mut().for_each(|row| row.2 += 0.4);
    wrong.push(("door".to_owned(), "in".to_owned(), 100.0, String::new()));
    wrong.push(("road".to_owned(), "out".to_owned(), 200.0, "car".to_owned()));
    let out = rows.iter().position(|row| row.0 == "road").unwrap();
    wrong.remove(out);
    write(&wrong);
    let document = audit(&camcount, street(), truth_name, &STREET);
    let door = doors.len() as u64;
    let road = rows.len() as u64 - door;
    assert_eq!(numbers(line(&document, "door")), [door + 1, door, door - 1, 1, 0, 1]);
    assert_eq!(numbers(line(&document, "road")), [road, road, road - 1, 1, 1, 0]);
    let moments = document["moments"].as_array().unwrap();
    let told: Vec<_> =
        moments.iter().map(|m| (m["what"].as_str().unwrap(), m["line"].as_str().unwrap())).collect();
    assert_eq!(told.len(), 4);
    assert_eq!(told[2..], [("missed", "door"), ("missed", "road")]);
    let false_one = moments.iter().find(|m| m["what"] == "false").unwrap();
    assert_eq!(false_one["time_s"].as_f64().unwrap(), rows[out].2);

    let table = camcount.ok([&["audit", street(), "--truth", truth_name], &STREET[..]].concat());
    assert!(table.contains("moments to look at") && table.contains("3:20.0"), "{table}");
    // A tolerance shorter than the doubt matches nothing.
    let strict = [&STREET[..], &["--tolerance", "0.1"]].concat();
    assert_eq!(audit(&camcount, street(), truth_name, &strict)["all"]["matched"], 0);
}

/// A list is made of what was counted, with two mistakes put into it. Lines have no column in it and are not judged.
#[test]
fn entries_and_exits_of_zones_are_audited() {
    let camcount = Camcount::new();
    let truth = camcount.path("truth.csv");
    let truth_name = truth.to_str().unwrap();
    let heading = "zone,direction,time_s\n".to_owned();
    fs::write(&truth, &heading).unwrap();
    let nothing_true = audit(&camcount, street(), truth_name, &STREET);
    assert_eq!(nothing_true["lines"], serde_json::json!([]));
    let counted = nothing_true["moments"].as_array().unwrap();
    let all = counted.len() as u64;
    let of = |direction| counted.iter().filter(|moment| moment["direction"] == direction).count();
    assert!(of("in") > 1 && of("out") > 1, "{nothing_true}");
    assert_eq!(numbers(&nothing_true["zones"][0]), [0, all, 0, 0, all, 0]);

    let row =
        |moment: &Value| format!("plaza,{},{}\n", moment["direction"].as_str().unwrap(), moment["time_s"]);
    let mut rows: Vec<String> = counted.iter().map(row).collect();
    fs::write(&truth, format!("{heading}{}", rows.concat())).unwrap();
    let document = audit(&camcount, street(), truth_name, &STREET);
    assert_eq!(document["zones"][0]["zone"], "plaza");
    assert_eq!(numbers(&document["zones"][0]), [all, all, all, 0, 0, 0]);
    assert_eq!(document["all"]["matched"], all);

    // One that came in was overlooked, and nobody left long after the last.
    let entry = counted.iter().position(|moment| moment["direction"] == "in").unwrap();
    rows.remove(entry);
    rows.push("plaza,out,200\n".to_owned());
    fs::write(&truth, format!("{heading}{}", rows.concat())).unwrap();
    let document = audit(&camcount, street(), truth_name, &STREET);
    assert_eq!(numbers(&document["zones"][0]), [all, all, all - 1, 1, 1, 0]);
    let moments = document["moments"].as_array().unwrap();
    let told: Vec<_> = moments.iter().map(|m| (&m["what"], &m["zone"], &m["direction"])).collect();
    let [false_one, missed] = told[..] else { panic!("{document}") };
    assert_eq!(false_one, (&"false".into(), &"plaza".into(), &"in".into()));
    assert_eq!(missed, (&"missed".into(), &"plaza".into(), &"out".into()));

    fs::write(&truth, "zone,direction,time_s\nplazza,in,3\n").unwrap();
    let error = camcount.fails(1, [&["audit", street(), "--truth", truth_name], &STREET[..]].concat());
    assert!(error.contains("no zone \"plazza\"") && error.contains("plaza"), "{error}");
}

#[test]
fn what_is_wrong_with_a_truth_is_named() {
    let camcount = Camcount::new();
    let truth = camcount.path("truth.csv");
    let truth_name = truth.to_str().unwrap();
    fs::write(&truth, "line,direction,time_s\ndor,in,3\n").unwrap();
    let error = camcount.fails(1, [&["audit", street(), "--truth", truth_name], &STREET[..]].concat());
    assert!(
        error.contains("truth.csv line 2") && error.contains("\"dor\"") && error.contains("door"),
        "{error}"
    );
    let error = camcount.fails(1, [&["audit", street(), "--truth", "none.csv"], &STREET[..]].concat());
    assert!(error.contains("none.csv"), "{error}");
}

/// Two recordings with two minutes between them, in which a human saw somebody.
#[test]
fn what_happened_while_nobody_looked_is_not_missed() {
    let camcount = Camcount::new();
    let folder = camcount.path("gate");
    fs::create_dir(&folder).unwrap();
    for name in ["gate_2026-05-01_08-00-00.mp4", "gate_2026-05-01_08-02-10.mp4"] {
        let file = folder.join(name);
        ffmpeg(["-t", "10", "-i", street(), "-c", "copy", file.to_str().unwrap()]);
    }
    let truth = camcount.path("truth.csv");
    let seen = "line,direction,time_s\nl,in,60\nl,in,120\nl,in,2026-05-01T08:01:00Z\nl,in,5\n";
    fs::write(&truth, seen).unwrap();
    // A line in the sky, over which nobody goes.
    let line = ["--line", "l: 0,0.01 -> 0.1,0.01"];
    let document = audit(&camcount, folder.to_str().unwrap(), truth.to_str().unwrap(), &line);
    assert_eq!(numbers(&document["all"]), [4, 0, 0, 1, 0, 0]);
    assert_eq!(document["all"]["unseen"], 3);
    assert_eq!(document["moments"].as_array().unwrap().len(), 1);
}

/// True tracks are no worse than themselves, and detections are counted without footage.
#[test]
fn true_tracks_agree_with_themselves() {
    let Some(truth) = test_data("mot/MOT15/PETS09-S2L1/gt/gt_768x576.txt") else { return };
    let rules = ["--line", "l: 0.5,0 -> 0.5,1", "--zone", "z: 0.5,0 1,0 1,1 0.5,1"];
    let more = [&["--boxes-size", "768x576", "--boxes-fps", "7"], &rules[..]].concat();
    let document = audit(&Camcount::new(), &truth, &truth, &more);
    for verdict in [&document["lines"][0], &document["zones"][0]] {
        let [truth, _, matched, _, made_up, confused] = numbers(verdict);
        assert!(
            truth > 20 && matched * 10 >= truth * 9 && made_up * 10 <= truth && confused == 0,
            "{document}"
        );
    }
}
