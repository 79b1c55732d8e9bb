//! Upkeep is published once a time, whoever asks and whoever is killed.
#![allow(clippy::unwrap_used)] // a failed expectation is a panic

use std::sync::Arc;

use camcount_domain::{Lane, MediaTime, RollUp, WallTime};
use camcount_queue::{InProcess, Options, Queue, Standing, Verdict};
use camcount_scheduler::Upkeep;
use camcount_store::{Sqlite, UpkeepTimes};
use futures::future::join_all;

async fn store(dir: &tempfile::TempDir) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(&dir.path().join("camcount.db")).await.unwrap())
}

fn every_minute() -> Upkeep {
    Upkeep::of("* * * * *".parse().unwrap(), |due| RollUp { due_us: due.0 })
}

fn at(text: &str) -> WallTime {
    WallTime(text.parse::<MediaTime>().unwrap().0)
}

#[tokio::test]
async fn it_is_published_once_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (store, queue) = (store(&dir).await, InProcess::default());
    let upkeep = every_minute();
    assert!(upkeep.publish(&*store, &queue, at("2026-05-01T10:00:30Z")).await.unwrap());
    assert!(!upkeep.publish(&*store, &queue, at("2026-05-01T10:00:59Z")).await.unwrap());
    assert!(upkeep.publish(&*store, &queue, at("2026-05-01T10:01:00Z")).await.unwrap());
    let lease = queue.lease(Lane::Upkeep).await.unwrap();
    assert_eq!(lease.job.key, "roll-up.v1/2026-05-01T10:00:00Z");
    assert_eq!(queue.settle(&lease, Verdict::Done).await.unwrap(), Standing::Held);
    assert!(!upkeep.publish(&*store, &queue, at("2026-05-01T10:01:01Z")).await.unwrap());
}

#[tokio::test]
async fn two_schedulers_publish_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, queue) = (store(&dir).await, InProcess::default());
    let upkeep = every_minute();
    let ticks = (0..8).map(|_| upkeep.publish(&*store, &queue, at("2026-05-01T10:00:30Z")));
    let published = join_all(ticks).await.into_iter().filter(|done| *done.as_ref().unwrap()).count();
    assert_eq!(published, 1);
}

#[tokio::test]
async fn what_was_killed_before_it_noted_publishes_the_same_job_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, queue) = (store(&dir).await, InProcess::default());
    let upkeep = every_minute();
    let now = at("2026-05-01T10:00:30Z");
    assert!(upkeep.publish(&*store, &queue, now).await.unwrap());
    store.note_due("roll-up.v1", at("2026-05-01T09:59:00Z")).await.unwrap();
    assert!(!upkeep.publish(&*store, &queue, now).await.unwrap(), "the queue has it");
    assert_eq!(store.last_due("roll-up.v1").await.unwrap(), Some(at("2026-05-01T10:00:00Z")));
}

#[tokio::test]
async fn a_full_lane_gets_it_later() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let queue = InProcess::new(Options { capacity: 1, ..Options::default() });
    let upkeep = every_minute();
    assert!(upkeep.publish(&*store, &queue, at("2026-05-01T10:00:30Z")).await.unwrap());
    assert!(!upkeep.publish(&*store, &queue, at("2026-05-01T10:01:30Z")).await.unwrap());
    assert_eq!(store.last_due("roll-up.v1").await.unwrap(), Some(at("2026-05-01T10:00:00Z")));
    let lane = Lane::Upkeep;
    let lease = queue.lease(lane).await.unwrap();
    assert_eq!(queue.settle(&lease, Verdict::Done).await.unwrap(), Standing::Held);
    assert!(upkeep.publish(&*store, &queue, at("2026-05-01T10:01:40Z")).await.unwrap());
}
