//! The inputs of the health statuses: the keys and the directory for readiness, and the flag for the status of
//! `BillingPortal` and for a metric.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    adapters::{
        directory::SqlDirectory,
        flag::{Definition, OffReason},
    },
    grpc::auth::keys::Keys,
};

/// The pause between two probes of a database that has never been reached.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The inputs of the health statuses.
#[derive(Debug)]
pub struct Readiness {
    pub(super) directory: Arc<SqlDirectory>,
    pub(super) keys: Arc<Keys>,
    pub(super) flag: FlagStatus,
}

impl Readiness {
    /// Waits until the keys are loaded and the database has been reached once.
    pub async fn ready(&self) {
        self.keys.loaded().await;
        while let Err(refusal) = self.directory.probe().await {
            tracing::warn!(cause = %refusal, "not ready: database was not reached yet");
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }

    /// Returns whether the flag could be on for any tenant.
    pub fn flag_could_be_on(&mut self) -> bool {
        self.flag.could_be_on()
    }

    /// Waits for a new flag definition. Returns `false` if the flag file is no longer read.
    pub async fn flag_changed(&mut self) -> bool {
        self.flag.definition.changed().await.is_ok()
    }
}

/// Whether the flag can be on. Logs an invalid definition.
#[derive(Debug)]
pub(super) struct FlagStatus {
    definition: watch::Receiver<Option<Arc<Definition>>>,
    key: String,
    /// What was logged last, so that a file that is written repeatedly is logged only once.
    logged: Option<OffReason>,
}

impl FlagStatus {
    pub(super) fn new(definition: watch::Receiver<Option<Arc<Definition>>>, key: String) -> Self {
        Self { definition, key, logged: None }
    }

    /// Returns whether the flag can be on for at least one tenant. Logs an invalid definition.
    pub(super) fn could_be_on(&mut self) -> bool {
        let definition = self.definition.borrow_and_update().clone();
        let invalid = match definition.as_deref() {
            Some(Definition::Off(reason @ OffReason::Invalid(_))) => Some(reason),
            Some(Definition::Off(OffReason::Missing | OffReason::Disabled) | Definition::Enabled(_)) | None => None,
        };
        if let Some(error) = invalid.filter(|reason| self.logged.as_ref() != Some(reason)) {
            tracing::error!(setting = "--flags-file", flag = self.key, %error, "feature is off");
        }
        self.logged = invalid.cloned();
        definition.is_some_and(|definition| definition.could_be_on())
    }
}
