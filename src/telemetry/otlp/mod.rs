//! Exports traces and metrics to a collector, by OTLP over gRPC or HTTP. Off unless an endpoint is configured. Separate
//! threads send the batches, so a collector that is down blocks nothing; data that it does not accept is dropped.
//!
//! This module reads the variables that `opentelemetry-otlp` and the SDK would also read, because they ignore an invalid
//! value without notice. They themselves read only what is listed in `settings`.

mod environment;
mod export;
#[cfg(test)]
mod fuzz;
mod resource;
mod settings;

#[cfg(test)]
mod tests;
mod transport;

use std::{ffi::OsString, fmt, sync::Arc, thread, time::Duration};

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::{
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};
use tokio::{sync::watch, time::Instant};

pub(super) use environment::Warning;
use environment::{Environment, Signal};
use export::{End, MonitoredExporter};
use settings::{Protocol, SignalSettings};
use transport::{Cause, CollectorClient};

use super::{filter::LogFilterError, metrics::METRICS};

/// Why `RUST_LOG` or the `OTEL_*` variables are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint is not a URL. Without a scheme, it is not clear whether the connection is encrypted.
    #[error("{0}: expected an http or https URL without credentials (example: http://collector:4317)")]
    Endpoint(String),
    /// A file that a variable names is not usable.
    #[error("{variable}: {problem}")]
    File {
        /// The variable.
        variable: String,
        /// What is wrong, and how to fix it.
        problem: String,
    },
    /// No connection can be encrypted.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT or a related variable: {0}")]
    Tls(std::io::Error),
    /// `RUST_LOG` is not valid.
    #[error(transparent)]
    Filter(#[from] LogFilterError),
    /// An exporter that cannot be built.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT or a related variable: exporter cannot be built: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The time limit for sending the last batches.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The exporters. Dropping them sends the remaining data.
pub struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    end: watch::Sender<Option<Instant>>,
}

impl Exporters {
    /// Creates the exporters from the standard `OTEL_*` variables, and returns warnings about variables that have no effect.
    /// Must be called inside the runtime that the exports use.
    ///
    /// # Errors
    /// If an endpoint is not a URL, or if a file is not usable.
    pub(super) fn from_environment(
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<Warning>), TelemetryError> {
        let mut environment = Environment::new(variables);
        let mut exporters = Self { traces: None, metrics: None, end: watch::Sender::new(None) };
        if settings::is_disabled(&mut environment) {
            return Ok((exporters, environment.into_warnings()));
        }
        settings::warn_of_unsupported(&mut environment);
        let metrics = SignalSettings::read(&mut environment, Signal::Metrics)?;
        let metrics = metrics.map(|settings| metric_exporter(&settings, exporters.end.subscribe())).transpose()?;
        let traces = SignalSettings::read(&mut environment, Signal::Traces)?;
        let traces = traces.map(|settings| span_exporter(&settings, exporters.end.subscribe())).transpose()?;
        // Before this provider, the instruments do nothing.
        if let Some(exporter) = metrics {
            let interval = settings::metric_interval(&mut environment);
            let reader = PeriodicReader::builder(exporter).with_interval(interval).build();
            let resource = resource::read(&mut environment);
            let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
            global::set_meter_provider(provider.clone());
            exporters.metrics = Some(provider);
            METRICS.export_failures(Signal::Metrics.as_str(), 0);
        }
        if let Some(exporter) = traces {
            let batches = settings::batches(&mut environment);
            let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
            let provider = SdkTracerProvider::builder()
                .with_sampler(settings::sampler(&mut environment))
                .with_span_processor(processor)
                .with_resource(resource::read(&mut environment));
            exporters.traces = Some(provider.build());
            METRICS.export_failures(Signal::Traces.as_str(), 0);
        }
        Ok((exporters, environment.into_warnings()))
    }

    /// Returns the tracer if traces are exported.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|provider| provider.tracer(env!("CARGO_PKG_NAME")))
    }
}

impl Drop for Exporters {
    /// A collector that does not respond delays the exit by at most the time limit: then the exports end, and with them the
    /// threads that both providers wait for.
    fn drop(&mut self) {
        self.end.send_replace(Some(Instant::now() + SHUTDOWN_TIMEOUT));
        let shut_down_traces = || {
            if let Some(traces) = &self.traces {
                drop(traces.shutdown_with_timeout(2 * SHUTDOWN_TIMEOUT));
            }
        };
        thread::scope(|scope| {
            // Without a thread, both end one after the other.
            if thread::Builder::new().spawn_scoped(scope, shut_down_traces).is_err() {
                shut_down_traces();
            }
            if let Some(metrics) = &self.metrics {
                drop(metrics.shutdown());
            }
        });
    }
}

impl fmt::Debug for Exporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (traces, metrics) = (self.traces.is_some(), self.metrics.is_some());
        f.debug_struct("Exporters").field("traces", &traces).field("metrics", &metrics).finish()
    }
}

fn span_exporter(settings: &SignalSettings, end: End) -> Result<MonitoredExporter<SpanExporter>, TelemetryError> {
    let cause = Arc::default();
    let exporter = match settings.protocol {
        Protocol::Grpc => grpc(SpanExporter::builder().with_tonic(), settings)?.build()?,
        Protocol::HttpProtobuf => http(SpanExporter::builder().with_http(), settings, &cause)?.build()?,
    };
    Ok(MonitoredExporter::new(exporter, settings, end, cause))
}

fn metric_exporter(settings: &SignalSettings, end: End) -> Result<MonitoredExporter<MetricExporter>, TelemetryError> {
    let cause = Arc::default();
    let exporter = match settings.protocol {
        Protocol::Grpc => grpc(MetricExporter::builder().with_tonic(), settings)?.build()?,
        Protocol::HttpProtobuf => http(MetricExporter::builder().with_http(), settings, &cause)?.build()?,
    };
    Ok(MonitoredExporter::new(exporter, settings, end, cause))
}

fn grpc<B: WithTonicConfig + WithExportConfig>(builder: B, settings: &SignalSettings) -> Result<B, TelemetryError> {
    Ok(builder.with_channel(transport::channel(settings)?).with_timeout(settings.timeout))
}

fn http<B: WithHttpConfig + WithExportConfig>(
    builder: B,
    settings: &SignalSettings,
    cause: &Cause,
) -> Result<B, TelemetryError> {
    let client = CollectorClient::new(settings, Arc::clone(cause))?;
    let builder = builder.with_http_client(client).with_endpoint(settings.endpoint.to_string());
    Ok(builder.with_protocol(opentelemetry_otlp::Protocol::HttpBinary).with_timeout(settings.timeout))
}
