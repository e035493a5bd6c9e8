//! Logs, to standard error: for people on a terminal, else one JSON object a line.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::LogFormat;

/// Installs the process's logger. `RUST_LOG` chooses what of this crate is logged, else `level`; the libraries underneath never log below
/// info, for at debug and trace they print headers and messages, and with them tokens, keys and URLs.
pub fn install(format: Option<LogFormat>, level: &str) {
    let format =
        format.unwrap_or_else(|| if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second installation in one process keeps the first: the settings example and tests start several servers.
    drop(tracing_subscriber::registry().with(lines.with_filter(filter_fn(can_not_leak))).with(chosen).try_init());
    log_panics();
}

fn can_not_leak(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME")) || *metadata.level() <= Level::INFO
}

/// A panic is logged by its place; its message may quote what must not be seen.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
