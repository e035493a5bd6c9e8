//! Determines the state that the health service reports.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{grpc::health::State, telemetry::metrics::METRICS, wiring::Readiness};

/// Reports ready once the keys are loaded and the database has been reached. Later outages are reported as gRPC statuses, and
/// as the health of `BillingPortal`. They do not affect readiness; otherwise every replica would become unready at the same
/// moment.
pub(super) async fn watch(state: Arc<watch::Sender<State>>, mut readiness: Readiness) {
    readiness.ready().await;
    tracing::info!("ready");
    loop {
        let flag_could_be_on = readiness.flag_could_be_on();
        let current = State { ready: true, flag_could_be_on, has_outage: readiness.has_outage() };
        state.send_if_modified(|state| std::mem::replace(state, current) != current);
        METRICS.flag(flag_could_be_on);
        if !readiness.may_have_changed().await {
            return;
        }
    }
}
