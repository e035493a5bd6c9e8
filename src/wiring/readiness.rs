//! What readiness depends on: the keys, the directory, and, for people and dashboards, the flag.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    adapters::{
        directory::SqlDirectory,
        flag::{self, Definitions},
    },
    grpc::auth::keys::Keys,
};

/// How often a database that was never reached is tried again.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What readiness depends on.
#[derive(Debug)]
pub struct Readiness {
    pub(super) directory: Arc<SqlDirectory>,
    pub(super) keys: Arc<Keys>,
    pub(super) flag: watch::Receiver<Option<Arc<Definitions>>>,
    pub(super) flag_key: String,
}

impl Readiness {
    /// Waits until the keys are loaded and the database was reached once.
    pub async fn ready(&self) {
        self.keys.loaded().await;
        while let Err(refusal) = self.directory.probe().await {
            tracing::warn!(cause = %refusal, "not ready: database was not reached yet");
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }

    /// Returns whether the flag could be on for anyone.
    pub fn flag_could_be_on(&mut self) -> bool {
        flag::could_be_on(self.flag.borrow_and_update().as_deref(), &self.flag_key)
    }

    /// Waits for a new flag definition. Returns `false` if there will be none.
    pub async fn flag_changed(&mut self) -> bool {
        self.flag.changed().await.is_ok()
    }
}
