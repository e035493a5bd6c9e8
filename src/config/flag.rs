//! The feature flag.

use std::path::PathBuf;

use super::{error::SettingError, value};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Feature flag")]
pub(super) struct FlagArguments {
    /// File with the flagd flag definition; read again when it changes
    #[arg(long, env = "BILLING_PORTAL_FLAGS_FILE", value_name = "FILE")]
    flags_file: PathBuf,

    /// Key of the boolean flag; its targeting key is the tenant
    #[arg(
        long,
        env = "BILLING_PORTAL_FLAG_KEY",
        value_name = "KEY",
        default_value = "billing-portal",
        hide_short_help = true
    )]
    flag_key: String,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct FlagConfig {
    /// The file with the flag definition.
    pub file: PathBuf,
    /// The flag's key.
    pub key: String,
}

impl FlagArguments {
    pub(super) fn validate(self) -> Result<FlagConfig, SettingError> {
        Ok(FlagConfig { file: self.flags_file, key: value::non_empty("--flag-key", self.flag_key)? })
    }
}
