//! What `reconcile` compares.

use std::time::Duration;

use super::{
    audit::AuditSource,
    error::SettingError,
    value::{self, SECOND},
};

/// How long Stripe keeps events.
const EVENTS_KEPT: u64 = 30 * 24 * 3_600 * SECOND;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct ReconcileArguments {
    /// Files with audit entries: those of every replica, and the rotated ones; - reads standard input
    // For the service, --audit is where entries are written. The command reads the same file, and only reads it.
    #[arg(
        id = "audit_files",
        long = "audit",
        env = "BILLING_PORTAL_AUDIT",
        value_name = "FILE",
        num_args = 1..,
        required = true
    )]
    audit: Vec<String>,

    /// Age of the oldest session that is compared, from 1h to 30days; Stripe keeps events for 30 days
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30days",
        value_parser = value::duration::<{ 3_600 * SECOND }, EVENTS_KEPT>
    )]
    since: Duration,

    /// Age of the newest session that is compared, from 0s to 7days; later entries may not be in the files yet
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = value::duration::<0, { value::MAX_DURATION }>
    )]
    until: Duration,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// Where audit entries are read; at least one.
    pub audit: Vec<AuditSource>,
    /// The age of the oldest session that is compared.
    pub since: Duration,
    /// The age of the newest session that is compared; shorter than `since`.
    pub until: Duration,
}

impl ReconcileArguments {
    /// Validates the settings.
    ///
    /// # Errors
    /// A setting that is wrong, or contradicts another one.
    pub fn validate(&self) -> Result<ReconcileConfig, SettingError> {
        if self.until >= self.since {
            return Err(SettingError::new("--until", "must be shorter than --since"));
        }
        let audit = self.audit.iter().map(|text| AuditSource::parse("--audit", text)).collect::<Result<_, _>>()?;
        Ok(ReconcileConfig { audit, since: self.since, until: self.until })
    }
}
