//! Integration: the traces that an OTLP receiver gets, that they contain nothing private, and the settings of the export.

use std::{collections::BTreeSet, time::Duration};

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use fake_opentelemetry_collector::{ExportedSpan, FakeCollectorServer};
use stripe_simulator::{Fault, Injection, Mode};

use crate::support::{
    World,
    process::{Serving, binary, serve, signal},
    settings::override_settings,
    stripe::{SESSIONS, alter},
    world::{bearer, connect, home},
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN_ID: &str = "b7ad6b7169203331";
/// How long a test waits for an expected export.
pub(super) const EXPORT_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts a second service process with the world's directory and Stripe, and a collector.
pub(super) async fn start(world: &World, collector: &str, variables: &[(&str, &str)]) -> Serving {
    start_with(world, collector, &[], variables).await
}

pub(super) async fn start_with(
    world: &World,
    collector: &str,
    settings: &[&str],
    variables: &[(&str, &str)],
) -> Serving {
    let mut arguments = world.settings(&["--listen=127.0.0.1:0"]);
    override_settings(&mut arguments, settings);
    let mut command = binary();
    command.args(arguments).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50").env("OTEL_METRIC_EXPORT_INTERVAL", "200");
    command.envs(variables.iter().copied());
    serve(command).await
}

/// Calls as an owner and as a member, with the caller's span as the parent. Returns which of the calls succeeded.
pub(super) async fn call(world: &World, serving: &Serving) -> [bool; 2] {
    let channel = connect(serving.address).await;
    let mut client = BillingPortalClient::new(channel);
    let mut succeeded = [false; 2];
    for (role, succeeded) in ["owner", "member"].into_iter().zip(&mut succeeded) {
        let mut request = bearer(&world.issuer.token("olivia", "acme", role), home());
        let parent = format!("00-{TRACE_ID}-{CALLER_SPAN_ID}-01");
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        *succeeded = client.create_portal_session(request).await.is_ok();
    }
    succeeded
}

async fn spans(collector: &mut FakeCollectorServer, count: usize) -> Vec<ExportedSpan> {
    let spans = collector.exported_spans(count, EXPORT_TIMEOUT).await;
    assert_eq!(spans.len(), count, "{spans:?}");
    spans
}

#[tokio::test]
async fn call_span_has_caller_as_parent_and_stripe_attempts_as_children() {
    let world = World::start().await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving = start(&world, &collector.endpoint(), &[]).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    let spans = spans(&mut collector, 4).await;
    assert!(spans.iter().all(|span| span.trace_id == TRACE_ID), "{spans:?}");
    let calls: Vec<_> = spans.iter().filter(|span| span.kind == "SPAN_KIND_SERVER").collect();
    assert!(calls.len() == 2 && calls.iter().all(|span| span.parent_span_id == CALLER_SPAN_ID), "{calls:?}");
    assert!(calls.iter().all(|span| span.name == "billing.portal.v1.BillingPortal/CreatePortalSession"));
    let opened = calls.iter().find(|span| format!("{:?}", span.attributes["rpc.response.status_code"]).contains("OK"));
    let attempts: Vec<_> = spans.iter().filter(|span| span.kind == "SPAN_KIND_CLIENT").collect();
    assert!(attempts.iter().all(|span| span.parent_span_id == opened.unwrap().span_id), "{attempts:?}");
    let names: BTreeSet<_> = attempts.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["GET /v1/customers/{id}", "POST /v1/billing_portal/sessions"]));
    // Trace context is not sent to Stripe.
    assert!(world.stripe.requests().iter().all(|request| request.header("traceparent").is_none()));
    assert!(world.audit().iter().all(|record| record["trace_id"] == TRACE_ID));
    let exported = format!("{spans:?}");
    for secret in ["cus_A", "olivia", "acme", "bps_", world.stripe.secret_key(Mode::Test)] {
        assert!(!exported.contains(secret), "{secret} is in {exported}");
    }
    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("CreatePortalSession")).collect();
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line.contains(TRACE_ID) && line.contains("request_id")),
        "{log}"
    );
}

#[tokio::test]
async fn limit_that_stripe_names_is_logged_and_counted_with_a_bounded_label() {
    let world = World::start().await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving = start(&world, &collector.endpoint(), &[]).await;
    world.stripe.inject(Injection::from(Fault::RateLimit).on(stripe_simulator::Endpoint::Sessions));
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.stripe.tamper(Some(alter(SESSIONS, |mut answer| {
        answer.headers.retain(|(name, _)| name != "stripe-rate-limited-reason");
        answer.headers.push(("stripe-rate-limited-reason".to_owned(), "a-limit-of-next-year".to_owned()));
        answer
    })));
    assert_eq!(call(&world, &serving).await, [false, false]);
    // The value of an attribute is text within text.
    let is_counted = |exported: &str, limit: &str| exported.contains(&format!("StringValue(\\\"{limit}\\\")"));
    let mut exported = String::new();
    let end = tokio::time::Instant::now() + EXPORT_TIMEOUT;
    while !is_counted(&exported, "other") && tokio::time::Instant::now() < end {
        exported.push_str(&format!("{:?}\n", collector.exported_metrics(1, EXPORT_TIMEOUT).await));
    }
    assert!(is_counted(&exported, "other") && is_counted(&exported, "global-rate"));
    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    assert!(log.contains("rate limit: global-rate") && log.contains("rate limit: other"), "{log}");
    assert!(!format!("{exported}{log}").contains("next-year"));
}

#[tokio::test]
async fn unreachable_collector_does_not_fail_calls_or_drain() {
    let world = World::start().await;
    let mut serving = start(&world, "http://127.0.0.1:1", &[]).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn disabled_traces_are_not_exported() {
    let world = World::start().await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let disabled = [("OTEL_TRACES_EXPORTER", "none")];
    let serving = start(&world, &collector.endpoint(), &disabled).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    assert!(!collector.exported_metrics(1, EXPORT_TIMEOUT).await.is_empty());
    signal(&serving.child, "-TERM");
    serving.log.await.unwrap();
    assert!(collector.exported_spans(1, Duration::from_millis(1)).await.is_empty());
}

#[tokio::test]
async fn untrusted_https_collector_does_not_fail_calls() {
    let world = World::over_tls().await;
    // Any TLS server can act as the collector: the exporter rejects its certificate, and the calls still succeed.
    let plain = World::start().await;
    let mut serving = start(&plain, world.stripe.base_url(), &[]).await;
    assert_eq!(call(&plain, &serving).await, [true, false]);
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
}
