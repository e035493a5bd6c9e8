//! Which log lines are written: `RUST_LOG`.

use std::{env::VarError, str::FromStr as _};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

const VARIABLE: &str = "RUST_LOG";

/// What applies unless the variable says something else about the same target. A client can cause each warning of the HTTP/2
/// library at will, for example with an unsolicited PING acknowledgement.
const QUIET: &str = "h2=error";

/// Why `RUST_LOG` is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE}: {0:?} is not a level or TARGET=LEVEL; levels are off, error, warn, info, debug and trace")]
pub struct LogFilterError(String);

/// Returns the filter in the variable, or the one for `level` if it is not set or empty.
pub(super) fn from_environment(level: &str) -> Result<EnvFilter, LogFilterError> {
    match std::env::var(VARIABLE) {
        Err(VarError::NotPresent) => parse(level),
        Err(VarError::NotUnicode(text)) => Err(LogFilterError(text.to_string_lossy().into_owned())),
        Ok(text) if text.trim().is_empty() => parse(level),
        Ok(text) => parse(&text),
    }
}

/// The library takes a misspelled level for the name of a target, and then writes nothing.
fn parse(text: &str) -> Result<EnvFilter, LogFilterError> {
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        if level.is_empty() || LevelFilter::from_str(level).is_err() {
            return Err(LogFilterError(directive.to_owned()));
        }
    }
    EnvFilter::try_new(format!("{QUIET},{text}")).map_err(|_| LogFilterError(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directive_has_a_level() {
        for good in ["info", "WARN", "off", "billing_portal=debug", "warn,billing_portal=trace,", "hyper=off, info"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["verbose", "billing_portal", "billing_portal=verbose", "info,=", "billing_portal=", "a=b=c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn warnings_of_the_http2_library_must_be_asked_for() {
        assert_eq!(parse("trace").unwrap().to_string(), "h2=error,trace");
        assert_eq!(parse("trace,h2=warn").unwrap().to_string(), "h2=warn,trace");
    }
}
