//! What every live feed must do, as tests. An adapter's test file names a [`FeedHarness`] and calls
//! [`feed_conformance!`](crate::feed_conformance).

use std::sync::Arc;

use async_trait::async_trait;
use camcount_domain::{
    CameraId, DetectorVersion, MediaSpan, MediaTime, PassId, RulesetVersion, SegmentCounted, Seq,
};
use tokio::time::timeout;

use super::STUCK;
use crate::{FEED_CAPACITY, Feed, Heard, Listener};

/// How the suite gets its feeds.
#[async_trait]
pub trait FeedHarness: Send + Sync + 'static {
    /// A new feed, as one who tells and one who listens have it, wherever they are.
    async fn ends(&self) -> [Arc<dyn Feed>; 2];
}

/// Defines one test a rule, over a harness and with the attributes that make a function a test.
///
/// ```ignore
/// feed_conformance! { MyHarness::start(), #[tokio::test] }
/// ```
#[macro_export]
macro_rules! feed_conformance {
    (@each [$harness:expr] [$($attr:tt)+]) => {};
    (@each [$harness:expr] [$($attr:tt)+] $rule:ident $($rest:ident)*) => {
        $($attr)+
        async fn $rule() {
            $crate::conformance::feed::$rule(&$harness).await;
        }
        $crate::feed_conformance! { @each [$harness] [$($attr)+] $($rest)* }
    };
    ($harness:expr, $($attr:tt)+) => {
        $crate::feed_conformance! { @each [$harness] [$($attr)+]
            listeners_hear_all_of_their_camera_and_in_order
            listening_begins_at_once
            telling_nobody_is_fine
            whoever_is_too_slow_is_told_so_and_holds_up_nobody
        }
    };
}

/// A made-up segment of a camera.
#[must_use]
pub fn counted(camera: CameraId, seq: i64) -> SegmentCounted {
    SegmentCounted {
        camera,
        pass: PassId("pass".to_owned()),
        ruleset: RulesetVersion("rules@1".to_owned()),
        detector: DetectorVersion("motion@1".to_owned()),
        seq: Seq(seq),
        span: MediaSpan { start: MediaTime(seq), end: MediaTime(seq + 1) },
        lines: Vec::new(),
        zones: Vec::new(),
        coverage: Vec::new(),
    }
}

fn camera(name: &str) -> CameraId {
    CameraId::of_footage(name)
}

async fn tell(feed: &dyn Feed, name: &str, seq: i64) {
    feed.publish(&counted(camera(name), seq)).await.unwrap();
}

async fn hear(listener: &mut Listener) -> Heard {
    timeout(STUCK, listener.next()).await.expect("something was told, and nobody hears it")
}

async fn hear_segment(listener: &mut Listener, name: &str, seq: i64) {
    assert_eq!(hear(listener).await, Heard::Counted(Arc::new(counted(camera(name), seq))));
}

/// Whoever listens to a camera hears all that is told of it, as it was told, and nothing of others.
pub async fn listeners_hear_all_of_their_camera_and_in_order(harness: &impl FeedHarness) {
    let [teller, feed] = harness.ends().await;
    let mut gate = [feed.listen(camera("gate")).await.unwrap(), feed.listen(camera("gate")).await.unwrap()];
    let mut yard = feed.listen(camera("yard")).await.unwrap();
    for seq in 0..20 {
        tell(&*teller, "gate", seq).await;
        tell(&*teller, "yard", 100 + seq).await;
    }
    for seq in 0..20 {
        for listener in &mut gate {
            hear_segment(listener, "gate", seq).await;
        }
        hear_segment(&mut yard, "yard", 100 + seq).await;
    }
}

/// What is told as soon as listening has begun is heard.
pub async fn listening_begins_at_once(harness: &impl FeedHarness) {
    let [teller, feed] = harness.ends().await;
    for seq in 0..20 {
        let mut listener = feed.listen(camera("gate")).await.unwrap();
        tell(&*teller, "gate", seq).await;
        hear_segment(&mut listener, "gate", seq).await;
    }
}

/// Nobody has to listen, and whoever has stopped is no trouble.
pub async fn telling_nobody_is_fine(harness: &impl FeedHarness) {
    let [teller, feed] = harness.ends().await;
    tell(&*teller, "gate", 0).await;
    let listener = feed.listen(camera("gate")).await.unwrap();
    drop(listener);
    for seq in 1..10 {
        tell(&*teller, "gate", seq).await;
    }
    let mut listener = feed.listen(camera("gate")).await.unwrap();
    tell(&*teller, "gate", 10).await;
    // What was told before may still have been on its way.
    let last = Heard::Counted(Arc::new(counted(camera("gate"), 10)));
    while hear(&mut listener).await != last {}
}

/// A listener that does not keep up is told that it missed some, hears what comes after, and delays no other.
pub async fn whoever_is_too_slow_is_told_so_and_holds_up_nobody(harness: &impl FeedHarness) {
    let [teller, feed] = harness.ends().await;
    let mut slow = feed.listen(camera("gate")).await.unwrap();
    let mut quick = feed.listen(camera("gate")).await.unwrap();
    let (mut told, mut last) = (0, -1);
    loop {
        for seq in told..told + FEED_CAPACITY as i64 * 2 {
            tell(&*teller, "gate", seq).await;
            hear_segment(&mut quick, "gate", seq).await;
        }
        told += FEED_CAPACITY as i64 * 2;
        // What the quick one has heard may still be on its way to the slow one.
        match hear(&mut slow).await {
            Heard::Missed => break,
            Heard::Counted(counted) => last = counted.seq.0,
        }
        assert!(told < 100 * FEED_CAPACITY as i64, "the slow one never misses any");
    }
    while last < told - 1 {
        match hear(&mut slow).await {
            Heard::Counted(counted) => {
                assert!(counted.seq.0 > last, "{} after {last}", counted.seq);
                last = counted.seq.0;
            }
            Heard::Missed => {}
        }
    }
    tell(&*teller, "gate", told).await;
    hear_segment(&mut slow, "gate", told).await;
}
