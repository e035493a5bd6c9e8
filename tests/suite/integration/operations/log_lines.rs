//! Integration: the fields of log lines in JSON.

use serde_json::Value;
use stripe_simulator::{Fault, Injection};

use super::telemetry::{call, start_with};
use crate::support::{World, process::signal};

/// Returns the fields of a line and of its span.
fn fields(line: &Value) -> Vec<(String, Value)> {
    let own = line.as_object().unwrap().iter().chain(line["span"].as_object().into_iter().flatten());
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[tokio::test]
async fn durations_are_numbers_and_texts_are_quoted_once() {
    let world = World::start().await;
    let serving = start_with(&world, "", &["--log-format=json"], &[("RUST_LOG", "billing_portal=debug")]).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    world.stripe.inject(Injection::from(Fault::Status503).first(1));
    assert_eq!(call(&world, &serving).await, [true, false], "the request is retried");
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved");
    assert_eq!(call(&world, &serving).await, [false, false]);
    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for expected in ["request served", "request refused", "retrying Stripe request", "portal session created"] {
        assert!(lines.iter().any(|line| line["message"] == expected), "{expected} is not in {log}");
    }
    let path = "/billing.portal.v1.BillingPortal/CreatePortalSession";
    assert_eq!(lines.iter().filter(|line| line["path"] == path).count(), 6, "{log}");
    for (name, value) in lines.iter().flat_map(fields) {
        assert!(!value.as_str().is_some_and(|text| text.starts_with('"')), "{name} is quoted twice: {value}");
        assert!(!name.ends_with("_ms") || value.is_u64(), "{name} is not a number: {value}");
    }
}
