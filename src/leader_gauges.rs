//! What only the scheduler that leads tells: how everybody's lanes, cameras and months are doing.

use std::sync::{Arc, Mutex, PoisonError};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// Gauges of a term of leadership, served beside those of the process. They go when the term ends, so that two replicas
/// never tell two stories of one lane.
#[derive(Clone, Default)]
pub(crate) struct LeaderGauges(Arc<Mutex<Option<PrometheusRecorder>>>);

impl LeaderGauges {
    /// Sets what `tell` sets, in the term that is or begins now.
    pub(crate) fn tell(&self, tell: impl FnOnce()) {
        let mut term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = term.get_or_insert_with(|| PrometheusBuilder::new().build_recorder());
        metrics::with_local_recorder(recorder, tell);
    }

    /// Ends the term: another leads, or may.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// As Prometheus reads them; empty out of term.
    pub(crate) fn render(&self) -> String {
        let term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        term.as_ref().map(|recorder| recorder.handle().render()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_leader_told_goes_with_its_term() {
        let gauges = LeaderGauges::default();
        let served = gauges.clone();
        gauges.tell(|| metrics::gauge!("depth", "lane" => "detect").set(7.0));
        gauges.tell(|| metrics::gauge!("months").set(3.0));
        let told = served.render();
        assert!(told.contains("depth{lane=\"detect\"} 7") && told.contains("months 3"), "{told}");
        gauges.end();
        assert_eq!(served.render(), "");
        gauges.tell(|| metrics::gauge!("months").set(2.0));
        assert!(!served.render().contains("depth"), "a new term knows nothing of the one before");
    }
}
