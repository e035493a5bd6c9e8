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

/// The service's names; the last is the probe's.
const READY: [&str; 2] = ["billing.portal.v1.PortalAccess", ""];
const OPEN: &str = "billing.portal.v1.BillingPortal";

/// A reporter that says NOT_SERVING of every name from the start, before the first connection can ask.
pub async fn reporter() -> HealthReporter {
    let reporter = HealthReporter::new();
    for name in READY.into_iter().chain([OPEN]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter
}

/// Tells each change until the state's sender is dropped; then ends every Watch, so that no drain waits for one.
pub async fn tell(mut reporter: HealthReporter, mut state: watch::Receiver<State>) {
    loop {
        let State { ready, flag_could_be_on } = *state.borrow_and_update();
        // The probe's name last: whoever sees it SERVING sees the others as they are.
        for (name, is_serving) in [(OPEN, ready && flag_could_be_on)].into_iter().chain(READY.map(|name| (name, ready)))
        {
            reporter.set_service_status(name, serving(is_serving)).await;
        }
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
