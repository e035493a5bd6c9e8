//! The commands of the process, one file each, and the helpers for their reports.

pub mod audit_mapping;
pub mod check;
mod cli;
mod progress;
mod report;
mod resume;
pub mod serve;
mod verification;

use std::{fmt, io, process::ExitCode};

pub use cli::{AuditMappingOptions, CheckOptions, Command, Stop, command, parse};
pub use report::ReportFormat;

use crate::config::{Config, SettingError};

/// Why a command ends without doing its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting stops the start.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Input or output failed.
    #[error("{what}: {source}")]
    Io {
        /// What failed.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// `audit-mapping` has no report.
    #[error("no report: {0}")]
    NoReport(#[source] audit_mapping::Failure),
}

impl Failure {
    pub(crate) fn io(what: impl fmt::Display, source: io::Error) -> Self {
        Self::Io { what: what.to_string(), source }
    }
}

/// Runs one command to its end.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, config: Config) -> Result<ExitCode, Failure> {
    let is_good = match command {
        Command::Serve => return serve::run(config).await,
        Command::Check(options) => {
            let report = check::run(&config, options.format).await;
            report.map_err(|error| Failure::io("report cannot be written", error))?
        }
        Command::AuditMapping(options) => match audit_mapping::run(&config, &options).await {
            Ok(is_good) => is_good,
            Err(audit_mapping::Failure::Setting(error)) => return Err(error.into()),
            Err(error) => return Err(Failure::NoReport(error)),
        },
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
