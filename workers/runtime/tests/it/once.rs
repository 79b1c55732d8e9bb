//! Exactly once: whatever the queue does and whoever dies, the counts are those of a plain fold.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use camcount_domain::{Lane, MediaSpan};
use camcount_queue::{InProcess, Queue};
use camcount_runtime::{DetectHandler, Handler, JobEnd, Workers, WorkersOptions, handlers};
use camcount_store::Store;
use tokio::{sync::broadcast::error::RecvError, time::timeout};

use crate::{
    bench::{Bench, SECOND_US, run, seconds},
    clips,
    faults::Stutter,
    tally::Tally,
};

fn options() -> WorkersOptions {
    WorkersOptions {
        slots: vec![(Lane::Detect, 2), (Lane::Count, 3)],
        longest_backoff: Duration::from_millis(1),
        drain: Duration::ZERO,
        ..WorkersOptions::default()
    }
}

/// Works until nothing is due, or until so many jobs have ended; returns whether nothing is due.
async fn work(bench: &Bench, queue: &Arc<dyn Queue>, most: usize) -> bool {
    let workers = Workers::start(queue, handlers(&bench.ports()), options());
    let mut ends = workers.ends();
    for _ in 0..most {
        if bench.publish(&**queue).await == 0 {
            workers.stop().await;
            return true;
        }
        match timeout(Duration::from_secs(60), ends.recv()).await.expect("no job ends") {
            Ok(JobEnd::GivenUp { reason, .. } | JobEnd::Deferred { reason, .. }) => panic!("{reason}"),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => panic!("the workers are gone"),
        }
    }
    // They die in the middle of their work.
    drop(workers);
    false
}

/// The first 21 s of real footage if there is any, else of made.
async fn one_file() -> Bench {
    let mut bench = Bench::new().await;
    let footage = clips::pedestrians().unwrap_or_else(|| clips::long_walk().to_owned());
    let recording = clips::recording(bench.camera, &footage, seconds(0));
    bench.store.add_recording(&recording, 4 * SECOND_US).await.unwrap();
    bench.open_pass(MediaSpan { start: seconds(0), end: seconds(21) }).await;
    bench
}

fn assert_counted(tally: &Tally) {
    assert!(tally.crossings.len() >= 3, "{:?}", tally.crossings);
    assert!(!tally.zones.is_empty() && !tally.lines.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_queue_that_stutters_and_forgets_changes_nothing() {
    let bench = one_file().await;
    let stutter = Stutter::new(Arc::new(InProcess::default()), 42);
    let queue: Arc<dyn Queue> = Arc::clone(&stutter) as Arc<dyn Queue>;
    assert!(work(&bench, &queue, usize::MAX).await);
    assert!(bench.is_finished().await);
    let tally = bench.tally().await;
    assert_counted(&tally);
    assert_eq!(tally, bench.plain_fold().await);
    let (delivered, lost) = (stutter.delivered.load(Ordering::SeqCst), stutter.lost.load(Ordering::SeqCst));
    assert!(delivered as i64 >= 2 * bench.segments && lost > 0, "{delivered} {lost}");

    // One worker, one job after the other, on another folder: the same bits.
    let plain = one_file().await;
    let handler = DetectHandler::new(plain.ports());
    for seq in 0..plain.segments {
        handler.run(plain.detection(seq), run(1)).await.unwrap();
        assert_eq!(plain.artifact(seq).await, bench.artifact(seq).await);
    }
    plain.count().await.unwrap();
    assert_eq!(plain.tally().await, tally);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_and_queues_that_die_over_and_over_change_nothing() {
    let camera = Bench::new().await.camera;
    let first = clips::recording(camera, clips::walk(), seconds(0));
    let second = clips::recording(camera, clips::small_walk(), first.span.end);
    let bench = Bench::with(&[first, second], 4 * SECOND_US).await;
    let mut lives = 0;
    loop {
        // Nothing is left of the queue of the former life either.
        let queue: Arc<dyn Queue> = Stutter::new(Arc::new(InProcess::default()), lives);
        lives += 1;
        if work(&bench, &queue, 2).await {
            break;
        }
    }
    assert!(lives > 3, "{lives}");
    assert!(bench.is_finished().await);
    let tally = bench.tally().await;
    assert_counted(&tally);
    assert_eq!(tally, bench.plain_fold().await);
    assert_eq!(tally.covered_us(), (24 * SECOND_US, 0));
}
