//! The spans of a call. The exported span is a child of the caller's: W3C Trace Context, from `traceparent` and `tracestate`.
//!
//! Format: <https://www.w3.org/TR/trace-context/>. A malformed header is ignored.

use axum::http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The methods by their names in spans and metrics. Every other path is counted under one name.
pub(super) const METHODS: [&str; 2] =
    ["billing.portal.v1.BillingPortal/CreatePortalSession", "billing.portal.v1.PortalAccess/GetPortalAccess"];
const OTHER: &str = "_OTHER";

/// Returns the name of the method that a path names.
pub(super) fn method(path: &str) -> &'static str {
    METHODS.into_iter().find(|method| path.strip_prefix('/') == Some(method)).unwrap_or(OTHER)
}

/// Returns the span for the collector, and the id of the trace that the call belongs to, if any.
pub(super) fn span(method: &'static str, headers: &HeaderMap, request_id: &str) -> (Span, Option<String>) {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        error.r#type = Empty,
        request_id,
    );
    let caller = TraceContextPropagator::new().extract(&Headers(headers));
    let caller_trace = caller.span().span_context().trace_id();
    // Without a collector, no layer stores the parent, and this fails.
    drop(span.set_parent(caller));
    let own_trace = span.context().span().span_context().trace_id();
    let known = [own_trace, caller_trace].into_iter().find(|trace| *trace != TraceId::INVALID);
    (span, known.map(|trace| trace.to_string()))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    /// A duplicate header is ignored.
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continues_the_callers_trace_and_ignores_malformed_headers() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", value.parse().unwrap());
            }
            span(METHODS[0], &headers, "id").1
        };
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(of(&[good]).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        for bad in [
            &[][..],
            &[good, good],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["garbage"],
            &[""],
        ] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn unknown_method_has_a_fixed_name() {
        assert_eq!(method("/billing.portal.v1.PortalAccess/GetPortalAccess"), METHODS[1]);
        assert_eq!(method("/billing.portal.v1.PortalAccess/Olivia"), OTHER);
    }
}
