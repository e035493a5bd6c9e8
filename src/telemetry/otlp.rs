//! Exports traces and metrics to a collector, by OTLP over gRPC. Off unless an endpoint is configured. Separate threads
//! send the batches, so a collector that is down blocks nothing; data that it does not accept is dropped.
//!
//! Variables: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>,
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::{fmt, time::Duration};

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    trace::{SdkTracer, SdkTracerProvider},
};

use super::filter::LogFilterError;

/// Why `RUST_LOG` or the `OTEL_*` variables are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A protocol other than gRPC.
    #[error("{0}: unsupported protocol; expected grpc")]
    Protocol(&'static str),
    /// `RUST_LOG` is not valid.
    #[error(transparent)]
    Filter(#[from] LogFilterError),
    /// An exporter that cannot be built.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT or a related variable: exporter cannot be built: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The time limit for sending the last batches of one exporter.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The exporters. Dropping them sends the remaining data.
#[derive(Default)]
pub struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Exporters {
    /// Creates the exporters from the standard `OTEL_*` variables. Must be called inside the runtime that the exports
    /// use.
    ///
    /// # Errors
    /// If the value of a variable is not supported.
    pub(super) fn from_environment() -> Result<Self, TelemetryError> {
        let mut exporters = Self::default();
        if is("OTEL_SDK_DISABLED", "true") {
            return Ok(exporters);
        }
        let is_exported = |signal: &str| {
            let general = !read("OTEL_EXPORTER_OTLP_ENDPOINT").is_empty();
            let own = !read(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")).is_empty();
            (general || own) && !is(&format!("OTEL_{signal}_EXPORTER"), "none")
        };
        for name in
            ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"]
        {
            if !read(name).is_empty() && !is(name, "grpc") {
                return Err(TelemetryError::Protocol(name));
            }
        }
        if is_exported("TRACES") {
            let exporter = SpanExporter::builder().with_tonic().build()?;
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource());
            exporters.traces = Some(provider.build());
        }
        if is_exported("METRICS") {
            let exporter = MetricExporter::builder().with_tonic().build()?;
            let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).with_resource(resource());
            let provider = provider.build();
            global::set_meter_provider(provider.clone());
            exporters.metrics = Some(provider);
        }
        Ok(exporters)
    }

    /// Returns the tracer if traces are exported.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|provider| provider.tracer(env!("CARGO_PKG_NAME")))
    }
}

impl Drop for Exporters {
    fn drop(&mut self) {
        // A collector that does not respond delays the exit by at most this limit for each exporter.
        if let Some(traces) = &self.traces {
            drop(traces.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        }
        if let Some(metrics) = &self.metrics {
            drop(metrics.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        }
    }
}

impl fmt::Debug for Exporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (traces, metrics) = (self.traces.is_some(), self.metrics.is_some());
        f.debug_struct("Exporters").field("traces", &traces).field("metrics", &metrics).finish()
    }
}

/// Returns the name and version of the service. OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES can override the name.
fn resource() -> Resource {
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let is_named = !read("OTEL_SERVICE_NAME").is_empty() || read("OTEL_RESOURCE_ATTRIBUTES").contains("service.name=");
    if is_named { builder.build() } else { builder.with_service_name(env!("CARGO_PKG_NAME")).build() }
}

fn read(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn is(name: &str, value: &str) -> bool {
    read(name).eq_ignore_ascii_case(value)
}
