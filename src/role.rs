//! What every role that runs for long has: a web server for probes and metrics, and its place among the others.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, extract::State, http::StatusCode, routing::get};
use camcount_domain::Lane;
use camcount_queue::Queue;
use camcount_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    cli::Misuse, config::Config, exposition, interrupt, leader_gauges::LeaderGauges, wiring::Wiring,
};

/// What probes are answered from.
struct Probed {
    metrics: PrometheusHandle,
    leader: LeaderGauges,
    wired: OnceLock<(Arc<dyn Store>, Arc<dyn Queue>)>,
    /// Why nothing is wired yet.
    trouble: Mutex<String>,
}

/// A running role. Its web server ends with it.
pub(crate) struct Role {
    /// A name that no other process has.
    pub name: String,
    /// What is told while this process leads.
    pub leader: LeaderGauges,
    store: Arc<dyn Store>,
    _server: Option<AbortOnDropHandle<()>>,
    _presence: AbortOnDropHandle<()>,
}

/// What the leases begin with that say that a process is there.
pub(crate) const PROCESSES: &str = "process/";

/// How often a process says that it is there.
pub(crate) const PRESENT_EVERY: Duration = Duration::from_secs(5);

impl Role {
    /// Begins to serve as `kind`, a word like worker, and connects to what it shares with others: again and again, until
    /// it is there. Whatever is away, not set up yet or set up wrongly is somebody's to mend, and ending to be started
    /// again does not mend it. `None` when the process was asked to stop meanwhile.
    ///
    /// # Errors
    /// Where it is the command line or a setting that must be written differently, or nothing can be served.
    pub(crate) async fn begin(
        kind: &str,
        config: &Config,
        connect: impl AsyncFn(&Config) -> Result<Wiring>,
    ) -> Result<Option<(Self, Wiring)>> {
        const LONGEST: Duration = Duration::from_secs(30);
        let _heeding = interrupt::heed();
        let (probed, server) = Self::serve(config).await?;
        let mut wait = Duration::from_secs(1);
        loop {
            let connected = tokio::select! {
                connected = connect(config) => connected,
                () = interrupt::asked(1) => return Ok(None),
            };
            match connected {
                Ok(wiring) => return Ok(Some((Self::wired(kind, &wiring, &probed, server), wiring))),
                Err(error) if Misuse::is_behind(&error) => return Err(error),
                Err(error) => {
                    // At whatever level logs are: a process that only waits must say for what.
                    eprintln!("error: {error:#} (trying again in {} s)", wait.as_secs());
                    *probed.trouble.lock().unwrap_or_else(PoisonError::into_inner) = format!("{error:#}");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST),
                () = interrupt::asked(1) => return Ok(None),
            }
        }
    }

    /// As [`begin`](Self::begin), but fails when something is not there: for whoever is started again when needed.
    pub(crate) async fn begin_now(kind: &str, config: &Config) -> Result<(Self, Wiring)> {
        let wiring = Wiring::shared(config).await?;
        let (probed, server) = Self::serve(config).await?;
        Ok((Self::wired(kind, &wiring, &probed, server), wiring))
    }

    async fn serve(config: &Config) -> Result<(Arc<Probed>, Option<AbortOnDropHandle<()>>)> {
        let trouble = Mutex::new("connecting".to_owned());
        let (metrics, leader) = (exposition::begin()?, LeaderGauges::default());
        let probed = Arc::new(Probed { metrics, leader, wired: OnceLock::new(), trouble });
        let server = match config.listen {
            None => None,
            Some(address) => Some(AbortOnDropHandle::new(serve(address, Arc::clone(&probed)).await?)),
        };
        Ok((probed, server))
    }

    fn wired(kind: &str, wiring: &Wiring, probed: &Probed, server: Option<AbortOnDropHandle<()>>) -> Self {
        let store = Arc::clone(&wiring.place.store);
        // It was not set before.
        let _ = probed.wired.set((Arc::clone(&store), Arc::clone(&wiring.queue)));
        let name = process_name(kind);
        let present = tokio::spawn(be_present(Arc::clone(&store), name.clone()));
        let leader = probed.leader.clone();
        Self { name, leader, store, _server: server, _presence: AbortOnDropHandle::new(present) }
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

async fn serve(address: SocketAddr, probed: Arc<Probed>) -> Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("nothing can be served at {address}; choose another address with --listen, or none")
    })?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "serving /healthz, /readyz and /metrics");
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probed);
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "nothing is served any more");
        }
    }))
}

async fn metrics(State(probed): State<Arc<Probed>>) -> String {
    probed.metrics.render() + &probed.leader.render()
}

/// Whether what this process needs is there: with a word on what is not.
async fn ready(State(probed): State<Arc<Probed>>) -> (StatusCode, String) {
    /// Probes are asked every few seconds, and usually give up after one.
    const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
    let Some((store, queue)) = probed.wired.get() else {
        let trouble = probed.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n"));
    };
    let look = async {
        store.leases("ready/").await.map_err(|error| chain(&error))?;
        queue.depth(Lane::Upkeep).await.map_err(|error| chain(&error))?;
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
