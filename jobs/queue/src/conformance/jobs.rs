//! Rules about jobs: what a queue holds, and for how long.

use std::time::Duration;

use camcount_domain::{Job, Lane};
use tokio::time::{Instant, timeout};

use super::{Harness, LANE, STUCK, job, lease, nothing_is_due, push, settle};
use crate::{Pushed, QueueError, Standing, Verdict};

/// A job that is done is not leased again.
pub async fn done_jobs_are_gone(harness: &impl Harness) {
    let queue = harness.queue().await;
    assert_eq!(push(&*queue, "a").await, Pushed::New);
    let leased = lease(&*queue).await;
    assert_eq!((leased.job.clone(), leased.attempt), (job("a"), 1));
    settle(&*queue, &leased, Verdict::Done).await;
    harness.advance(queue.timing().lease()).await;
    nothing_is_due(harness, &*queue).await;
}

/// Jobs come in the order in which they were pushed.
pub async fn first_in_is_first_out(harness: &impl Harness) {
    let queue = harness.queue().await;
    for n in 0..20 {
        push(&*queue, &n.to_string()).await;
    }
    for n in 0..20 {
        let leased = lease(&*queue).await;
        assert_eq!(leased.job, job(&n.to_string()));
        settle(&*queue, &leased, Verdict::Done).await;
    }
}

/// A job is leased from its own lane only.
pub async fn lanes_are_apart(harness: &impl Harness) {
    let queue = harness.queue().await;
    queue.push(Job { lane: Lane::Count, ..job("a") }).await.unwrap();
    nothing_is_due(harness, &*queue).await;
    let leased = timeout(STUCK, queue.lease(Lane::Count)).await.unwrap().unwrap();
    assert_eq!(leased.job.lane, Lane::Count);
    settle(&*queue, &leased, Verdict::Done).await;
}

/// A second push of a waiting job changes nothing.
pub async fn a_waiting_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    let _running = lease(&*queue).await;
    nothing_is_due(harness, &*queue).await;
}

/// A second push of a running job changes nothing, also not when the first is done.
pub async fn a_running_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    settle(&*queue, &leased, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// A second push of a delayed job changes nothing, and does not bring it forward.
pub async fn a_delayed_job_is_held_once(harness: &impl Harness) {
    let queue = harness.queue().await;
    let wait = queue.timing().lease();
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: wait }).await;
    assert_eq!(push(&*queue, "a").await, Pushed::Duplicate);
    nothing_is_due(harness, &*queue).await;
    harness.advance(wait).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    nothing_is_due(harness, &*queue).await;
}

/// The key of a job that is done is free again.
pub async fn a_done_job_may_come_again(harness: &impl Harness) {
    comes_again(harness, Verdict::Done).await;
}

/// The key of a job that was discarded is free again.
pub async fn a_discarded_job_may_come_again(harness: &impl Harness) {
    comes_again(harness, Verdict::Discard { reason: "it is hopeless".to_owned() }).await;
}

/// A key is any text: short, long, with spaces, wildcards, separators and control characters.
pub async fn keys_may_be_any_text(harness: &impl Harness) {
    let queue = harness.queue().await;
    let long = "x".repeat(2000);
    let keys = ["", " ", "a", "A", "a.b", "a.*", "a.>", "{a}:b", "a\r\nb", "\\", "\u{0}", "straße/🚗", &long];
    for key in keys {
        assert_eq!(queue.push(Job { key: key.to_owned(), ..job("") }).await.unwrap(), Pushed::New, "{key:?}");
    }
    for key in keys {
        assert_eq!(
            queue.push(Job { key: key.to_owned(), ..job("") }).await.unwrap(),
            Pushed::Duplicate,
            "{key:?}"
        );
    }
    for key in keys {
        let leased = lease(&*queue).await;
        assert_eq!(leased.job.key, key);
        settle(&*queue, &leased, Verdict::Done).await;
    }
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
}

async fn comes_again(harness: &impl Harness, verdict: Verdict) {
    let queue = harness.queue().await;
    push(&*queue, "a").await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, verdict).await;
    nothing_is_due(harness, &*queue).await;
    harness.advance(harness.remembers()).await;
    assert_eq!(push(&*queue, "a").await, Pushed::New);
    let again = lease(&*queue).await;
    assert_eq!(again.attempt, 1, "attempts start afresh");
    settle(&*queue, &again, Verdict::Done).await;
}

