use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use camcount_domain::{Camera, FrameSize, Rate, rules::RulesDraft};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use servers::{Broker, STUCK, Server};

use super::*;

#[path = "../../jobs/queue/tests/lanes/servers.rs"]
#[allow(dead_code, reason = "the brokers' own tests use the rest")]
mod servers;

/// A line that no short number tells.
fn rules(name: &str) -> Ruleset {
    let line = format!("{name}: 0.36979166666666669,0.9 -> 0.37,0.56111111111111112");
    let draft = RulesDraft { lines: vec![line.parse().unwrap()], ..RulesDraft::default() };
    draft.resolve(FrameSize { width: 960, height: 540 }).unwrap()
}

fn detector() -> Detector {
    Detector {
        name: "motion".to_owned(),
        sha256: String::new(),
        layout: "motion".to_owned(),
        settings: "threshold 5".to_owned(),
        rate: Rate { millihertz: 10_000 },
        classes: vec!["object".to_owned()],
    }
}

fn entry(name: &str) -> CameraEntry {
    CameraEntry {
        camera: Camera { id: CameraId::of_footage(name), name: name.to_owned(), start_known: true },
        source: "rtsp://10.0.0.7/stream".to_owned(),
        enabled: true,
        location: Some("the \"door\"".to_owned()),
        gps: None,
        tags: BTreeSet::from(["in".to_owned()]),
        time_zone: "Asia/Tokyo".to_owned(),
        settings: serde_json::json!({"timeout": 5}),
        last_seen: None,
    }
}

/// A store that knows a door, a detector and a gate, and how often it was asked.
#[derive(Default)]
struct Known {
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Known {
    async fn camera(&self, id: CameraId) -> Result<Option<CameraEntry>, StoreError> {
        self.asked.fetch_add(1, Relaxed);
        Ok(Some(entry("gate")).filter(|entry| entry.camera.id == id))
    }

    async fn detector(&self, version: &DetectorVersion) -> Result<Detector, StoreError> {
        self.asked.fetch_add(1, Relaxed);
        Some(detector())
            .filter(|detector| detector.version() == *version)
            .ok_or_else(|| StoreError::NoDetector(version.clone()))
    }

    async fn ruleset(&self, version: &RulesetVersion) -> Result<Ruleset, StoreError> {
        self.asked.fetch_add(1, Relaxed);
        Some(rules("door"))
            .filter(|rules| rules.version() == *version)
            .ok_or_else(|| StoreError::NoRuleset(version.clone()))
    }
}

/// What a process has: a connection of its own, and a store.
struct Process {
    cache: RegistryCache,
    known: Arc<Known>,
}

impl Process {
    fn beside(server: &Server) -> Self {
        let known = Arc::<Known>::default();
        let cache = Cache::at(&server.url(), "test").unwrap();
        Self { cache: RegistryCache::new(Arc::clone(&known) as Arc<dyn Lookup>, cache), known }
    }

    fn asked(&self) -> usize {
        self.known.asked.load(Relaxed)
    }

    async fn door(&self) {
        assert_eq!(self.cache.ruleset(&rules("door").version()).await.unwrap(), rules("door"));
    }

