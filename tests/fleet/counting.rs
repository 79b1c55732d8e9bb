//! Many processes count what one process counts.

use std::time::Duration;

use camcount_store::{Leases, Registry};

use crate::{
    fleet::{Fleet, free_port, http_get, street},
    servers::Broker,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_on_nats_counts_what_one_process_counts() {
    a_fleet_counts_what_one_process_counts(Broker::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_on_redis_counts_what_one_process_counts() {
    a_fleet_counts_what_one_process_counts(Broker::Redis).await;
}

async fn a_fleet_counts_what_one_process_counts(broker: Broker) {
    let Some(fleet) = Fleet::new(broker).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    fleet.street("gate", &video, 3).await;
    fleet.street("yard", &video, 7).await;
    let ports = [free_port(), free_port()];
    let schedulers = ports.map(|port| {
        let listen = format!("127.0.0.1:{port}");
        fleet.start(
            &format!("scheduler-{port}"),
            ["scheduler", "--every", "200ms", "--listen", listen.as_str()],
        )
    });
    let workers = [
        fleet.start("worker-0", ["worker", "--lanes", "detect=1,detect-backfill=1,count=1,count-backfill=1"]),
        fleet.start("worker-1", ["worker", "--lanes", "detect=1,count=1,upkeep=1"]),
    ];
    fleet.all_counted().await;
    let said = fleet.ok(["verify", "gate"]).await;
    assert!(said.contains("10 segments counted anew") && said.contains("alike"), "{said}");
    assert!(fleet.ok(["verify", "yard"]).await.contains("5 segments counted anew"));

    let status: serde_json::Value = serde_json::from_str(&fleet.ok(["status", "--json"]).await).unwrap();
    assert_eq!(status["processes"].as_array().unwrap().len(), 4, "{status}");
    assert!(status["leader"].as_str().unwrap().starts_with("scheduler@"), "{status}");
    assert_eq!((&status["registered"], &status["enabled"]), (&2.into(), &2.into()));
    assert!(
        status["cameras"].as_array().unwrap().iter().all(|camera| camera["segments_behind"] == 0),
        "{status}"
    );
    assert!(fleet.ok(["status"]).await.contains("detect-backfill"));

    let metrics = ports.map(|port| http_get(port, "/metrics").unwrap());
    let leads = |metrics: &&String| metrics.contains("camcount_scheduler_leads 1");
    let leaders: Vec<_> = metrics.iter().filter(leads).collect();
    assert_eq!(leaders.len(), 1, "{metrics:?}");
    assert!(leaders[0].contains("camcount_lane_jobs{lane=\"detect\",state=\"waiting\"} 0"), "{}", leaders[0]);
    for port in ports {
        assert!(http_get(port, "/healthz").unwrap().starts_with("HTTP/1.1 200"));
        assert!(http_get(port, "/readyz").unwrap().starts_with("HTTP/1.1 200"));
    }
    for process in workers.into_iter().chain(schedulers) {
        assert!(process.end().await, "told to end, it ends well");
    }
    assert_eq!(fleet.store.leases("").await.unwrap(), [], "they have said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_dies_is_followed_by_another() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let first = fleet.start("scheduler-0", ["scheduler", "--every", "100ms"]);
    let leader = async |fleet: &Fleet| Some(fleet.store.leases("scheduler/").await.unwrap().pop()?.holder);
    let dead = fleet.until("somebody leads", leader).await;
    let _second = fleet.start("scheduler-1", ["scheduler", "--every", "100ms"]);
    first.kill();
    let heir =
        fleet.until("another leads", async |fleet| leader(fleet).await.filter(|now| *now != dead)).await;
    assert!(heir.starts_with("scheduler@"), "{heir}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tick_and_a_worker_that_ends_when_idle_do_all_the_work() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    let video = tokio::task::spawn_blocking(street).await.unwrap();
    let id = fleet.street("gate", &video, 15).await;
    // Both at once do no harm.
    let (one, other) = tokio::join!(fleet.ok(["scheduler", "--once"]), fleet.ok(["scheduler", "--once"]));
    assert!(one.contains("2 jobs due") && other.contains("2 jobs due"), "{one}{other}");
    let lanes = ["worker", "--lanes", "detect,count", "--exit-when-idle", "1s"];
    assert!(fleet.start("worker", lanes).wait().await);
    fleet.ok(["scheduler", "--once"]).await;
    assert!(fleet.start("worker", lanes).wait().await);
    let passes = fleet.store.passes(Some(id)).await.unwrap();
    assert_eq!(passes[0].next.0, 2);
    assert!(tokio::time::timeout(Duration::from_secs(60), fleet.ok(["verify", "gate"])).await.is_ok());
}
