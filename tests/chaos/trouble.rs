//! Trouble of every kind, in an order that a seed repeats.

use std::{collections::BTreeMap, time::Duration};

use camcount_domain::{Job, JobArgs, Priority};
use camcount_queue::{BrokerOptions, LeaseTiming};
use camcount_store::{Scope, Store, test_database};
use tokio::time::sleep;

use crate::{cameras::Cameras, fleet::Fleet, recording_servers::Proxy, roles::Roles};

/// Numbers that follow from a seed: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Who makes trouble.
pub(crate) struct Trouble {
    random: Random,
    /// To the broker, and to the bucket.
    lines: [Proxy; 2],
    made: BTreeMap<&'static str, u32>,
}

impl Trouble {
    pub(crate) fn new(random: Random, lines: [Proxy; 2]) -> Self {
        Self { random, lines, made: BTreeMap::new() }
    }

    /// What was done, and how often.
    pub(crate) fn told(&self) -> String {
        self.made.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ")
    }

    /// Makes one trouble, and leaves a moment to feel it.
    pub(crate) async fn strike(&mut self, fleet: &mut Fleet, roles: &mut Roles, cameras: &Cameras) {
        let role = self.random.below(roles.len());
        let what = match self.random.below(20) {
            0..=6 => {
                roles.kill(role);
                "killed"
            }
            7..=8 => {
                roles.restart(role, fleet).await;
                "restarted"
            }
            9 => {
                // Longer than its lease: it then finds that others have its work.
                roles.freeze(role, true);
                sleep(Duration::from_secs(6)).await;
                roles.freeze(role, false);
                "frozen"
            }
            10 => {
                fleet.broker.kill();
                fleet.broker.restart().await;
                "broker crashed"
            }
            11 => {
                fleet.broker.kill();
                fleet.broker.restart_empty().await;
                "broker wiped"
            }
            12 => {
                tokio::task::spawn_blocking(test_database::crash_server).await.unwrap();
                "database crashed"
            }
            13..=14 => {
                self.lines[self.random.below(2)].cut();
                "line cut"
            }
            15 => {
                let line = &self.lines[self.random.below(2)];
                line.stall(true);
                sleep(Duration::from_secs(2)).await;
                line.stall(false);
                line.cut();
                "line stalled"
            }
            16 => {
                cameras.restart_streams();
                "streams ended"
            }
            _ => {
                if push_twice(fleet, &mut self.random).await.is_none() {
                    return;
                }
                "jobs doubled"
            }
        };
        println!(
            "  {what}{}",
            if what == "killed" || what == "frozen" {
                format!(" {}", roles.name(role))
            } else {
                String::new()
            }
        );
        *self.made.entry(what).or_default() += 1;
        sleep(Duration::from_millis(200 + self.random.below(1500) as u64)).await;
        roles.all_run(fleet);
    }
}

/// Publishes what is due once more, under other keys and the last first, as a broker might that delivers twice and out of
/// order. `None` when one of those who would have to answer is just in trouble.
async fn push_twice(fleet: &Fleet, random: &mut Random) -> Option<()> {
    let timing = LeaseTiming::new(Duration::from_secs(4), Duration::from_secs(4) / 3).unwrap();
    let options = BrokerOptions { timing, ..BrokerOptions::default() };
    let queue = camcount_queue::connect(&fleet.broker.url(), options).await.ok()?;
    let due = fleet.store.due_detections(Scope::Live, 4).await.ok()?;
    let counts = fleet.store.due_counts(Scope::Live).await.ok()?;
    let detections = due.iter().map(|job| job.to_job(Priority::Live).unwrap());
    let counts = counts.iter().map(|job| job.to_job(Priority::Live).unwrap());
    let mut jobs: Vec<Job> = detections.chain(counts).collect();
    jobs.reverse();
    for job in jobs {
        let key = format!("{}~{}", job.key, random.below(1000));
        queue.push(Job { key, ..job }).await.ok()?;
    }
    Some(())
}
