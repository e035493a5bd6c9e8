//! Many clients beside the load.

use std::sync::Arc;

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit};
use serde_json::json;
use stripe_simulator::{Answer as Answered, Customer, Fault as Failure};
use tokio::{sync::watch, task::JoinSet};
use tonic::Code;

use super::{
    caller::Caller,
    load::{Answer, CONNECTIONS},
    outcome::Outcome,
    stage::Stage,
};
use crate::support::process::limit;

const WATCHES: usize = 10_000;
const SLOW_CALLS: usize = 1_000;

/// How many of them begin for each call of the load: each needs a connection to Stripe, which costs the simulator more than the
/// service.
const CALLS_AT_ONCE: usize = 5;

/// The reason of a call whose customer Stripe does not know.
const MISSING: &str = "BILLING_ACCOUNT_MISSING_AT_STRIPE";

const CHART: &str = include_str!("../../../helm/billing-portal/values.yaml");

/// Holds this number of connections, together with those of the load, watches, and calls that wait for Stripe. All of these calls
/// are of one tenant, so that those of the load are served.
pub(super) async fn stays(stage: &Stage, connections: usize) {
    // Like the limit of a container, but for what the process has allocated, which is more than what is resident.
    let bytes = Some(memory_limit() << 20);
    limit(&stage.serving.child, Resource::Data, Rlimit { current: bytes, maximum: bytes });
    let (is_over, over) = watch::channel(false);
    answer_when(stage, over);
    let slow = stage.scaled(SLOW_CALLS);
    let rows = format!(
        "INSERT INTO tenants VALUES ('slow', 'cus_SLOW');
         INSERT INTO owners SELECT 'slow', 's' || i FROM generate_series(0, {slow} - 1) AS i"
    );
    stage.sql(&rows).await;
    let callers: Vec<_> = (CONNECTIONS..connections).map(|_| Caller::new(stage.serving.address)).collect();
    let attempts = stage.scaled(WATCHES);
    let watches = join_all((0..attempts).map(|number| callers[number % callers.len()].watch())).await;
    // Those beyond the limits of streams are refused.
    let mut refused = watches.iter().filter_map(|watch| watch.as_ref().err());
    assert!(refused.all(|status| status.code() == Code::ResourceExhausted));
    let mut calls = JoinSet::new();
    for number in 0..slow {
        let (caller, token) =
            (callers[number % callers.len()].clone(), stage.load.token(&format!("s{number}"), "slow"));
        calls.spawn(async move { caller.open_without_deadline(&token).await });
        if number % CALLS_AT_ONCE == 0 {
            stage.load.wait_for_calls(1).await;
        }
    }
    stage.hold().await;
    assert!(calls.try_join_next().is_none(), "a slow call has ended");
    is_over.send_replace(true);
    let answers = calls.join_all().await;
    let is_expected = |answer: &Answer| matches!(answer, Answer::Refused { reason, .. } if reason == MISSING);
    assert!(answers.iter().all(is_expected), "{answers:?}");
}

/// Makes Stripe answer the calls of the crowd when it is over. It then does not know their customer, and closes the connections.
fn answer_when(stage: &Stage, over: watch::Receiver<bool>) {
    let customer = Customer::new("cus_SLOW").metadata("tenant_id", "slow");
    stage.stripe.add_customer(customer.fault(Failure::ClosedAfterResponse));
    stage.stripe.tamper(Some(Arc::new(move |request, answer| {
        let mut over = over.clone();
        Box::pin(async move {
            if !request.path.ends_with("cus_SLOW") {
                return answer;
            }
            over.wait_for(|over| *over).await.unwrap();
            Answered { status: 404, ..answer }.with_json(&json!({
                "error": {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}
            }))
        })
    })));
}

/// The chart's limit of memory, in MiB.
fn memory_limit() -> u64 {
    let (_, limit) = CHART.split_once("limits: {memory: ").unwrap();
    let (limit, _) = limit.split_once("Mi}").unwrap();
    limit.parse().unwrap()
}

/// The resident memory stays below the chart's limit.
pub(super) fn memory(outcome: &Outcome<'_>) -> String {
    let (peak, limit) = (outcome.resources[1].peak / 1024, memory_limit());
    assert!(peak < limit, "{peak} MiB");
    format!("at most {peak} MiB of {limit} MiB")
}
