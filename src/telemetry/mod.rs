//! Logs to standard error: text on a terminal, otherwise one JSON object per line. Traces and metrics to a collector.

mod filter;
mod line;
pub mod metrics;
mod otlp;
mod stderr;

use std::{io::IsTerminal as _, time::Duration};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer as _,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use line::Lines;
pub use line::{CallIds, with_ids};
use otlp::Warning;
pub use otlp::{Exporters, TelemetryError};
use stderr::{FlushOnDrop, LogWriter};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One object per line
    Json,
}

/// What must be kept as long as the process runs. Dropping it sends and writes what is left.
pub struct Telemetry {
    _exporters: Exporters,
    // Dropped last, because the exporters log errors.
    _log: FlushOnDrop,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

/// Installs the logger and the exporters of the process; keep the returned value as long as the process runs.
/// `RUST_LOG` sets the level of this crate's log lines; `level` applies without it. Libraries never log below info,
/// because at debug and trace they print headers and messages, which contain tokens, keys and URLs. For the same
/// reason, their spans are dropped. The warnings of the HTTP/2 library are logged only if `RUST_LOG` names it.
///
/// # Errors
/// If the value of `RUST_LOG` or of an `OTEL_*` variable is not supported.
pub fn install(format: Option<LogFormat>, level: &str) -> Result<Telemetry, TelemetryError> {
    let enabled = filter::from_environment(level)?;
    let (exporters, warnings) = Exporters::from_environment(std::env::vars_os())?;
    let format =
        format.unwrap_or_else(|| if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    let log = LogWriter::start();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || Lines { format, writer: writer.clone() });
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    // A second installation in one process keeps the first one: the settings example and tests start several servers.
    let lines = tracing_subscriber::registry().with(lines.with_filter(enabled.and(filter_fn(cannot_leak))));
    match exporters.tracer() {
        // With a layer that takes spans, even one that is `None`, each call would create its span.
        None => drop(lines.try_init()),
        Some(tracer) => {
            let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
            let is_exported = filter_fn(|metadata| is_from_this_crate(metadata) && metadata.is_span());
            drop(lines.with(spans.with_filter(is_exported)).try_init());
        }
    }
    warnings.iter().for_each(Warning::log);
    log_panics();
    Ok(Telemetry { _exporters: exporters, _log: FlushOnDrop(log) })
}

/// Returns a duration as log lines record it: `tracing` writes the integer of `Duration::as_millis` as text.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the text of an error and of all its causes. The outermost text of a TLS failure says only that there is no
/// connection.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// Spans are for the exporter only.
fn cannot_leak(metadata: &Metadata<'_>) -> bool {
    // The texts of the database's notices and warnings may contain values of its rows.
    let is_notice = metadata.target() == "sqlx::postgres::notice";
    metadata.is_event() && (is_from_this_crate(metadata) || (*metadata.level() <= Level::INFO && !is_notice))
}

fn is_from_this_crate(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// Logs where a panic happened, but not its message, which may quote a secret.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
