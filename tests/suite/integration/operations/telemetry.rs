//! Integration: the traces and metrics that an OTLP receiver gets, and that they contain nothing private.

use std::{collections::BTreeSet, time::Duration};

use billing_portal::{grpc::proto::billing_portal_client::BillingPortalClient, telemetry::metrics::NAMES};
use fake_opentelemetry_collector::{ExportedMetric, ExportedSpan, FakeCollectorServer};
use serde_json::Value;
use stripe_simulator::Mode;
use tonic::transport::Endpoint;

use crate::support::{
    World,
    process::{Serving, binary, serve, signal},
    world::{arguments, bearer, home, override_settings},
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN_ID: &str = "b7ad6b7169203331";
/// How long a test waits for an expected export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts a second service process with the world's directory and Stripe, and a collector.
async fn start(world: &World, collector: &str, variables: &[(&str, &str)]) -> Serving {
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    override_settings(&mut arguments, &["--listen=127.0.0.1:0"]);
    let mut command = binary();
    command.args(arguments).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    serve({
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "200").envs(variables.iter().copied());
        command
    })
    .await
}

/// Calls as an owner and as a member, with the caller's span as the parent. Returns which of the calls succeeded.
async fn call(world: &World, serving: &Serving) -> [bool; 2] {
    let channel = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap().connect_lazy();
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
async fn metrics_have_documented_names_and_no_private_values() {
    let world = World::start().await;
    world.sql("INSERT INTO billing_portal_tenants VALUES ('globex', 'cus_A')").await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving = start(&world, &collector.endpoint(), &[]).await;
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("DELETE FROM billing_portal_tenants WHERE tenant_id = 'globex' AND stripe_customer_id = 'cus_A'").await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved").await;
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("ALTER TABLE moved RENAME TO billing_portal_tenants").await;
    let mut names = BTreeSet::new();
    let mut exported = String::new();
    let end = tokio::time::Instant::now() + EXPORT_TIMEOUT;
    while names.len() < NAMES.len() && tokio::time::Instant::now() < end {
        for metric in collector.exported_metrics(1, EXPORT_TIMEOUT).await {
            exported.push_str(&format!("{metric:?}\n"));
            let ExportedMetric { metrics, .. } = metric;
            names.extend(metrics.into_iter().map(|metric| metric.name));
        }
    }
    assert_eq!(names, NAMES.map(str::to_owned).into());
    for private in ["acme", "olivia", "cus_A", "bps_", "127.0.0.1"] {
        assert!(!exported.contains(private), "{private} is in {exported}");
    }
    for counted in ["MAPPING_INTEGRITY", "shared_customer", "NOT_OWNER", "customers.retrieve", "PERMISSION_DENIED"] {
        assert!(exported.contains(counted), "{counted} is not in {exported}");
    }
    std::fs::write(world.path("flags.json"), "{").unwrap();
    let is_flags_file = |point: &Value| point["attributes"]["setting"].to_string().contains("--flags-file");
    wait_for_gauge(&mut collector, "billing_portal.file.good", is_flags_file, 0).await;
    signal(&serving.child, "-TERM");
}

/// Waits until a gauge is exported with this value.
async fn wait_for_gauge(
    collector: &mut FakeCollectorServer,
    name: &str,
    is_expected: impl Fn(&Value) -> bool,
    value: u64,
) {
    let exported = async {
        loop {
            let exports = collector.exported_metrics(1, EXPORT_TIMEOUT).await;
            for metric in exports.into_iter().flat_map(|export| export.metrics).filter(|metric| metric.name == name) {
                let points = serde_json::to_value(&metric).unwrap()["data"]["Gauge"]["data_points"].take();
                let mut points = points.as_array().unwrap().iter().filter(|point| is_expected(point));
                if points.any(|point| point["value"].to_string().contains(&format!(":{value}}}"))) {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(EXPORT_TIMEOUT, exported).await.unwrap_or_else(|_| panic!("{name} never is {value}"));
}

#[tokio::test]
async fn outage_of_directory_is_one_log_line_and_a_gauge_and_failure_for_one_tenant_is_neither() {
    let world = World::start().await;
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving = start(&world, &collector.endpoint(), &[]).await;
    wait_for_gauge(&mut collector, "billing_portal.directory.up", |_| true, 1).await;
    let fails_for_acme = "BEGIN; ALTER TABLE billing_portal_tenants RENAME TO mapping;
        CREATE VIEW billing_portal_tenants AS SELECT tenant_id, CASE tenant_id WHEN 'acme'
            THEN abs(-9223372036854775807 + 3 - length(tenant_id)) ELSE stripe_customer_id END AS stripe_customer_id
        FROM mapping; COMMIT";
    world.sql(fails_for_acme).await;
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("DROP VIEW billing_portal_tenants").await;
    for _ in 0..3 {
        assert_eq!(call(&world, &serving).await, [false, false]);
    }
    wait_for_gauge(&mut collector, "billing_portal.directory.up", |_| true, 0).await;
    world.sql("ALTER TABLE mapping RENAME TO billing_portal_tenants").await;
    wait_for_gauge(&mut collector, "billing_portal.directory.up", |_| true, 1).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    signal(&serving.child, "-TERM");
    let log = serving.log.await.unwrap();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect::<Vec<_>>();
    let refusals = lines("DATABASE_UNAVAILABLE");
    assert!(refusals.iter().any(|line| line.contains("integer overflow")), "{log}");
    let failures = lines("directory is not available");
    assert!(failures.len() == 1 && failures[0].contains("no such table"), "{log}");
    assert_eq!(lines("directory is available again").len(), 1, "{log}");
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
async fn unsupported_protocol_prevents_startup_and_disabled_traces_are_not_exported() {
    let world = World::start().await;
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    let mut command = binary();
    let output = command.args(&arguments).env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && text.lines().count() == 1, "{text}");

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