    /// Looks up until the store is not asked, with the right answer always. Machines that are busy take their time.
    async fn until_hit(&self, look_up: impl AsyncFn()) {
        let hit = async {
            let mut before = usize::MAX;
            while before != self.asked() {
                before = self.asked();
                look_up().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(STUCK, hit).await.expect("never found in Redis");
    }
}

/// The first line of Redis's answer.
fn redis(server: &Server, command: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    write!(stream, "*{}\r\n", command.len()).unwrap();
    for word in command {
        write!(stream, "${}\r\n", word.len()).unwrap();
        stream.write_all(&[word, &b"\r\n"[..]].concat()).unwrap();
    }
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(!answer.starts_with('-'), "{answer}");
    answer.trim_end().to_owned()
}

fn told(metrics: &PrometheusRecorder, kind: &str, result: &str) -> usize {
    let metric = format!("camcount_registry_cache_reads_total{{kind=\"{kind}\",result=\"{result}\"}} ");
    let text = metrics.handle().render();
    text.lines().find_map(|line| line.strip_prefix(&metric)).map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn what_one_has_looked_up_another_finds_until_redis_is_flushed() {
    let metrics = PrometheusBuilder::new().build_recorder();
    let _told_here = metrics::set_default_local_recorder(&metrics);
    let server = Server::start(Broker::Redis).await;
    let [one, other] = [(); 2].map(|()| Process::beside(&server));
    one.until_hit(async || one.door().await).await;
    other.until_hit(async || other.door().await).await;
    assert!(one.asked() > 0, "it came from somewhere");
    let (before, missed) = (one.asked(), told(&metrics, "ruleset", "miss"));
    assert_eq!(redis(&server, &[b"FLUSHALL"]), "+OK");
    one.door().await;
    assert_eq!(one.asked(), before + 1, "what is lost is read from the store");
    one.until_hit(async || one.door().await).await;
    other.until_hit(async || other.door().await).await;
    assert!(told(&metrics, "ruleset", "hit") >= 4);
    assert!(told(&metrics, "ruleset", "miss") > missed);
    let not_hit = told(&metrics, "ruleset", "miss") + told(&metrics, "ruleset", "failed");
    assert_eq!(not_hit, one.asked() + other.asked(), "whatever is no hit is read from the store");

    let unknown = rules("window").version();
    for _ in 0..2 {
        let error = one.cache.ruleset(&unknown).await.unwrap_err();
        assert!(
            matches!(error, StoreError::NoRuleset(version) if version == unknown),
            "and nothing is kept of it"
        );
    }
}

#[tokio::test]
async fn every_kind_is_kept_for_as_long_as_it_may_be_believed() {
    let server = Server::start(Broker::Redis).await;
    let process = Process::beside(&server);
    let [gate, nobody] = ["gate", "nobody"].map(CameraId::of_footage);
    process
        .until_hit(async || {
            assert_eq!(process.cache.detector(&detector().version()).await.unwrap(), detector());
        })
        .await;
    process
        .until_hit(async || {
            assert_eq!(process.cache.camera(gate).await.unwrap(), Some(entry("gate")));
        })
        .await;
    process.until_hit(async || assert_eq!(process.cache.camera(nobody).await.unwrap(), None)).await;
    for (key, kept_s) in [
        (format!("test:registry:detector:{}", detector().version().0), 24 * 3600),
        (format!("test:registry:camera:{gate}"), 60),
        (format!("test:registry:camera:{nobody}"), 60),
    ] {
        let left_ms: i64 = redis(&server, &[b"PTTL", key.as_bytes()])[1..].parse().unwrap();
        assert!(left_ms > 0 && left_ms <= kept_s * 1_000, "{key} goes in {left_ms} ms");
    }
}

#[tokio::test]
async fn rubbish_is_not_believed_and_does_not_stay() {
    let server = Server::start(Broker::Redis).await;
    let process = Process::beside(&server);
    let key = format!("test:registry:ruleset:{}", rules("door").version().0);
    let set = |value: &[u8]| redis(&server, &[b"SET", key.as_bytes(), value]);
    let other = serde_json::to_vec(&rules("window")).unwrap();
    for rubbish in [&b"rubbish"[..], b"", b"null", b"{}", b"\xff\0", &other] {
        set(rubbish);
        let before = process.asked();
        process.until_hit(async || process.door().await).await;
        assert!(process.asked() > before, "{rubbish:?} was believed");
    }
    redis(&server, &[b"DEL", key.as_bytes()]);
    redis(&server, &[b"HSET", key.as_bytes(), b"a", b"b"]);
    process.until_hit(async || process.door().await).await;
    assert_eq!(redis(&server, &[b"TYPE", key.as_bytes()]), "+string");

    let gate = CameraId::of_footage("gate");
    let key = format!("test:registry:camera:{gate}");
    let yard = serde_json::to_vec(&entry("yard")).unwrap();
    redis(&server, &[b"SET", key.as_bytes(), &yard]);
    process
        .until_hit(async || assert_eq!(process.cache.camera(gate).await.unwrap(), Some(entry("gate"))))
        .await;
}

#[tokio::test]
async fn a_redis_that_is_away_or_does_not_answer_delays_nobody() {
    let metrics = PrometheusBuilder::new().build_recorder();
    let _told_here = metrics::set_default_local_recorder(&metrics);
    let mut server = Server::start(Broker::Redis).await;
    let process = Process::beside(&server);
    process.until_hit(async || process.door().await).await;

    server.stall();
    let (began, before) = (Instant::now(), process.asked());
    for _ in 0..200 {
        process.door().await;
    }
    // One in five seconds waits for a quarter of one.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(process.asked(), before + 200);
    assert!(told(&metrics, "ruleset", "failed") >= 200);
    server.go_on();
    process.until_hit(async || process.door().await).await;

    server.kill();
    let before = process.asked();
    for _ in 0..200 {
        process.door().await;
    }
    assert_eq!(process.asked(), before + 200);
    server.restart_empty().await;
    process.until_hit(async || process.door().await).await;
}

#[tokio::test]
async fn a_redis_that_takes_nothing_is_still_read() {
    let server = Server::start(Broker::Redis).await;
    let process = Process::beside(&server);
    process.until_hit(async || process.door().await).await;
    redis(&server, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    for _ in 0..3 {
        assert_eq!(process.cache.detector(&detector().version()).await.unwrap(), detector());
    }
    process.until_hit(async || process.door().await).await;
}
