//! Why a command ends without doing its work.

use std::{error::Error, fmt};

use crate::config::SettingError;

/// Why a command ends without doing its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting is not valid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Something failed after the settings were accepted.
    #[error("{what}: {source}")]
    Failed {
        /// What failed.
        what: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Failure {
    pub(super) fn of(what: impl fmt::Display, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { what: what.to_string(), source: source.into() }
    }
}
