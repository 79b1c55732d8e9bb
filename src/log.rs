//! Logs, on stderr, as the settings want them, and traces, to wherever OpenTelemetry's own settings say.

use std::{error::Error, io::IsTerminal, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use axum::http::{Request, Response};
use bytes::Bytes;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, hyper::HyperClient};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    cli::Misuse,
    config::{Config, LogFormat},
    progress::StderrBesideBar,
};

/// Names the collector, as in every program that speaks OTLP.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What is exported goes on its way when this ends.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            // The collector is away, and so are the last spans.
            let _ = provider.shutdown();
        }
    }
}

/// Starts logging, and tracing where a collector is named.
pub(crate) fn start(config: &Config) -> Result<Traces> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| {
        Misuse(format!("the setting log is {:?}; write a level like info or debug", config.log))
    })?;
    let provider = provider()?;
    let traced = provider.as_ref().map(traced);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(StderrBesideBar::new);
    let registry = tracing_subscriber::registry().with(traced);
    match config.log_format {
        LogFormat::Text => registry.with(layer.with_target(false).with_filter(filter)).try_init()?,
        LogFormat::Json => registry.with(layer.json().with_filter(filter)).try_init()?,
    }
    Ok(Traces(provider))
}

/// Spans of our own, however quiet the logs are.
fn traced<S: Subscriber + for<'s> LookupSpan<'s>>(provider: &SdkTracerProvider) -> impl Layer<S> {
    let ours =
        ["camcount", "camcount_runtime", "camcount_scheduler", "camcount_aggregate", "camcount_rollover"];
    let filter = Targets::new().with_targets(ours.map(|target| (target, LevelFilter::INFO)));
    tracing_opentelemetry::layer().with_tracer(provider.tracer("camcount")).with_filter(filter)
}

fn provider() -> Result<Option<SdkTracerProvider>> {
    let named = |name| std::env::var(name).is_ok_and(|value: String| !value.is_empty());
    if !named(ENDPOINT) {
        return Ok(None);
    }
    /// OTLP's own default.
    const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
    let client = OnRuntime {
        runtime: Handle::current(),
        client: HyperClient::with_default_connector(ANSWERS_WITHIN, None),
    };
    let exporter =
        SpanExporter::builder().with_http().with_http_client(client).build().with_context(|| {
            Misuse(format!("traces cannot be exported; check {ENDPOINT}, like http://collector:4318"))
        })?;
    let resource = Resource::builder();
    let resource = if named("OTEL_SERVICE_NAME") { resource } else { resource.with_service_name("camcount") };
    Ok(Some(
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build(),
    ))
}

/// Requests from the exporter's thread, which is none of the runtime's.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: HyperClient,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
