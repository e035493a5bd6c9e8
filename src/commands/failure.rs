//! Why a command ends without doing its work.

use std::{error::Error, fmt};

use crate::{commands::tenants::TenantsError, config::SettingError};

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

impl From<TenantsError> for Failure {
    fn from(error: TenantsError) -> Self {
        match error {
            TenantsError::Setting(error) => error.into(),
            TenantsError::Directory(_) | TenantsError::Key(..) | TenantsError::Resume(_) => {
                Self::of("run ended early", error)
            }
            TenantsError::CompletedResume(_) => Self::of("resume file cannot be deleted", error),
            TenantsError::Output(_) => Self::of("report cannot be written", error),
        }
    }
}

impl Failure {
    /// Creates a failure from what failed, and why.
    #[must_use]
    pub fn of(what: impl fmt::Display, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { what: what.to_string(), source: source.into() }
    }
}
