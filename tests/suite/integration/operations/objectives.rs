//! Integration: what the service-level objectives count: the time that the service adds to Stripe's, and whose fault a refusal is.

use std::collections::BTreeMap;

use fake_opentelemetry_collector::{ExportedMetric, FakeCollectorServer};
use serde_json::Value;
use stripe_simulator::{Endpoint, Fault, Injection};

use super::telemetry::{EXPORT_TIMEOUT, start_with};
use crate::support::{World, process::signal};

/// The latest points of each metric, by its name.
type Points = BTreeMap<String, Vec<Value>>;

/// Waits for exports until the metrics are as expected, and returns them.
async fn exported(collector: &mut FakeCollectorServer, is_expected: impl Fn(&Points) -> bool) -> Points {
    let mut latest = Points::new();
    let end = tokio::time::Instant::now() + EXPORT_TIMEOUT;
    while tokio::time::Instant::now() < end {
        for ExportedMetric { metrics, .. } in collector.exported_metrics(1, EXPORT_TIMEOUT).await {
            for metric in metrics {
                let data = serde_json::to_value(&metric).unwrap()["data"].take();
                let points = data.as_object().into_iter().flat_map(|data| data.values());
                let points = points.filter_map(|data| data["data_points"].as_array().cloned()).flatten();
                latest.insert(metric.name, points.collect());
            }
        }
        if is_expected(&latest) {
            return latest;
        }
    }
    panic!("metrics are not as expected: {latest:#?}");
}

/// The points of refusals with this text in their attributes, and whether a refusal was counted in each.
fn refusals(points: &Points, attribute: &str) -> Vec<(String, bool)> {
    let refusals = points.get("billing_portal.refusals").into_iter().flatten();
    let refusals = refusals.map(|point| (point["attributes"].to_string(), point["value"].to_string()));
    refusals.filter(|(text, _)| text.contains(attribute)).map(|(text, value)| (text, !value.contains(":0}"))).collect()
}

/// The sum of all durations of successful calls, in seconds.
fn seconds(points: &Points, metric: &str) -> Option<f64> {
    let points = points.get(metric)?.iter().filter(|point| !point["attributes"].to_string().contains("error.type"));
    points.map(|point| point["sum"].as_f64()).sum()
}

#[tokio::test]
async fn time_and_faults_of_stripe_are_not_those_of_the_service() {
    let mut world = World::start().await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let settings = ["--deadline=2s", "--stripe-attempt-timeout=1200ms"];
    let serving = start_with(&world, &collector.endpoint(), &settings, &[]).await;
    world.connect_to(serving.address).await;

    // Before the first refusal, every series that counts against the service exists.
    let points = exported(&mut collector, |points| !refusals(points, "DATABASE_UNAVAILABLE").is_empty()).await;
    let at_start = refusals(&points, "service");
    assert!(at_start.len() == 20 && at_start.iter().all(|(_, is_counted)| !is_counted), "{at_start:?}");

    // The first attempt times out.
    world.stripe.inject(Injection::from(Fault::Hang).on(Endpoint::Sessions).first(1));
    world.open(&world.olivia()).await.unwrap();
    let durations = ["billing_portal.calls.added_duration", "rpc.server.call.duration"];
    let points = exported(&mut collector, |points| durations.iter().all(|name| points.contains_key(*name))).await;
    let [added, whole] = durations.map(|name| seconds(&points, name).unwrap());
    assert!(0.0 < added && added <= whole - 1.2, "{added} of {whole}");

    // The second attempt lasts until the deadline.
    world.stripe.inject(Fault::Hang);
    let refusal = world.open(&world.olivia()).await.unwrap_err();
    let counted = |points: &Points| refusals(points, &refusal.reason).into_iter().filter(|(_, is_counted)| *is_counted);
    let points = exported(&mut collector, |points| counted(points).count() > 0).await;
    let counted: Vec<_> = counted(&points).collect();
    assert!(counted.len() == 1 && counted[0].0.contains("stripe"), "{} {counted:?}", refusal.reason);
    signal(&serving.child, "-TERM");
}
