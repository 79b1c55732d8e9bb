//! Watching a camera while a fleet counts it.

use std::path::Path;

use camcount_domain::{CameraId, FrameSize, MediaSpan, MediaTime, Recording};
use camcount_store::{Lookup, Registry, Store};
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::{
    fleet::{Fleet, street},
    servers::Broker,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_on_nats_sees_what_the_store_holds() {
    a_watcher_sees_what_the_store_holds(Broker::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_on_redis_sees_what_the_store_holds() {
    a_watcher_sees_what_the_store_holds(Broker::Redis).await;
}

/// What a watcher has printed so far.
fn printed(fleet: &Fleet, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(fleet.path(&format!("{name}.out"))).unwrap();
    // The last line may still be under way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Crossings of every line, as the store holds them and as watchers tell them.
async fn stored(fleet: &Fleet, camera: CameraId) -> Value {
    let pass = fleet.store.passes(Some(camera)).await.unwrap().remove(0);
    let rules = fleet.store.ruleset(&pass.pass.ruleset).await.unwrap();
    let buckets: Vec<_> = fleet.store.line_buckets(&pass.id).try_collect().await.unwrap();
    let lines = rules.lines.iter().map(|line| {
        let mut told = json!({ "name": line.name, "in": 0, "out": 0, "by_class": {} });
        for bucket in buckets.iter().filter(|bucket| bucket.line == line.name) {
            let class = &mut told["by_class"][&bucket.class];
            *class = json!({
                "in": class["in"].as_i64().unwrap_or(0) + bucket.count_in,
                "out": class["out"].as_i64().unwrap_or(0) + bucket.count_out,
            });
            told["in"] = (told["in"].as_i64().unwrap() + bucket.count_in).into();
            told["out"] = (told["out"].as_i64().unwrap() + bucket.count_out).into();
        }
        told
    });
    lines.collect()
}

/// Waits until a watcher has told of this segment; returns all that it has printed.
async fn told_of(fleet: &Fleet, name: &str, segment: i64) -> Vec<Value> {
    fleet
        .until(&format!("{name} tells of segment {segment}"), async |fleet| {
            let printed = printed(fleet, name);
            (printed.last()?["segment"] == segment).then_some(printed)
        })
        .await
}

/// More footage of the street, half a minute after the first: its last segment takes the whole minute in.
async fn more_footage(fleet: &Fleet, camera: CameraId, video: &Path) {
    let again = fleet.path("again.mp4");
    std::fs::copy(video, &again).unwrap();
    let recording = Recording {
        camera,
        source: again.to_str().unwrap().to_owned(),
        span: MediaSpan { start: MediaTime(1_090_000_000), end: MediaTime(1_120_000_000) },
        origin_us: 0,
        frame_size: FrameSize { width: 960, height: 540 },
        frame_interval_us: 40_000,
    };
    fleet.store.add_recording(&recording, 3_000_000).await.unwrap();
}

async fn a_watcher_sees_what_the_store_holds(broker: Broker) {
    let Some(mut fleet) = Fleet::new(broker).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let gate = fleet.street("gate", &video, 3).await;
    let nobody = fleet.run(["watch", "nobody"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no camera is called \"nobody\""));

    let since = ["--since", "1970-01-01"];
    let json = fleet.printing("json", ["watch", "gate", "--json"].iter().chain(&since));
    let text = fleet.printing("text", ["watch", "gate"].iter().chain(&since));
    let first = fleet.until("it tells what is known", async |fleet| printed(fleet, "json").pop()).await;
    assert_eq!(
        (&first["event"], &first["segment"], &first["lag_s"]),
        (&"snapshot".into(), &Value::Null, &Value::Null)
    );
    assert_eq!(first["lines"][0], json!({ "name": "door", "in": 0, "out": 0, "by_class": {} }));
    assert_eq!(first["zones"], json!([{ "name": "plaza", "inside": null }]));

    let _scheduler = fleet.start("scheduler", ["scheduler", "--every", "200ms"]);
    let _workers =
        [0, 1].map(|n| fleet.start(&format!("worker-{n}"), ["worker", "--lanes", "detect=1,count=1"]));
    let told = told_of(&fleet, "json", 9).await;
    let last = &told[told.len() - 1];
    assert_eq!(last["lines"], stored(&fleet, gate).await);
    assert!(last["lines"][0]["in"].as_i64().unwrap() > 0, "{last}");
    assert_eq!(
        (last["observed_s"].as_f64().unwrap() + last["gap_s"].as_f64().unwrap()).round(),
        60.0,
        "all of the file"
    );
    assert!(
        told.iter().any(|told| told["zones"][0]["inside"].as_i64() > Some(0)),
        "somebody is on the plaza"
    );

    // The feed goes under the watcher, and comes back.
    fleet.broker.kill();
    fleet.broker.restart().await;
    more_footage(&fleet, gate, &video).await;
    let told = told_of(&fleet, "json", 19).await;
    let last = &told[told.len() - 1];
    assert_eq!(last["lines"], stored(&fleet, gate).await);
    let events = fleet.store.camera_events(gate).await.unwrap();
    assert_eq!(last["gap_s"].as_f64().unwrap().round(), 30.0, "between the recordings: {last} {events:?}");

    let schema = include_str!("../../src/commands/watch/watch.schema.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let mut before: Option<&Value> = None;
    for told in &told {
        let errors: Vec<_> = validator.iter_errors(told).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{told}: {errors:?}");
        let segment = |told: &Value| told["segment"].as_i64().unwrap_or(-1);
        if let Some(before) = before {
            assert!(segment(told) > segment(before), "{before}\n{told}");
            if told["event"] == "segment" {
                let plus = |name| {
                    let added = told["added"].as_array().unwrap().iter().find(|line| line["name"] == name);
                    added.map_or(0, |line| line["in"].as_i64().unwrap())
                };
                for (line, was) in
                    told["lines"].as_array().unwrap().iter().zip(before["lines"].as_array().unwrap())
                {
                    let name = line["name"].as_str().unwrap();
                    assert_eq!(
                        line["in"].as_i64().unwrap(),
                        was["in"].as_i64().unwrap() + plus(name),
                        "{told}"
                    );
                }
            }
        }
        before = Some(told);
    }
    assert!(told.iter().filter(|told| told["event"] == "segment").count() >= 5, "the feed tells of most");
    let mut wrong = told[0].clone();
    wrong["event"] = "rumour".into();
    assert!(!validator.is_valid(&wrong), "the schema accepts anything");

    assert!(json.end().await && text.end().await, "whoever has seen enough ends it well");
    let lines = std::fs::read_to_string(fleet.path("text.out")).unwrap();
    let last = lines.lines().last().unwrap();
    assert!(
        last.starts_with("1970-01-01 00:18:40+00:00  door in ") && last.ends_with(" h behind"),
        "{lines}"
    );
    assert!(lines.contains(" (+"), "{lines}");

    // As if for the first time, all of it comes from the store.
    let again = fleet.printing("again", ["watch", "gate", "--json"].iter().chain(&since));
    let told = told_of(&fleet, "again", 19).await;
    assert_eq!((told.len(), &told[0]["lines"]), (1, &stored(&fleet, gate).await));
    assert!(again.end().await);
}
