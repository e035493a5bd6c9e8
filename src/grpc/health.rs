//! `grpc.health.v1`: reports whether the process is ready and, for people and dashboards, whether a portal could be opened: the flag
//! could be on for any tenant, and neither the directory nor the keys have failed for some time.

use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The state that the health statuses depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The keys are loaded, the database was reached once, and the process is not draining.
    pub ready: bool,
    /// The flag could be on for some tenant.
    pub flag_could_be_on: bool,
    /// The directory or the keys have failed for so long that on-call must see it.
    pub has_outage: bool,
}

impl State {
    const fn portal_could_be_opened(self) -> bool {
        self.ready && self.flag_could_be_on && !self.has_outage
    }
}

/// The names whose status is readiness. The last one is the name that the probes check.
const READINESS_NAMES: [&str; 2] = ["billing.portal.v1.PortalAccess", ""];

/// The name whose status also depends on the flag and on outages.
const PORTAL_NAME: &str = "billing.portal.v1.BillingPortal";

/// Returns a reporter in which every name is NOT_SERVING.
pub async fn reporter() -> HealthReporter {
    let reporter = HealthReporter::new();
    for name in READINESS_NAMES.into_iter().chain([PORTAL_NAME]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter
}

/// Reports each change until the state's sender is dropped, which begins the drain. Then reports that nothing is served.
pub async fn report(reporter: HealthReporter, mut state: watch::Receiver<State>) {
    loop {
        let current = *state.borrow_and_update();
        let portal = (PORTAL_NAME, current.portal_could_be_opened());
        // The name of the probes is set last, so that a client that sees it SERVING also sees the current state of the others.
        for (name, is_serving) in [portal].into_iter().chain(READINESS_NAMES.map(|name| (name, current.ready))) {
            reporter.set_service_status(name, status(is_serving)).await;
        }
        if state.changed().await.is_err() {
            break;
        }
    }
    for name in READINESS_NAMES.into_iter().chain([PORTAL_NAME]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
}

/// Ends every Watch stream, because it would keep its connection open.
pub async fn end_watches(mut reporter: HealthReporter) {
    for name in READINESS_NAMES.into_iter().chain([PORTAL_NAME]) {
        reporter.clear_service_status(name).await;
    }
}

const fn status(is_serving: bool) -> ServingStatus {
    if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}
