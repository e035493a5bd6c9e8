//! The audit log.

use std::{fmt, path::PathBuf};

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

/// Where audit entries are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditSource {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl AuditSource {
    /// Parses one value of a setting: a path, `file:PATH` as the service has it, or `-` for standard input.
    ///
    /// # Errors
    /// A value that does not name a file.
    pub fn parse(setting: &str, text: &str) -> Result<Self, SettingError> {
        match (text, text.strip_prefix("file:").unwrap_or(text)) {
            ("-", _) => Ok(Self::Stdin),
            ("stdout", _) | (_, "") => {
                let problem = "expected files with audit entries, or - for standard input; save the output of the service to a file";
                Err(SettingError::new(setting, problem))
            }
            (_, path) => Ok(Self::File(path.into())),
        }
    }
}

/// The name in messages and reports.
impl fmt::Display for AuditSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
