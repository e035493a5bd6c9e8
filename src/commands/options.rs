//! The commands, and the options of each.

use std::path::PathBuf;

use crate::{
    commands::report::ReportFormat,
    config::{Config, ReconcileArguments},
};

/// The command to run.
#[derive(Debug)]
pub enum Command {
    /// Uses the settings of the service.
    Service(ServiceCommand, Box<Config>),
    /// Checks audit files.
    AuditVerify(AuditVerifyOptions),
}

/// A command that uses the settings of the service.
#[derive(Debug)]
pub enum ServiceCommand {
    /// Serves gRPC until a signal is received.
    Serve,
    /// Tests every setting against the real database, flag file, keys and Stripe.
    Check(CheckOptions),
    /// Compares each tenant's row with its Stripe customer.
    AuditMapping(AuditMappingOptions),
    /// Compares the sessions at Stripe with audit entries.
    Reconcile(ReconcileOptions),
}

impl Command {
    /// Returns the settings of the service, if the command uses them.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        match self {
            Self::Service(_, config) => Some(config),
            Self::AuditVerify(_) => None,
        }
    }
}

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct CheckOptions {
    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,
}

/// The options of `audit-mapping`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct AuditMappingOptions {
    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,

    /// List only customers that do not name a tenant
    #[arg(long)]
    pub missing: bool,

    /// File that records what was checked, so that a run that ends early can be resumed
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// The options of `reconcile`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct ReconcileOptions {
    /// What is compared
    #[command(flatten)]
    pub comparison: ReconcileArguments,

    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,
}

/// The options of `audit-verify`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct AuditVerifyOptions {
    /// Files with audit entries, in any order: those of every replica, and the rotated ones; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,

    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: ReportFormat,
}
