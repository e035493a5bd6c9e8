//! Many clients beside the load.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use stripe_simulator::{Customer, Fault as Failure};
use tokio::task::JoinSet;
use tonic::Code;

use super::{caller::Caller, load::CONNECTIONS, outcome::Outcome, stage::Stage};

const WATCHES: usize = 10_000;
const SLOW_CALLS: usize = 1_000;

const CHART: &str = include_str!("../../../helm/billing-portal/values.yaml");

/// Holds this number of connections, together with those of the load, and calls that wait for Stripe as long as they may. Those of
/// one tenant, so that the load's calls are served.
pub(super) async fn stays(stage: &Stage, connections: usize) {
    stage.stripe.add_customer(Customer::new("cus_SLOW").metadata("tenant_id", "slow").fault(Failure::Hang));
    let slow = stage.scaled(SLOW_CALLS);
    stage
        .sql(&format!(
            "INSERT INTO tenants VALUES ('slow', 'cus_SLOW');
             INSERT INTO owners SELECT 'slow', 's' || i FROM generate_series(0, {slow} - 1) AS i"
        ))
        .await;
    let callers: Vec<_> = (CONNECTIONS..connections).map(|_| Caller::new(stage.serving.address)).collect();
    let attempts = stage.scaled(WATCHES);
    let watches = join_all((0..attempts).map(|number| callers[number % callers.len()].watch())).await;
    // Those beyond the limits of streams are refused.
    assert!(watches.iter().any(Result::is_ok));
    assert!(
        watches.iter().flat_map(|watch| watch.as_ref().err()).all(|status| status.code() == Code::ResourceExhausted)
    );
    let (mut calls, goes_on) = (JoinSet::new(), Arc::new(AtomicBool::new(true)));
    for number in 0..slow {
        let (caller, token) =
            (callers[number % callers.len()].clone(), stage.load.token(&format!("s{number}"), "slow"));
        let goes_on = Arc::clone(&goes_on);
        calls.spawn(async move {
            while goes_on.load(Ordering::Relaxed) {
                caller.open(&token).await;
            }
        });
    }
    stage.hold().await;
    goes_on.store(false, Ordering::Relaxed);
    calls.join_all().await;
}

/// The resident memory stays below the chart's limit.
pub(super) fn memory(outcome: &Outcome<'_>) -> String {
    let (_, limit) = CHART.split_once("limits: {memory: ").unwrap();
    let (limit, _) = limit.split_once("Mi}").unwrap();
    let peak = outcome.resources[1].peak / 1024;
    assert!(peak < limit.parse().unwrap(), "{peak} MiB");
    format!("at most {peak} MiB of {limit} MiB")
}
