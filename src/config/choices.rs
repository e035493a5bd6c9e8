//! The settings that are one of a few words.

use clap::ValueEnum;

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Command {
    /// Serve gRPC until a signal
    Serve,
    /// Try every setting against the real database, flag file, keys and Stripe
    Check,
    /// Compare every tenant's row with its Stripe customer
    AuditMapping,
}

/// How the calling workload is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CallerIdentity {
    /// The last element of `x-forwarded-client-cert`
    Istio,
    /// The header `l5d-client-id`
    Linkerd,
    /// Not at all: for development, on loopback
    None,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Table,
    /// One array
    Json,
    /// With a header
    Csv,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One object a line
    Json,
}
