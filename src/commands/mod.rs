//! The commands of the process, and what they share with the backfill, which is a binary of its own.

mod audit_files;
pub mod audit_mapping;
pub mod check;
mod cli;
pub mod exposed;
mod failure;
pub mod process;
pub mod progress;
mod reconcile;
pub mod report;
pub mod resume;
pub mod retries;
pub mod serve;
pub mod signals;
pub mod tenants;

use std::process::ExitCode;

pub use cli::{AuditMappingOptions, CheckOptions, Command, EarlyExit, ReconcileOptions, command, parse};
pub use failure::Failure;
pub use report::ReportFormat;

use crate::config::Config;

/// Runs one command until it ends, and returns the exit code.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, config: Config) -> Result<ExitCode, Failure> {
    let passed = match command {
        Command::Serve => return serve::run(config).await,
        Command::Check(options) => {
            let report = check::run(&config, options.format).await;
            report.map_err(|error| Failure::of("report cannot be written", error))?
        }
        Command::AuditMapping(options) => match audit_mapping::run(&config, &options).await {
            Ok(passed) => passed,
            Err(error) => return Err(error.into()),
        },
        Command::Reconcile(options) => reconcile::run(&config, &options).await?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
