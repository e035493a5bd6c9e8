//! Logs, to standard error: for people on a terminal, else one JSON object a line. Traces and metrics, to a collector.

pub mod metrics;
mod otlp;

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

pub use otlp::Exporters;

use crate::config::{LogFormat, SettingError};

/// Installs the process's logger and exporters; what it returns is to live as long as the process. `RUST_LOG` chooses what of
/// this crate is logged, else `level`; the libraries underneath never log below info, for at debug and trace they print
/// headers and messages, and with them tokens, keys and URLs. No more do they make spans.
///
/// # Errors
/// The `OTEL_*` variable that can't be followed.
pub fn install(format: Option<LogFormat>, level: &str) -> Result<Exporters, SettingError> {
    let exporters = Exporters::from_environment()?;
    let format =
        format.unwrap_or_else(|| if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let spans = exporters.tracer().map(|tracer| {
        let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        spans.with_filter(filter_fn(|metadata| is_ours(metadata) && metadata.is_span() && !is_for_logs(metadata)))
    });
    // A second installation in one process keeps the first: the settings example and tests start several servers.
    let lines = lines.with_filter(chosen.and(filter_fn(can_not_leak)));
    drop(tracing_subscriber::registry().with(lines).with(spans).try_init());
    log_panics();
    Ok(exporters)
}

fn can_not_leak(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() {
        return is_for_logs(metadata);
    }
    is_ours(metadata) || *metadata.level() <= Level::INFO
}

/// The span that says in each log line of a call which one it is.
fn is_for_logs(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata) && metadata.name() == "call"
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// A panic is logged by its place; its message may quote what must not be seen.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
