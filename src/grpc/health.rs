//! `grpc.health.v1`: whether the process is ready, and, for people and dashboards, whether the portal could open for anyone.

use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

/// What health is told from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The database was reached once, and the process is not draining.
    pub ready: bool,
    /// The flag could be on for some tenant.
    pub flag_could_be_on: bool,
}

/// The service's names; the first is the probe's.
const READY: [&str; 2] = ["", "billing.portal.v1.PortalAccess"];
const OPEN: &str = "billing.portal.v1.BillingPortal";

/// Tells each change until the state's sender is dropped; then ends every Watch, so that no drain waits for one.
pub async fn tell(mut reporter: HealthReporter, mut state: watch::Receiver<State>) {
    loop {
        let State { ready, flag_could_be_on } = *state.borrow_and_update();
        for name in READY {
            reporter.set_service_status(name, serving(ready)).await;
        }
        reporter.set_service_status(OPEN, serving(ready && flag_could_be_on)).await;
        if state.changed().await.is_err() {
            break;
        }
    }
    for name in READY.into_iter().chain([OPEN]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
        reporter.clear_service_status(name).await;
    }
}

const fn serving(yes: bool) -> ServingStatus {
    if yes { ServingStatus::Serving } else { ServingStatus::NotServing }
}
