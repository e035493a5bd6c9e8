//! Determines the state that the health service reports.

use tokio::sync::watch;

use crate::{grpc::health::State, telemetry::metrics::METRICS, wiring::Readiness};

/// Reports ready once the keys are loaded and the database has been reached. Later outages are reported as gRPC
/// statuses and do not affect readiness; otherwise every replica would become unready at the same moment.
pub(super) async fn watch(state: watch::Sender<State>, mut readiness: Readiness) {
    readiness.ready().await;
    tracing::info!("ready");
    loop {
        let flag_could_be_on = readiness.flag_could_be_on();
        state.send_replace(State { ready: true, flag_could_be_on });
        METRICS.flag(flag_could_be_on);
        if !readiness.flag_changed().await {
            return;
        }
    }
}
