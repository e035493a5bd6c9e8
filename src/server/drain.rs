//! The drain: waits for the calls in flight, up to a time limit.

use std::time::Duration;

use tokio::time::timeout;

use crate::wiring::Calls;

/// How long calls that were cut off may take to write their audit entries if the disk does not respond.
const AUDIT_GRACE: Duration = Duration::from_secs(3);

/// Waits for the calls in flight. Cuts them off after `limit`, or when `stop_waiting` completes.
pub(super) async fn calls(calls: &Calls, limit: Duration, stop_waiting: impl Future<Output = ()>) {
    calls.in_flight.close();
    let all_ended = tokio::select! {
        ended = timeout(limit, calls.in_flight.wait()) => ended.is_ok(),
        () = stop_waiting => false,
    };
    if all_ended {
        return;
    }
    tracing::warn!(calls = calls.in_flight.len(), "cutting off calls in flight");
    calls.cut_off.cancel();
    if timeout(AUDIT_GRACE, calls.in_flight.wait()).await.is_err() {
        tracing::error!(calls = calls.in_flight.len(), "calls end without an audit outcome");
    }
}
