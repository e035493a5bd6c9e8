//! `grpc.health.v1`: whether the process is ready, and, for people and dashboards, whether the flag could be on for anyone.

use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

/// What the health statuses depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The keys are loaded, the database was reached once, and the process is not draining.
    pub ready: bool,
    /// The flag could be on for some tenant.
    pub flag_could_be_on: bool,
}

/// The names that are ready or not; the last one is the probe's.
const READY: [&str; 2] = ["billing.portal.v1.PortalAccess", ""];
const OPEN: &str = "billing.portal.v1.BillingPortal";

/// Returns a reporter in which every name is NOT_SERVING before the first connection can ask.
pub async fn reporter() -> HealthReporter {
    let reporter = HealthReporter::new();
    for name in READY.into_iter().chain([OPEN]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter
}

/// Reports each change until the state's sender is dropped. Then it ends every Watch stream, so that the drain does not wait for one.
pub async fn report(mut reporter: HealthReporter, mut state: watch::Receiver<State>) {
    loop {
        let State { ready, flag_could_be_on } = *state.borrow_and_update();
        // The probe's name last: a client that sees it SERVING then sees the other names in their current state.
        for (name, is_serving) in [(OPEN, ready && flag_could_be_on)].into_iter().chain(READY.map(|name| (name, ready)))
        {
            reporter.set_service_status(name, status(is_serving)).await;
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

const fn status(is_serving: bool) -> ServingStatus {
    if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}
