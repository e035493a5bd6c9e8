//! Whether the directory works. Only the background probe decides: a call can also fail for a reason of its own tenant, such as
//! a slow view, so a failed call only makes the next probe start early.

use std::time::{Duration, Instant};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::failure::{Failure, FailureKind};
use crate::{portal::Refusal, telemetry::metrics::METRICS};

/// The pause between two probes of a directory that works.
const INTERVAL: Duration = Duration::from_secs(5);

/// The pause between two probes while the directory fails, and before an early probe.
const SHORT_INTERVAL: Duration = Duration::from_secs(1);

/// What the probes found.
#[derive(Debug, Default)]
pub(super) struct Outage {
    state: watch::Sender<State>,
    suspected: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    was_reached: bool,
    failing: Option<Failing>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    /// The kind of the latest failure.
    kind: &'static str,
}

impl Outage {
    /// Counts a failure of a call. A failure that concerns only the call is not one of the directory.
    pub(super) fn suspect(&self, failure: &Failure) {
        if failure.kind != FailureKind::TenantShare {
            METRICS.directory_failure(failure.kind.as_str());
            self.suspected.notify_one();
        }
    }

    /// Records the outcome of a probe. Logs only a change. A failure of another kind is a change: during a failover, a server
    /// that does not respond may become a standby, which somebody must fix.
    pub(super) fn record(&self, outcome: Result<(), Failure>) {
        let State { was_reached, failing } = *self.state.borrow();
        METRICS.directory_up(outcome.is_ok());
        let state = match outcome {
            Ok(()) => {
                if failing.is_some() {
                    tracing::info!("directory is available again");
                }
                State { was_reached: true, failing: None }
            }
            Err(failure) => {
                let kind = failure.kind.as_str();
                METRICS.directory_failure(kind);
                if failing.is_none_or(|failing| failing.kind != kind) {
                    tracing::error!(kind, cause = %Refusal::from(failure), "directory is not available");
                }
                let since = failing.map_or_else(Instant::now, |failing| failing.since);
                State { was_reached, failing: Some(Failing { since, kind }) }
            }
        };
        self.state.send_replace(state);
    }

    /// Returns since when the directory has failed, or `None` if it works.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.state.borrow().failing.map(|failing| failing.since)
    }

    /// Waits until a probe has succeeded.
    pub(super) async fn reached(&self) {
        // The sender lives as long as `self`.
        drop(self.state.subscribe().wait_for(|state| state.was_reached).await);
    }

    /// Waits until the next probe is due.
    pub(super) async fn probe_due(&self) {
        sleep(SHORT_INTERVAL).await;
        if self.failing_since().is_none() {
            drop(timeout(INTERVAL - SHORT_INTERVAL, self.suspected.notified()).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn probes_decide_and_the_first_failure_sets_the_time() {
        let outage = Outage::default();
        outage.record(Err(FailureKind::Login.into()));
        let since = outage.failing_since().unwrap();
        outage.record(Err(FailureKind::Connection.into()));
        assert_eq!(outage.failing_since(), Some(since));
        outage.record(Ok(()));
        outage.reached().await;
        assert_eq!(outage.failing_since(), None);
        outage.suspect(&FailureKind::Timeout.into());
        assert_eq!(outage.failing_since(), None);
        // A later failure does not undo that the directory was reached.
        outage.record(Err(FailureKind::Schema.into()));
        outage.reached().await;
        assert!(outage.failing_since().unwrap() > since);
    }

    #[tokio::test]
    async fn failed_call_makes_the_next_probe_start_early() {
        let outage = Outage::default();
        outage.record(Ok(()));
        let started = Instant::now();
        // The tenant's share concerns the tenant alone.
        outage.suspect(&FailureKind::TenantShare.into());
        assert!(timeout(Duration::ZERO, outage.suspected.notified()).await.is_err());
        outage.suspect(&FailureKind::Timeout.into());
        outage.probe_due().await;
        assert!(started.elapsed() < INTERVAL);
    }
}
