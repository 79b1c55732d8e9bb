//! What every role that runs for long has: a web server for probes and metrics, and its place among the others.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{Router, extract::State, http::StatusCode, routing::get};
use camcount_domain::Lane;
use camcount_queue::Queue;
use camcount_store::Store;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::task::AbortOnDropHandle;

use crate::{config::Config, wiring::Wiring};

/// What probes are answered with.
struct Probed {
    store: Arc<dyn Store>,
    queue: Arc<dyn Queue>,
    metrics: PrometheusHandle,
}

/// A running role. Its web server ends with it.
pub(crate) struct Role {
    /// A name that no other process has.
    pub name: String,
    store: Arc<dyn Store>,
    _server: Option<AbortOnDropHandle<()>>,
    _presence: AbortOnDropHandle<()>,
}

/// What the leases begin with that say that a process is there.
pub(crate) const PROCESSES: &str = "process/";

/// How often a process says that it is there.
pub(crate) const PRESENT_EVERY: Duration = Duration::from_secs(5);

impl Role {
    /// Starts serving as `kind`, a word like worker.
    pub(crate) async fn start(kind: &str, wiring: &Wiring, config: &Config) -> Result<Self> {
        let metrics = record_metrics()?;
        let probed =
            Probed { store: Arc::clone(&wiring.place.store), queue: Arc::clone(&wiring.queue), metrics };
        let server = match config.listen {
            None => None,
            Some(address) => Some(AbortOnDropHandle::new(serve(address, probed).await?)),
        };
        let name = process_name(kind);
        let store = Arc::clone(&wiring.place.store);
        let present = tokio::spawn(be_present(Arc::clone(&store), name.clone()));
        Ok(Self { name, store, _server: server, _presence: AbortOnDropHandle::new(present) })
    }

    /// Says goodbye, so that nobody takes it for one that died.
    pub(crate) async fn leave(self) {
        // Whoever is away now forgets it later.
        let _ = self.store.drop_lease(&format!("{PROCESSES}{}", self.name), &self.name).await;
    }
}

/// Says over and over that the process is there. While the store is away nobody asks.
async fn be_present(store: Arc<dyn Store>, name: String) {
    let lease = format!("{PROCESSES}{name}");
    let mut every = tokio::time::interval(PRESENT_EVERY);
    loop {
        every.tick().await;
        if store.renew_leases(&lease, &name).await.is_ok_and(|renewed| renewed.is_empty()) {
            let _ = store.take_lease(&lease, &name, None).await;
        }
    }
}

/// `kind@HOST/PID-` and something that tells it from an earlier process of this number.
fn process_name(kind: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "host" } else { host.trim() };
    let since = crate::wall_clock::now().0;
    format!("{kind}@{host}/{}-{since:x}", std::process::id())
}

/// Seconds that jobs take, from counting a segment to looking at a minute of footage without an accelerator.
const SECONDS: [f64; 12] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

fn record_metrics() -> Result<PrometheusHandle> {
    /// The exporter wants to be reminded of tidying up its histograms.
    const TIDY: Duration = Duration::from_secs(5);
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the metrics are not as they should be")?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are recorded already")?;
    let tidied = handle.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(TIDY);
        loop {
            every.tick().await;
            tidied.run_upkeep();
        }
    });
    Ok(handle)
}

async fn serve(address: SocketAddr, probed: Probed) -> Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("nothing can be served at {address}; choose another address with --listen, or none")
    })?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "serving /healthz, /readyz and /metrics");
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(probed): State<Arc<Probed>>| probed.metrics.render()))
        .with_state(Arc::new(probed));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "nothing is served any more");
        }
    }))
}

/// Whether what this process needs is there: with a word on what is not.
async fn ready(State(probed): State<Arc<Probed>>) -> (StatusCode, String) {
    /// Probes are asked every few seconds, and usually give up after one.
    const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
    let look = async {
        probed.store.leases("ready/").await.map_err(|error| chain(&error))?;
        probed.queue.depth(Lane::Upkeep).await.map_err(|error| chain(&error))?;
        Ok::<_, String>(())
    };
    match tokio::time::timeout(ANSWERS_WITHIN, look).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(what)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store or the broker does not answer\n".to_owned()),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
