//! An exporter with a time limit, whose failures are logged once per change of state and counted. The SDK itself reports
//! nothing, and waits for an export as long as it takes.

use std::{
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{environment::Signal, settings::SignalSettings, transport::Cause};
use crate::telemetry::metrics::METRICS;

/// When the process ends, if it is ending.
pub(super) type End = watch::Receiver<Option<Instant>>;

/// An exporter of one signal.
#[derive(Debug)]
pub(super) struct MonitoredExporter<E> {
    exporter: E,
    signal: Signal,
    /// The time limit of one export.
    timeout: Duration,
    /// No export continues after it.
    end: End,
    /// The exporter needs it for connections and timers; the SDK calls the exporter on a thread of its own.
    runtime: Handle,
    cause: Cause,
    is_failing: AtomicBool,
}

impl<E> MonitoredExporter<E> {
    /// Must be called inside the runtime that the exports use.
    pub(super) fn new(exporter: E, settings: &SignalSettings, end: End, cause: Cause) -> Self {
        let (signal, timeout, runtime) = (settings.signal, settings.timeout, Handle::current());
        Self { exporter, signal, timeout, end, runtime, cause, is_failing: AtomicBool::new(false) }
    }

    fn run(&self, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let result = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = reached(self.end.clone()) => Err(OTelSdkError::InternalFailure("the process ends".to_owned())),
                result = timeout(self.timeout, export) => result.unwrap_or(Err(OTelSdkError::Timeout(self.timeout))),
            }
        });
        self.report(result.as_ref().err());
        result
    }

    fn report(&self, error: Option<&OTelSdkError>) {
        let signal = self.signal.as_str();
        let Some(error) = error else {
            if self.is_failing.swap(false, Ordering::Relaxed) {
                tracing::info!(signal, "telemetry export recovered");
            }
            return;
        };
        METRICS.export_failures(signal, 1);
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            let cause = cause.unwrap_or_else(|| error.to_string());
            tracing::warn!(signal, cause, "telemetry export failed");
        }
    }
}

async fn reached(mut end: End) {
    let end = end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

impl<E: SpanExporter> SpanExporter for MonitoredExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(self.exporter.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for MonitoredExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.run(self.exporter.export(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
