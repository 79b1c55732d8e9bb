//! Upkeep by real processes: counts are rolled up and months are opened, whoever is killed.

use camcount_domain::{
    CoverageBucket, Granularity, LineBucket, MediaSpan, MediaTime, PassId, SegmentCounts, Seq,
};
use camcount_store::{Committed, Registry, Rollups, ScalingLog, SegmentCommit, Store};

use crate::{
    fleet::{Fleet, free_port, http_get, street},
    servers::Broker,
};

async fn commit(fleet: &Fleet, pass: &PassId, seq: i64) {
    let start = MediaTime(1_000_000_000);
    let counts = SegmentCounts {
        lines: vec![LineBucket {
            line: "door".into(),
            class: "person".into(),
            start,
            count_in: 2,
            count_out: 1,
        }],
        coverage: vec![CoverageBucket { start, observed_us: 5_000_000, gap_us: 0 }],
        ..SegmentCounts::default()
    };
    let commit = SegmentCommit { pass, seq: Seq(seq), counts: &counts, state: &[] };
    assert_eq!(fleet.store.commit_segment(commit).await.unwrap(), Committed::Now);
}

/// Waits until so many are counted inwards in the roll-ups by day.
async fn rolled_up(fleet: &Fleet, pass: &PassId, count_in: i64) {
    fleet
        .until(&format!("{count_in} in the roll-ups"), async |fleet| {
            let sums = fleet.store.rollups(pass, Granularity::Day, MediaSpan::ALL).await.ok()?;
            (sums.lines.iter().map(|row| row.count_in).sum::<i64>() == count_in).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_rolled_up_and_months_opened_whoever_is_killed() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let camera = fleet.street("gate", &video, 5).await;
    let pass = fleet.store.passes(Some(camera)).await.unwrap().remove(0).id;
    commit(&fleet, &pass, 0).await;
    assert_eq!(fleet.store.months_ahead().await.unwrap(), 0);

    // With seconds, so that nobody waits for a minute.
    let port = free_port();
    let every_second = ["--roll-up", "* * * * * *", "--roll-over", "* * * * * *", "--every", "100ms"];
    let schedulers = ["a", "b"].map(|name| {
        fleet.start_with(name, ["scheduler"].iter().chain(&every_second), |command| {
            if name == "a" {
                command.env("CAMCOUNT_LISTEN", format!("127.0.0.1:{port}"));
            }
        })
    });
    let worker = fleet.start("worker", ["worker", "--lanes", "upkeep=2"]);
    rolled_up(&fleet, &pass, 2).await;
    fleet
        .until("three months ahead", async |fleet| {
            (fleet.store.months_ahead().await.ok()? == 3).then_some(())
        })
        .await;

    worker.kill();
    commit(&fleet, &pass, 1).await;
    let _worker = fleet.start("another worker", ["worker", "--lanes", "upkeep=2"]);
    rolled_up(&fleet, &pass, 4).await;
    let [a, b] = schedulers;
    b.kill();
    commit(&fleet, &pass, 2).await;
    rolled_up(&fleet, &pass, 6).await;
    fleet
        .until("the headroom", async |_| {
            let metrics = http_get(port, "/metrics").ok()?;
            metrics.contains("camcount_partitions_headroom_months 3").then_some(())
        })
        .await;
    fleet
        .until("detection wants a worker", async |fleet| {
            let metrics = http_get(port, "/metrics").ok()?;
            let wanted = metrics.lines().find(|line| {
                line.starts_with("camcount_lane_desired_workers{lane=\"detect\"}") && !line.ends_with(" 0")
            });
            let logged = fleet.store.last_scaling().await.ok()?;
            (wanted.is_some() && logged.iter().any(|scaled| scaled.lane == "detect" && scaled.workers > 0))
                .then_some(())
        })
        .await;
    drop(a);

    let said = fleet.ok(["counts", "gate", "--by", "day", "--format", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    let door = &told["periods"][0]["lines"][0];
    assert_eq!((&door["line"], &door["in"], &door["out"]), (&"door".into(), &6.into(), &3.into()));
}

/// As cron and Kubernetes do it.
#[tokio::test(flavor = "multi_thread")]
async fn one_tick_publishes_what_is_due_once() {
    let Some(fleet) = Fleet::new(Broker::Redis).await else { return };
    let once = ["scheduler", "--once", "--roll-up", "0 0 1 1 *"];
    let (a, b) = tokio::join!(fleet.ok(once), fleet.ok(once));
    let published = |said: &str| said.contains("2 of upkeep published") as u32;
    let said = format!("{a}{b}");
    assert!(published(&a) + published(&b) <= 1, "{said}");
    let said = fleet.ok(once).await;
    assert!(said.contains("0 of upkeep published"), "{said}");
    let worker = fleet.start("worker", ["worker", "--lanes", "upkeep", "--exit-when-idle", "500ms"]);
    assert!(worker.wait().await, "{}", fleet.logs());
    assert_eq!(fleet.store.months_ahead().await.unwrap(), 3);

    let refused = fleet.run(["scheduler", "--once", "--roll-up", "sometimes"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("\"sometimes\" is no cron expression") && said.contains("0 3 * * *"), "{said}");
}
