//! The inputs of the health statuses: the keys and the directory for readiness, and their outages and the flag for the status
//! of `BillingPortal`. The flag is also a metric.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use crate::{
    adapters::{
        directory::SqlDirectory,
        flag::{Definition, OffReason},
    },
    grpc::auth::keys::Keys,
};

/// How long the directory or the keys must have failed before `BillingPortal` is reported as not serving. A shorter outage, such
/// as a failover of the database, needs nobody.
pub(super) const OUTAGE_THRESHOLD: Duration = Duration::from_secs(30);

/// How often outages are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The inputs of the health statuses.
#[derive(Clone, Debug)]
pub struct Readiness {
    pub(super) directory: Arc<SqlDirectory>,
    pub(super) keys: Arc<Keys>,
    pub(super) flag: FlagStatus,
    /// How long the directory or the keys must have failed before an outage is reported.
    pub outage_threshold: Duration,
}

impl Readiness {
    /// Waits until the keys are loaded and the database has been reached once.
    pub async fn ready(&self) {
        self.keys.loaded().await;
        self.directory.reached().await;
    }

    /// Probes the directory repeatedly. Nothing else makes it ready or ends its outage.
    pub async fn probe_directory(self) {
        self.directory.probe_repeatedly().await;
    }

    /// Returns whether the directory or the keys have failed for the threshold or longer.
    #[must_use]
    pub fn has_outage(&self) -> bool {
        has_outage([self.directory.failing_for(), self.keys.failing_for()], self.outage_threshold)
    }

    /// Returns whether the flag could be on for any tenant.
    pub fn flag_could_be_on(&mut self) -> bool {
        self.flag.could_be_on()
    }

    /// Waits for a new flag definition, or until outages must be checked again. Returns `false` if the flag file is no longer
    /// read.
    pub async fn may_have_changed(&mut self) -> bool {
        !matches!(timeout(CHECK_INTERVAL, self.flag.definition.changed()).await, Ok(Err(_)))
    }
}

fn has_outage(failing_for: [Option<Duration>; 2], threshold: Duration) -> bool {
    failing_for.into_iter().flatten().any(|duration| duration >= threshold)
}

/// Whether the flag can be on. Logs an invalid definition.
#[derive(Clone, Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_is_reported_once_one_of_both_has_failed_for_the_threshold() {
        let short = Some(OUTAGE_THRESHOLD - Duration::from_millis(1));
        for failing_for in [[None, None], [short, None], [short, short]] {
            assert!(!has_outage(failing_for, OUTAGE_THRESHOLD), "{failing_for:?}");
        }
        let long = Some(OUTAGE_THRESHOLD);
        for failing_for in [[long, None], [None, long], [short, long], [long, long]] {
            assert!(has_outage(failing_for, OUTAGE_THRESHOLD), "{failing_for:?}");
        }
        assert_eq!(OUTAGE_THRESHOLD, Duration::from_secs(30));
    }
}
