//! Decides what the health service reports.

use std::time::Duration;

use tokio::sync::watch;

use crate::{adapters::flag, grpc::health::State, telemetry::metrics::METRICS, wiring::Readiness};

/// How often a database that was never reached is tried again.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Becomes ready once the keys are loaded and the database was reached. A later outage is reported in statuses and does not affect
/// readiness; otherwise every replica would become unready at the same moment.
pub(super) async fn watch(state: watch::Sender<State>, readiness: Readiness) {
    let Readiness { directory, keys, flag, flag_key } = readiness;
    keys.loaded().await;
    while let Err(refusal) = directory.probe().await {
        tracing::warn!(cause = %refusal, "not ready: database was not reached yet");
        tokio::time::sleep(PROBE_INTERVAL).await;
    }
    tracing::info!("ready");
    let mut changes = flag.changes();
    loop {
        let flag_could_be_on = flag::could_be_on(changes.borrow_and_update().as_deref(), &flag_key);
        state.send_replace(State { ready: true, flag_could_be_on });
        METRICS.flag(flag_could_be_on);
        if changes.changed().await.is_err() {
            return;
        }
    }
}
