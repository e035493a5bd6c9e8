//! The inputs of the health statuses: the keys and the directory for readiness, and the flag for the status of
//! `BillingPortal` and for a metric.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    adapters::{
        directory::SqlDirectory,
        flag::{self, Definitions},
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
    pub(super) flag: watch::Receiver<Option<Arc<Definitions>>>,
    pub(super) flag_key: String,
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
        flag::could_be_on(self.flag.borrow_and_update().as_deref(), &self.flag_key)
    }

    /// Waits for new flag definitions. Returns `false` if the flag file is no longer read.
    pub async fn flag_changed(&mut self) -> bool {
        self.flag.changed().await.is_ok()
    }
}