/// Arguments that no handler can read come through unharmed and harm nobody behind them.
pub async fn arguments_are_not_looked_at(harness: &impl Harness) {
    let queue = harness.queue().await;
    let nonsense = ["", "{", "\u{0}\u{fffd}\n\"\\ 🚗", &"x".repeat(100_000)].map(str::to_owned);
    for (n, args) in nonsense.iter().enumerate() {
        queue.push(Job { args: args.clone(), ..job(&n.to_string()) }).await.unwrap();
    }
    push(&*queue, "last").await;
    for args in &nonsense {
        let leased = lease(&*queue).await;
        assert_eq!(&leased.job.args, args);
        settle(&*queue, &leased, Verdict::Discard { reason: "unreadable:\n\"🚗\"".to_owned() }).await;
    }
    assert_eq!(lease(&*queue).await.job, job("last"));
}

/// Something that is no job is leased like one, with its text as the arguments of a kind that nobody handles.
pub async fn what_is_no_job_harms_nobody(harness: &impl Harness) {
    for payload in ["{\"no\": \"job\"}".as_bytes(), b"", b"\xff\x00"] {
        let Some(queue) = harness.queue_with(LANE, payload).await else { return };
        push(&*queue, "a").await;
        let poison = lease(&*queue).await;
        assert_eq!((poison.job.args.as_str(), poison.attempt), (&*String::from_utf8_lossy(payload), 1));
        assert_ne!(poison.job.kind, job("a").kind);
        assert_eq!(queue.extend(&poison).await.unwrap(), Standing::Held);
        settle(&*queue, &poison, Verdict::Discard { reason: "it is no job".to_owned() }).await;
        let leased = lease(&*queue).await;
        assert_eq!(leased.job, job("a"));
        settle(&*queue, &leased, Verdict::Done).await;
        assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
    }
}

/// Depth tells waiting jobs from others, and their age from the moment they became due.
pub async fn depth_counts(harness: &impl Harness) {
    let queue = harness.queue().await;
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 0);
    assert_eq!(queue.depth(LANE).await.unwrap().oldest, None);
    let pushed = Instant::now();
    for key in ["a", "b", "c", "d"] {
        push(&*queue, key).await;
    }
    let running = lease(&*queue).await;
    let delayed = lease(&*queue).await;
    settle(&*queue, &delayed, Verdict::Retry { after: queue.timing().lease() * 9 }).await;
    let wait = queue.timing().extend_every();
    harness.advance(wait).await;
    assert_eq!(queue.extend(&running).await.unwrap(), Standing::Held);
    let depth = queue.depth(LANE).await.unwrap();
    assert_eq!((depth.waiting, depth.delayed + depth.running), (2, 2), "{depth:?}");
    // A broker's clock may tick in milliseconds.
    let longest = pushed.elapsed() + Duration::from_millis(1);
    assert!(depth.oldest.is_some_and(|age| wait <= age && age <= longest), "{depth:?} after {longest:?}");
    settle(&*queue, &running, Verdict::Done).await;
    assert_eq!(queue.depth(LANE).await.unwrap().total(), 3);
    assert_eq!(queue.depth(Lane::Count).await.unwrap().total(), 0);
}

/// A full lane refuses new jobs, keeps those it has, and takes new ones when there is room again.
pub async fn a_full_lane_refuses_and_recovers(harness: &impl Harness) {
    let Some(capacity) = harness.capacity() else { return };
    let queue = harness.queue().await;
    for n in 0..capacity {
        assert_eq!(push(&*queue, &n.to_string()).await, Pushed::New);
    }
    assert!(matches!(queue.push(job("more")).await, Err(QueueError::Full { .. })));
    assert_eq!(push(&*queue, "0").await, Pushed::Duplicate, "what is held is held, full or not");
    let leased = lease(&*queue).await;
    assert!(matches!(queue.push(job("more")).await, Err(QueueError::Full { .. })), "running jobs count");
    settle(&*queue, &leased, Verdict::Retry { after: Duration::ZERO }).await;
    let leased = lease(&*queue).await;
    settle(&*queue, &leased, Verdict::Done).await;
    assert_eq!(push(&*queue, "more").await, Pushed::New);
}
