//! Counters in a real Redis: each segment once, whoever tells of it; and what is lost is put there again.

use camcount_domain::{
    CameraId, InOut, LineBucket, LiveCounts, MediaSpan, MediaTime, SegmentCounted, Taken, ZoneInside,
};
use camcount_queue::{Counters, Day, conformance::feed};
use futures::future::join_all;

use crate::servers::{Broker, Server};

/// Names may be any text.
const LINE: &str = "the \"door\", für alle";

fn day() -> Day {
    Day {
        name: "1970-01-01T00:00:00+00:00".to_owned(),
        span: MediaSpan { start: MediaTime(0), end: MediaTime(1_000) },
    }
}

fn counted(seq: i64) -> SegmentCounted {
    let bucket = |start, class: &str| LineBucket {
        line: LINE.to_owned(),
        class: class.to_owned(),
        start: MediaTime(start),
        count_in: 2,
        count_out: 0,
    };
    SegmentCounted {
        // The last one starts another day.
        lines: vec![bucket(seq, "person"), bucket(seq, "car"), bucket(1_000, "car")],
        zones: vec![ZoneInside { zone: "hall".to_owned(), inside: (seq > 2).then_some(seq) }],
        ..feed::counted(CameraId::of_footage("gate"), seq)
    }
}

/// What counts hold with these segments.
fn after(segments: i64) -> LiveCounts {
    let mut counts = LiveCounts::before(counted(0).seq);
    for seq in 0..segments {
        assert_eq!(counts.take(&counted(seq), day().span), Taken::Now);
    }
    counts
}

async fn wipe(server: &Server) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
}

#[tokio::test]
async fn each_segment_is_added_once_and_what_is_lost_is_put_again() {
    let server = Server::start(Broker::Redis).await;
    let counters = Counters::at(&server.url(), "test").unwrap();
    let pass = counted(0).pass;
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), None);
    assert_eq!(counters.add(&counted(0), &day()).await.unwrap(), Taken::Ahead, "nothing is there to add to");
    counters.put(&pass, &day(), &after(1)).await.unwrap();
    for seq in 1..5 {
        let added = join_all((0..4).map(async |_| counters.add(&counted(seq), &day()).await.unwrap())).await;
        assert_eq!(added.iter().filter(|taken| **taken == Taken::Now).count(), 1, "{added:?}");
        assert_eq!(added.iter().filter(|taken| **taken == Taken::Before).count(), 3, "{added:?}");
        assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(seq + 1)));
    }
    let car = (LINE.to_owned(), "car".to_owned());
    assert_eq!(after(5).lines[&car], InOut { count_in: 10, count_out: 0 });

    assert_eq!(counters.add(&counted(6), &day()).await.unwrap(), Taken::Ahead, "one is missing");
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(5)), "nothing was added");
    counters.put(&pass, &day(), &after(3)).await.unwrap();
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(5)), "later ones stay");
    counters.put(&pass, &day(), &after(7)).await.unwrap();
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(7)));
    let other = Day { name: "1970-01-02T00:00:00+00:00".to_owned(), ..day() };
    assert_eq!(counters.read(&pass, &other).await.unwrap(), None, "days are apart");

    wipe(&server).await;
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), None);
    assert_eq!(counters.add(&counted(7), &day()).await.unwrap(), Taken::Ahead);
    counters.put(&pass, &day(), &after(8)).await.unwrap();
    assert_eq!(counters.add(&counted(8), &day()).await.unwrap(), Taken::Now);
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(9)));
}

#[tokio::test]
async fn a_redis_that_is_away_is_said_and_found_again() {
    let mut server = Server::start(Broker::Redis).await;
    let counters = Counters::at(&server.url(), "test").unwrap();
    let pass = counted(0).pass;
    counters.put(&pass, &day(), &after(1)).await.unwrap();
    server.kill();
    let error = counters.read(&pass, &day()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("could not read counters; check that Redis at 127.0.0.1:"),
        "{error}"
    );
    server.restart_empty().await;
    let mut back = counters.put(&pass, &day(), &after(2)).await;
    while back.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        back = counters.put(&pass, &day(), &after(2)).await;
    }
    assert_eq!(counters.read(&pass, &day()).await.unwrap(), Some(after(2)));
    let refused = Counters::at("nats://127.0.0.1:4222", "test").err().unwrap();
    assert!(refused.to_string().contains("counters are in Redis"), "{refused}");
}
