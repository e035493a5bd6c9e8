//! Every metric of the service. Dashboards and alerts use exactly these names. No attribute contains a tenant, a
//! person, or anything else that a caller chooses.
//!
//! Names: <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/>; those of this service start with
//! `billing_portal`.

mod observed;
mod waiting;

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter},
};
use opentelemetry_semantic_conventions::{
    attribute::{ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, RPC_METHOD, RPC_SYSTEM_NAME},
    metric::RPC_SERVER_CALL_DURATION,
};

use observed::{CONNECTIONS, SOURCE_AGE, SOURCE_CHANGED, SOURCE_EXPIRES, SOURCE_GOOD};
pub use observed::{SourceState, watch_connections, watch_expiry, watch_source};
pub use waiting::{Waited, Waiting, measure};

/// The names as a collector receives them.
pub const NAMES: [&str; 19] = [
    RPC_SERVER_CALL_DURATION,
    "billing_portal.calls.added_duration",
    "billing_portal.refusals",
    "billing_portal.sessions",
    "billing_portal.mapping_integrity",
    "billing_portal.stripe.calls",
    "billing_portal.stripe.attempts",
    "billing_portal.flag.on",
    "billing_portal.calls.in_flight",
    "billing_portal.directory.up",
    "billing_portal.directory.failures",
    "billing_portal.task.restarts",
    "billing_portal.telemetry.export.failures",
    "billing_portal.connections.refused",
    CONNECTIONS,
    SOURCE_GOOD,
    SOURCE_AGE,
    SOURCE_CHANGED,
    SOURCE_EXPIRES,
];

/// The instruments. Without a collector, they cost almost nothing.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&global::meter(env!("CARGO_PKG_NAME"))));

/// The instruments of the metrics in [`NAMES`].
#[derive(Debug)]
pub struct Metrics {
    duration: Histogram<f64>,
    added_duration: Histogram<f64>,
    refusals: Counter<u64>,
    sessions: Counter<u64>,
    mapping_integrity: Counter<u64>,
    stripe_calls: Counter<u64>,
    stripe_attempts: Counter<u64>,
    flag_on: Gauge<u64>,
    in_flight: UpDownCounter<i64>,
    directory_up: Gauge<u64>,
    directory_failures: Counter<u64>,
    task_restarts: Counter<u64>,
    export_failures: Counter<u64>,
    connections_refused: Counter<u64>,
}

impl Metrics {
    fn new(meter: &Meter) -> Self {
        let [
            duration,
            added,
            refusals,
            sessions,
            integrity,
            calls,
            attempts,
            flag,
            in_flight,
            up,
            failures,
            restarts,
            exports,
            connections,
            ..,
        ] = NAMES;
        let seconds = vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
        Self {
            duration: meter.f64_histogram(duration).with_unit("s").with_boundaries(seconds.clone()).build(),
            added_duration: meter.f64_histogram(added).with_unit("s").with_boundaries(seconds).build(),
            refusals: meter.u64_counter(refusals).with_unit("{refusal}").build(),
            sessions: meter.u64_counter(sessions).with_unit("{session}").build(),
            mapping_integrity: meter.u64_counter(integrity).with_unit("{event}").build(),
            stripe_calls: meter.u64_counter(calls).with_unit("{call}").build(),
            stripe_attempts: meter.u64_counter(attempts).with_unit("{attempt}").build(),
            flag_on: meter.u64_gauge(flag).with_unit("1").build(),
            in_flight: meter.i64_up_down_counter(in_flight).with_unit("{call}").build(),
            directory_up: meter.u64_gauge(up).with_unit("1").build(),
            directory_failures: meter.u64_counter(failures).with_unit("{failure}").build(),
            task_restarts: meter.u64_counter(restarts).with_unit("{restart}").build(),
            export_failures: meter.u64_counter(exports).with_unit("{failure}").build(),
            connections_refused: meter.u64_counter(connections).with_unit("{connection}").build(),
        }
    }

