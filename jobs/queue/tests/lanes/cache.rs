//! The registry cache in a real Redis.

use std::time::{Duration, Instant};

use camcount_queue::{Cache, CacheError};

use crate::servers::{Broker, STUCK, Server};

const KEPT: Duration = Duration::from_secs(60);

/// Asks until there is an answer: on a busy machine Redis may take its time.
async fn sooner_or_later<T>(ask: impl AsyncFn() -> Result<T, CacheError>) -> T {
    let answer = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(STUCK, answer).await.expect("it never answers")
}

#[tokio::test]
async fn what_is_put_there_is_read_until_its_time_is_over() {
    let server = Server::start(Broker::Redis).await;
    let [one, other] = ["test", "other"].map(|name| Cache::at(&server.url(), name).unwrap());
    let read = async |kind, id| sooner_or_later(async || one.read(kind, id).await).await;
    assert_eq!(read("ruleset", "a").await, None);
    sooner_or_later(async || one.put("ruleset", "a", b"1\xff", KEPT).await).await;
    sooner_or_later(async || one.put("ruleset", "a", b"2\xff", KEPT).await).await;
    assert_eq!(read("ruleset", "a").await.as_deref(), Some(&b"2\xff"[..]), "the last one stays");
    assert_eq!(read("detector", "a").await, None, "kinds are apart");
    assert_eq!(sooner_or_later(async || other.read("ruleset", "a").await).await, None, "and so are names");

    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let left: i64 = redis::cmd("PTTL").arg("test:registry:ruleset:a").query_async(&mut redis).await.unwrap();
    assert!(left > 0 && left <= 60_000, "it goes in {left} ms");
    sooner_or_later(async || one.put("ruleset", "a", b"3", Duration::from_secs(1)).await).await;
    while read("ruleset", "a").await.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let () =
        redis::cmd("RPUSH").arg("test:registry:ruleset:a").arg("x").query_async(&mut redis).await.unwrap();
    assert_eq!(read("ruleset", "a").await, None, "somebody else's is nothing");
    sooner_or_later(async || one.put("ruleset", "a", b"4", KEPT).await).await;
    assert_eq!(read("ruleset", "a").await.as_deref(), Some(&b"4"[..]));
}

#[tokio::test]
async fn whoever_asks_a_redis_in_trouble_is_told_soon() {
    let mut server = Server::start(Broker::Redis).await;
    let cache = Cache::at(&server.url(), "test").unwrap();
    sooner_or_later(async || cache.put("ruleset", "a", b"1", KEPT).await).await;
    server.stall();
    let began = Instant::now();
    for _ in 0..8 {
        cache.read("ruleset", "a").await.unwrap_err();
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    server.go_on();
    sooner_or_later(async || cache.read("ruleset", "a").await).await;

    server.kill();
    let error = cache.read("ruleset", "a").await.unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("could not read the registry cache; check that Redis at 127.0.0.1:"), "{said}");
    server.restart_empty().await;
    assert_eq!(sooner_or_later(async || cache.read("ruleset", "a").await).await, None);
    let refused = Cache::at("nats://127.0.0.1:4222", "test").err().unwrap();
    assert!(refused.to_string().contains("the registry cache is in Redis"), "{refused}");
}
