//! Counts by period.

use serde_json::Value;

use crate::harness::{Camcount, STREET, street};

fn lines(said: &str) -> Vec<Vec<&str>> {
    said.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn counts_by_period_add_up_to_what_was_counted() {
    let camcount = Camcount::new();
    assert_eq!(camcount.ok(["counts"]), "");
    let counted = camcount.count([street()].iter().chain(&STREET));
    let listed = camcount.ok(["counts"]);
    let listed = lines(&listed);
    assert_eq!(
        (listed[0][0], listed[1][0], listed[1][2]),
        ("camera", "street", counted["ruleset"].as_str().unwrap())
    );

    let by = |by: &str, of: &str| -> Value {
        serde_json::from_str(&camcount.ok(["counts", of, "--by", by, "--format", "json"])).unwrap()
    };
    let day = by("day", "street");
    let door = &day["periods"][0]["lines"][0];
    assert_eq!((&door["in"], &door["out"]), (&counted["lines"][0]["in"], &counted["lines"][0]["out"]));
    assert_eq!(day["periods"][0]["observed_s"], 60.0);
    assert_eq!(day["periods"][0]["zones"][0]["entered"], counted["zones"][0]["entered"]);
    assert_eq!(by("day", listed[1][1]), day, "by its id too");
    let minutes = by("minute", "street");
    let sum = |name: &str| -> i64 {
        let periods = minutes["periods"].as_array().unwrap().iter();
        periods.map(|period| period["lines"][1][name].as_i64().unwrap()).sum()
    };
    let road = &counted["lines"][1];
    assert_eq!((sum("in"), sum("out")), (road["in"].as_i64().unwrap(), road["out"].as_i64().unwrap()));

    let table = camcount.ok(["counts", "street", "--by", "day"]);
    assert!(table.contains("1970-01-01 00:00:00+00:00  door") && table.contains("plaza"), "{table}");
    let csv = camcount.ok(["counts", "street", "--by", "day", "--by-class", "--format", "csv"]);
    let heads = "camera,pass,ruleset,model,start,end,kind,name,class,in,out,confidence,";
    assert!(csv.starts_with(heads) && csv.contains(",line,door,person,6,5,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + 2 + 2 + 1, "both lines with their class, and the zone: {csv}");
    let later = camcount.ok(["counts", "street", "--from", "1970-01-02", "--format", "csv"]);
    assert!(!later.contains("street"), "{later}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let camcount = Camcount::new();
    assert!(camcount.fails(1, ["counts", "nobody"]).contains("called nobody"));
    assert!(camcount.fails(2, ["counts", "gate", "--by", "year"]).contains("write minute, hour"));
}
