//! The logs.

use crate::telemetry::LogFormat;

/// Arguments for the logs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Logging")]
pub struct LoggingArguments {
    /// Format of the logs on standard error; text on a terminal, otherwise json
    #[arg(long, env = "BILLING_PORTAL_LOG_FORMAT", value_name = "FORMAT", value_enum, hide_short_help = true)]
    log_format: Option<LogFormat>,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct LoggingConfig {
    /// The format; `None` means text on a terminal, and otherwise JSON.
    pub format: Option<LogFormat>,
}

impl LoggingArguments {
    /// Returns the settings.
    #[must_use]
    pub fn validate(self) -> LoggingConfig {
        LoggingConfig { format: self.log_format }
    }
}
