//! The metrics that are read when they are exported: of reloaded files and URLs, and of connections to the directory.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{KeyValue, global};

/// The names of the metrics of reloaded files and URLs.
pub(super) const SOURCE_GOOD: &str = "billing_portal.source.good";
pub(super) const SOURCE_AGE: &str = "billing_portal.source.age";
pub(super) const SOURCE_CHANGED: &str = "billing_portal.source.changed";
pub(super) const SOURCE_EXPIRES: &str = "billing_portal.source.expires";

/// The name of the metric that counts connections to the directory, by state.
pub(super) const CONNECTIONS: &str = "billing_portal.directory.connections";

/// The state of a reloaded file or URL.
#[derive(Clone, Copy, Debug)]
pub struct SourceState {
    /// Whether it was valid when it was last read.
    pub is_good: bool,
    /// How long ago it was last valid, if ever.
    pub age: Option<Duration>,
    /// When its content last changed, if it was ever valid.
    pub changed_at: Option<SystemTime>,
}

/// Registers a callback that returns the state of a reloaded file or URL. It is called at each export; nothing is recorded when
/// it returns `None`. `setting` is the flag that names the source.
pub fn watch_source(setting: &'static str, state: impl Fn() -> Option<SourceState> + Send + Sync + 'static) {
    let state = Arc::new(state);
    let of = |value: fn(SourceState) -> Option<f64>| {
        let state = Arc::clone(&state);
        move || state().and_then(value)
    };
    observe(SOURCE_GOOD, "1", setting, of(|state| Some(if state.is_good { 1.0 } else { 0.0 })));
    observe(SOURCE_AGE, "s", setting, of(|state| Some(state.age?.as_secs_f64())));
    observe(SOURCE_CHANGED, "s", setting, of(|state| seconds(state.changed_at?)));
}

/// Registers a callback that returns when the certificate in a reloaded file expires; otherwise like [`watch_source`].
pub fn watch_expiry(setting: &'static str, expires_at: impl Fn() -> Option<SystemTime> + Send + Sync + 'static) {
    observe(SOURCE_EXPIRES, "s", setting, move || seconds(expires_at()?));
}

/// Registers a metric of a source.
fn observe(
    name: &'static str,
    unit: &'static str,
    setting: &'static str,
    value: impl Fn() -> Option<f64> + Send + Sync + 'static,
) {
    let (meter, attributes) = (global::meter(env!("CARGO_PKG_NAME")), [KeyValue::new("setting", setting)]);
    let gauge = meter.f64_observable_gauge(name).with_unit(unit);
    gauge.with_callback(move |gauge| value().iter().for_each(|value| gauge.observe(*value, &attributes))).build();
}

/// Returns the seconds since 1970.
fn seconds(time: SystemTime) -> Option<f64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}

/// Registers a callback that returns the number of used and of idle connections to the directory. It is called at each
/// export; nothing is recorded when it returns `None`.
pub fn watch_connections(state: impl Fn() -> Option<(u64, u64)> + Send + Sync + 'static) {
    global::meter(env!("CARGO_PKG_NAME"))
        .u64_observable_gauge(CONNECTIONS)
        .with_unit("{connection}")
        .with_callback(move |gauge| {
            if let Some((used, idle)) = state() {
                gauge.observe(used, &[KeyValue::new("state", "used")]);
                gauge.observe(idle, &[KeyValue::new("state", "idle")]);
            }
        })
        .build();
}
