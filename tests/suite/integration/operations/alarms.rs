//! Integration: the first event that could mean a wrong portal is one metric that an alert watches, one error in the log, and one
//! audit entry, all about the same call.

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use fake_opentelemetry_collector::FakeCollectorServer;
use serde_json::Value;
use stripe_simulator::Fault;

use super::telemetry::{EXPORT_TIMEOUT, start_with};
use crate::support::{
    ClientError, World,
    process::{Serving, signal},
    world::{bearer, home},
};

/// What the log, the audit and the metrics must say about a refusal.
struct Expected<'a> {
    /// The level of its only log line.
    level: &'a str,
    reason: &'a str,
    detail: Option<&'a str>,
    /// A part of the cause.
    cause: &'a str,
    /// A metric, and a label of it.
    counted: [&'a str; 2],
}

/// Calls once, with the header of a sidecar if there is one, and asserts that the log, the audit and the metrics agree about
/// the refusal.
async fn call(world: &mut World, settings: &[&str], forwarded: Option<&str>, expected: Expected<'_>) {
    let Expected { level, reason, detail, cause, counted } = expected;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving: Serving = start_with(world, &collector.endpoint(), settings, &[]).await;
    world.connect_to(serving.address).await;
    let mut request = bearer(&world.olivia(), home());
    if let Some(forwarded) = forwarded {
        request.metadata_mut().insert("x-forwarded-client-cert", forwarded.parse().unwrap());
    }
    let mut client = BillingPortalClient::new(world.channel.clone());
    let refusal = ClientError::of(&client.create_portal_session(request).await.unwrap_err());
    assert_eq!(refusal.reason, reason);

    let [metric, label] = counted;
    let is_counted = async {
        loop {
            let exports = collector.exported_metrics(1, EXPORT_TIMEOUT).await;
            let mut metrics = exports.into_iter().flat_map(|export| export.metrics);
            if metrics.any(|found| found.name == metric && format!("{found:?}").contains(label)) {
                return;
            }
        }
    };
    tokio::time::timeout(EXPORT_TIMEOUT, is_counted).await.unwrap_or_else(|_| panic!("{metric} has no {label}"));

    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["level"] == "ERROR" || !line["reason"].is_null())
        .collect();
    let [line] = &lines[..] else { panic!("not one refusal and no other error: {log}") };
    assert_eq!((&line["level"], &line["reason"]), (&level.into(), &reason.into()));
    assert_eq!(line["span"]["request_id"], refusal.request_id);
    assert_eq!(line["detail"].as_str(), detail);
    assert!(line["cause"].as_str().unwrap().contains(cause), "{line}");

    let entries: Vec<_> = world.audit().into_iter().filter(|entry| entry["request_id"] == refusal.request_id).collect();
    let outcomes: Vec<_> = entries.iter().filter(|entry| entry["event"] == "outcome").collect();
    let [outcome] = &outcomes[..] else { panic!("not one outcome: {entries:?}") };
    assert_eq!((&outcome["reason"], &outcome["released"]), (&reason.into(), &false.into()));
    assert_eq!(outcome["detail"].as_str(), detail);
}

#[tokio::test]
async fn swapped_customers_raise_one_alarm() {
    let mut world = World::start().await;
    world.sql("UPDATE billing_portal_tenants SET stripe_customer_id = CASE tenant_id WHEN 'acme' THEN 'cus_B' ELSE 'cus_A' END WHERE tenant_id IN ('acme', 'globex')");
    let counted = ["billing_portal.mapping_integrity", "customer_of_another_tenant"];
    let expected = Expected {
        level: "ERROR",
        reason: "MAPPING_INTEGRITY",
        detail: Some("customer_of_another_tenant"),
        cause: "names a different tenant",
        counted,
    };
    call(&mut world, &[], None, expected).await;
}

#[tokio::test]
async fn customer_of_two_tenants_raises_one_alarm() {
    let mut world = World::start().await;
    world.sql("UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'globex'");
    let counted = ["billing_portal.mapping_integrity", "shared_customer"];
    let expected = Expected {
        level: "ERROR",
        reason: "MAPPING_INTEGRITY",
        detail: Some("shared_customer"),
        cause: "shared_customer",
        counted,
    };
    call(&mut world, &[], None, expected).await;
}

#[tokio::test]
async fn response_for_another_customer_raises_one_alarm() {
    let mut world = World::start().await;
    world.stripe.inject(Fault::OtherCustomer);
    let counted = ["billing_portal.refusals", "STRIPE_RESPONSE_REJECTED"];
    let expected = Expected { level: "ERROR", reason: "STRIPE_RESPONSE_REJECTED", detail: None, cause: "id", counted };
    call(&mut world, &[], None, expected).await;
}

#[tokio::test]
async fn replayed_response_raises_one_alarm() {
    let mut world = World::start().await;
    world.stripe.inject(Fault::Replayed);
    let counted = ["billing_portal.refusals", "STRIPE_RESPONSE_REJECTED"];
    let expected =
        Expected { level: "ERROR", reason: "STRIPE_RESPONSE_REJECTED", detail: None, cause: "replayed", counted };
    call(&mut world, &[], None, expected).await;
}

/// The caller sends an element that names the allowed workload. The sidecar appends the one of the real workload.
#[tokio::test]
async fn forged_header_in_front_of_the_sidecars_is_one_refusal_everywhere() {
    let mut world = World::start().await;
    let settings = ["--caller-identity=istio", "--allowed-callers=spiffe://td/settings"];
    let forged =
        "By=spiffe://td/billing;Hash=0a;URI=spiffe://td/settings,By=spiffe://td/billing;Hash=0b;URI=spiffe://td/evil";
    let counted = ["billing_portal.refusals", "CALLER_NOT_ALLOWED"];
    let cause = "not in the list of allowed callers";
    let expected = Expected { level: "INFO", reason: "CALLER_NOT_ALLOWED", detail: None, cause, counted };
    call(&mut world, &settings, Some(forged), expected).await;
    assert!(world.stripe.requests().is_empty());
}
