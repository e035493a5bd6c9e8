//! The commands of the process, and what they share with the backfill, which is a binary of its own.

mod audit_files;
pub mod audit_mapping;
mod audit_verify;
pub mod check;
mod cli;
pub mod exposed;
mod failure;
mod options;
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

pub use cli::{EarlyExit, command, parse};
pub use failure::Failure;
pub use options::{AuditMappingOptions, AuditVerifyOptions, CheckOptions, Command, ReconcileOptions, ServiceCommand};
pub use report::ReportFormat;

/// Runs one command until it ends, and returns the exit code.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command) -> Result<ExitCode, Failure> {
    let (command, config) = match command {
        Command::Service(command, config) => (command, config),
        Command::AuditVerify(options) => return Ok(exit_code(audit_verify::run(&options)?)),
    };
    let passed = match command {
        ServiceCommand::Serve => return serve::run(*config).await,
        ServiceCommand::Check(options) => {
            let report = check::run(&config, options.format).await;
            report.map_err(|error| Failure::of("report cannot be written", error))?
        }
        ServiceCommand::AuditMapping(options) => match audit_mapping::run(&config, &options).await {
            Ok(passed) => passed,
            Err(error) => return Err(error.into()),
        },
        ServiceCommand::Reconcile(options) => reconcile::run(&config, &options).await?,
    };
    Ok(exit_code(passed))
}

const fn exit_code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
