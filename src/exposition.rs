//! How metrics are kept until Prometheus asks for them.

use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;

/// Seconds that jobs take, from counting a segment to looking at a minute of footage without an accelerator.
const SECONDS: [f64; 12] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// For how long a gauge is told after it was set last. The rarest are set every minute; what is not set any more, like those
/// of a camera that another process has taken over, is not known here.
const GAUGES_LAST: Duration = Duration::from_secs(150);

/// Begins to record all metrics of this process.
///
/// # Errors
/// When they are recorded already.
pub(crate) fn begin() -> Result<PrometheusHandle> {
    /// The exporter wants to be reminded of tidying up its histograms.
    const TIDY: Duration = Duration::from_secs(5);
    let recorder = recorder(GAUGES_LAST)?;
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

fn recorder(gauges_last: Duration) -> Result<PrometheusRecorder> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the metrics are not as they should be")?;
    Ok(builder.idle_timeout(MetricKindMask::GAUGE, Some(gauges_last)).build_recorder())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn gauges_that_nobody_sets_are_forgotten_and_counters_stay() {
        let last = Duration::from_millis(20);
        let recorder = recorder(last).unwrap();
        let told = || recorder.handle().render();
        let set = Instant::now();
        metrics::with_local_recorder(&recorder, || {
            metrics::gauge!("depth").set(7.0);
            metrics::counter!("jobs").increment(1);
        });
        assert!(told().contains("depth 7"));
        while told().contains("depth 7") {
            metrics::with_local_recorder(&recorder, || metrics::gauge!("steady").set(1.0));
            std::thread::yield_now();
        }
        assert!(set.elapsed() >= last && told().contains("jobs 1") && told().contains("steady 1"));
    }
}
