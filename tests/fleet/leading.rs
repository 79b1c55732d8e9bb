//! Of what everybody shares, the scheduler that leads tells, and nobody else.

use crate::{
    fleet::{Fleet, free_port, http_get},
    servers::Broker,
};

/// What is told of what everybody shares, by the process at `port`; `None` while it does not answer.
fn told_of_all(port: u16) -> Option<Vec<String>> {
    let answer = http_get(port, "/metrics").ok()?;
    let shared = ["camcount_lane_", "camcount_camera_segments_behind", "camcount_partitions_"];
    let told = answer.lines().filter(|line| shared.iter().any(|name| line.starts_with(name)));
    Some(told.map(str::to_owned).collect())
}

fn leads(port: u16) -> Option<bool> {
    let answer = http_get(port, "/metrics").ok()?;
    let told = answer.lines().find_map(|line| line.strip_prefix("camcount_scheduler_leads "))?;
    Some(told == "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_leadership_tells_no_more_of_what_all_share() {
    let Some(fleet) = Fleet::new(Broker::Nats).await else { return };
    fleet.ok(["partitions", "ensure"]).await;
    let ports = [free_port(), free_port()];
    let start = |n: usize| {
        let listen = format!("127.0.0.1:{}", ports[n]);
        fleet.start(&format!("scheduler-{n}"), ["scheduler", "--every", "100ms", "--listen", &listen])
    };
    let tells_all = async |n: usize| {
        fleet
            .until("the leader tells of all lanes and of months", async |_| {
                let told = told_of_all(ports[n])?;
                let lanes = told.iter().filter(|line| line.starts_with("camcount_lane_oldest_seconds"));
                let months = told.iter().any(|line| line.starts_with("camcount_partitions_headroom_months"));
                let desired = told.iter().any(|line| line.starts_with("camcount_lane_desired_workers"));
                (lanes.count() == 5 && months && desired && leads(ports[n])?).then_some(())
            })
            .await;
    };
    let first = start(0);
    tells_all(0).await;
    let second = start(1);
    fleet.until("the second one waits", async |_| (!leads(ports[1])?).then_some(())).await;
    assert_eq!(told_of_all(ports[1]).unwrap(), [""; 0]);

    // It stands still for so long that another takes over, and then finds out.
    first.freeze(true);
    tells_all(1).await;
    first.freeze(false);
    fleet.until("the first one knows", async |_| (!leads(ports[0])?).then_some(())).await;
    assert_eq!(told_of_all(ports[0]).unwrap(), [""; 0]);

    // It leads again, and tells again.
    assert!(second.end().await);
    tells_all(0).await;
}