    /// Records a call that ended. `method` is one of the known names; `reason` is that of a refusal.
    pub fn call(&self, method: &'static str, code: &'static str, reason: Option<&'static str>, duration: Duration) {
        let mut attributes = vec![
            KeyValue::new(RPC_SYSTEM_NAME, "grpc"),
            KeyValue::new(RPC_METHOD, method),
            KeyValue::new("rpc.response.status_code", code),
        ];
        attributes.extend(reason.map(|reason| KeyValue::new(ERROR_TYPE, reason)));
        self.duration.record(duration.as_secs_f64(), &attributes);
    }

    /// Records how much of the duration of a call with the status OK the service itself caused.
    pub fn added_duration(&self, method: &'static str, added: Duration) {
        self.added_duration.record(added.as_secs_f64(), &[KeyValue::new(RPC_METHOD, method)]);
    }

    /// Counts refusals; 0 creates the series, so that the first refusal is an increase.
    pub fn refusals(&self, method: &'static str, reason: &'static str, fault: &'static str, count: u64) {
        let attributes = [("reason", reason), ("fault", fault), (RPC_METHOD, method)];
        self.refusals.add(count, &attributes.map(|(name, value)| KeyValue::new(name, value)));
    }

    /// Counts a released session URL.
    pub fn session(&self) {
        self.sessions.add(1, &[]);
    }

    /// Counts a contradiction about a tenant within the directory, or between the directory and Stripe.
    pub fn mapping_integrity(&self, detail: &'static str) {
        self.mapping_integrity.add(1, &[KeyValue::new("detail", detail)]);
    }

    /// Counts an operation at Stripe, which takes one or several attempts; `outcome` is `OK` or the reason of a
    /// refusal.
    pub fn stripe_call(&self, operation: &'static str, outcome: &'static str) {
        let attributes = [KeyValue::new("operation", operation), KeyValue::new("outcome", outcome)];
        self.stripe_calls.add(1, &attributes);
    }

    /// Counts one attempt. Without a status, no complete response was received. `rate_limited` is Stripe's reason for a 429.
    pub fn stripe_attempt(&self, method: &'static str, status: Option<u16>, rate_limited: Option<&'static str>) {
        let outcome = match status {
            Some(status) => KeyValue::new(HTTP_RESPONSE_STATUS_CODE, i64::from(status)),
            None => KeyValue::new(ERROR_TYPE, "no_answer"),
        };
        let mut attributes = vec![KeyValue::new(HTTP_REQUEST_METHOD, method), outcome];
        attributes.extend(rate_limited.map(|reason| KeyValue::new("stripe.rate_limited_reason", reason)));
        self.stripe_attempts.add(1, &attributes);
    }

    /// Records whether the flag could be on for any tenant.
    pub fn flag(&self, could_be_on: bool) {
        self.flag_on.record(u64::from(could_be_on), &[]);
    }

    /// Records whether the latest probe of the directory succeeded.
    pub fn directory_up(&self, is_up: bool) {
        self.directory_up.record(u64::from(is_up), &[]);
    }

    /// Counts a failure of the directory, in a call or in a probe.
    pub fn directory_failure(&self, kind: &'static str) {
        self.directory_failures.add(1, &[KeyValue::new("kind", kind)]);
    }

    /// Counts restarts of a background task; 0 creates the series, so that the first restart is an increase.
    pub fn task_restarts(&self, task: &'static str, count: u64) {
        self.task_restarts.add(count, &[KeyValue::new("task", task)]);
    }

    /// Counts exports of traces or metrics that failed; 0 creates the series.
    pub(super) fn export_failures(&self, signal: &'static str, count: u64) {
        self.export_failures.add(count, &[KeyValue::new("signal", signal)]);
    }

    /// Counts a connection that was refused before HTTP/2, or because all others are in use.
    pub fn connection_refused(&self, kind: &'static str) {
        self.connections_refused.add(1, &[KeyValue::new("kind", kind)]);
    }

    /// Counts a call as in flight until the guard is dropped.
    #[must_use]
    pub fn begin_call(&self) -> InFlight<'_> {
        self.in_flight.add(1, &[]);
        InFlight(self)
    }
}

/// A call in flight.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.add(-1, &[]);
    }
}
