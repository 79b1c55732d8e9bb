//! One trace for each segment, from its detection to its commits, whichever processes do them.

use camcount_domain::{CameraId, Seq, segment_trace};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// `span` as a part of the segment's trace. The trace follows from the segment, so nothing travels with jobs.
pub(crate) fn of_segment(span: Span, camera: CameraId, seq: Seq) -> Span {
    let id = segment_trace(camera, seq);
    let parent = SpanContext::new(
        TraceId::from(id),
        SpanId::from((id >> 64) as u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // Without an exporter nobody keeps traces.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    span
}
