//! What every live feed must do, done by all of them; and brokers in trouble under those who listen.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use camcount_domain::CameraId;
use camcount_queue::{
    Feed, Heard, InProcessFeed, Listener,
    conformance::feed::{FeedHarness, counted},
    connect_feed,
};
use tokio::time::{sleep, timeout};

use crate::servers::{Broker, Line, STUCK, Server, url};

struct Alone;

#[async_trait]
impl FeedHarness for Alone {
    async fn ends(&self) -> [Arc<dyn Feed>; 2] {
        let feed = Arc::new(InProcessFeed::default());
        [Arc::clone(&feed) as Arc<dyn Feed>, feed]
    }
}

/// A connection each to a broker, which is there for as long as this is.
struct Apart(Server);

#[async_trait]
impl FeedHarness for Apart {
    async fn ends(&self) -> [Arc<dyn Feed>; 2] {
        [feed(&self.0.url()).await, feed(&self.0.url()).await]
    }
}

async fn feed(url: &str) -> Arc<dyn Feed> {
    connect_feed(url, "test").await.unwrap()
}

fn gate() -> CameraId {
    CameraId::of_footage("gate")
}

async fn next(listener: &mut Listener) -> Heard {
    timeout(STUCK, listener.next()).await.expect("nothing is heard")
}

/// Tells until the broker takes it.
async fn tell(feed: &Arc<dyn Feed>, seq: i64) {
    let telling = async {
        while feed.publish(&counted(gate(), seq)).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(STUCK, telling).await.expect("the broker takes nothing");
}

async fn hears(listener: &mut Listener, seq: i64) {
    assert_eq!(next(listener).await, Heard::Counted(Arc::new(counted(gate(), seq))));
}

async fn a_restart_is_told_and_survived(broker: Broker) {
    let mut server = Server::start(broker).await;
    let [teller, here] = [feed(&server.url()).await, feed(&server.url()).await];
    let mut listener = here.listen(gate()).await.unwrap();
    tell(&teller, 0).await;
    hears(&mut listener, 0).await;
    for seq in 1..3 {
        server.kill();
        let noticed = async {
            while teller.publish(&counted(gate(), -1)).await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(STUCK, noticed).await.expect("nobody notices that the broker is gone");
        server.restart().await;
        // What was on its way may be lost or come late.
        let late = Heard::Counted(Arc::new(counted(gate(), -1)));
        let mut missed = next(&mut listener).await;
        while missed == late {
            missed = next(&mut listener).await;
        }
        assert_eq!(missed, Heard::Missed);
        tell(&teller, seq).await;
        let mut heard = next(&mut listener).await;
        while heard == late {
            heard = next(&mut listener).await;
        }
        assert_eq!(heard, Heard::Counted(Arc::new(counted(gate(), seq))));
    }
}

async fn a_cut_line_is_told_and_survived(broker: Broker) {
    let server = Server::start(broker).await;
    let mut line = Line::to(server.port).await;
    let [teller, here] = [feed(&server.url()).await, feed(&url(broker, line.port)).await];
    let mut listener = here.listen(gate()).await.unwrap();
    line.cut().await;
    tell(&teller, 0).await;
    line.mend().await;
    assert_eq!(next(&mut listener).await, Heard::Missed);
    tell(&teller, 1).await;
    hears(&mut listener, 1).await;
}

async fn a_stalled_broker_holds_up_nobody_for_long(broker: Broker) {
    let server = Server::start(broker).await;
    let here = feed(&server.url()).await;
    let mut listener = here.listen(gate()).await.unwrap();
    server.stall();
    let asked = Instant::now();
    // NATS takes what fits into the connection.
    let _ = here.publish(&counted(gate(), 0)).await;
    assert!(here.listen(gate()).await.is_err(), "nobody confirms it");
    assert!(asked.elapsed() < Duration::from_secs(30), "it waits for {:?}", asked.elapsed());
    server.go_on();
    tell(&here, 1).await;
    // What nobody waited for any more may still come before.
    let last = Heard::Counted(Arc::new(counted(gate(), 1)));
    while next(&mut listener).await != last {}
}

async fn what_cannot_be_read_is_missed(broker: Broker) {
    let server = Server::start(broker).await;
    let here = feed(&server.url()).await;
    let mut listener = here.listen(gate()).await.unwrap();
    for payload in ["", "{\"kind\":\"segment-counted.v9\"}"] {
        match broker {
            Broker::Nats => {
                let nats = async_nats::connect(server.url()).await.unwrap();
                nats.publish(format!("test.feed.{}", gate()), payload.into()).await.unwrap();
                nats.flush().await.unwrap();
            }
            Broker::Redis => {
                let client = redis::Client::open(server.url()).unwrap();
                let mut redis = client.get_multiplexed_async_connection().await.unwrap();
                let mut publish = redis::cmd("PUBLISH");
                publish.arg(format!("test:feed:{}", gate())).arg(payload);
                let heard_by: i64 = publish.query_async(&mut redis).await.unwrap();
                assert_eq!(heard_by, 1);
                // A wipe takes no listener away.
                let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
            }
        }
        assert_eq!(next(&mut listener).await, Heard::Missed);
    }
    tell(&here, 1).await;
    hears(&mut listener, 1).await;
}

mod in_process {
    camcount_queue::feed_conformance! { super::Alone, #[tokio::test] }
}

macro_rules! both {
    ($($rule:ident)*) => {
        mod nats {
            use crate::servers::{Broker, Server};
            camcount_queue::feed_conformance! { super::Apart(Server::start(Broker::Nats).await), #[tokio::test] }
            $(#[tokio::test] async fn $rule() { super::$rule(Broker::Nats).await; })*
        }
        mod redis_pub_sub {
            use crate::servers::{Broker, Server};
            camcount_queue::feed_conformance! { super::Apart(Server::start(Broker::Redis).await), #[tokio::test] }
            $(#[tokio::test] async fn $rule() { super::$rule(Broker::Redis).await; })*
        }
    };
}

both! {
    a_restart_is_told_and_survived
    a_cut_line_is_told_and_survived
    a_stalled_broker_holds_up_nobody_for_long
    what_cannot_be_read_is_missed
}
