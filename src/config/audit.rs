//! The audit log.

use std::path::PathBuf;

use super::error::SettingError;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Audit")]
pub(super) struct AuditArguments {
    /// Where audit entries are written: stdout or file:PATH
    #[arg(long, env = "BILLING_PORTAL_AUDIT", value_name = "TARGET", default_value = "stdout")]
    audit: String,
}

/// Where audit entries are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// Standard output.
    Stdout,
    /// A file, to which entries are appended.
    File(PathBuf),
}

impl AuditArguments {
    pub(super) fn validate(self) -> Result<AuditTarget, SettingError> {
        match (self.audit.as_str(), self.audit.strip_prefix("file:")) {
            ("stdout", _) => Ok(AuditTarget::Stdout),
            (_, Some(path)) if !path.is_empty() => Ok(AuditTarget::File(path.into())),
            _ => Err(SettingError::new("--audit", "expected stdout or file:PATH")),
        }
    }
}
