//! Integration: what reaches a collector by which protocol, and what the log says about one that fails.

use std::time::{Duration, Instant};

use fake_opentelemetry_collector::FakeCollectorServer;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    metrics::v1::{metric::Data, number_data_point::Value as PointValue},
};
use prost::Message as _;
use serde_json::Value;

use super::telemetry::{EXPORT_TIMEOUT, call, start};
use crate::support::{
    World,
    collector::{HttpCollector, TlsProxy, hanging},
    process::{Serving, binary, signal, startup_error, valid_settings},
};

const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

/// Ends the process, and returns the lines of its log.
async fn stop(mut serving: Serving) -> Vec<Value> {
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
    serving.log.await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn with_message<'a>(log: &'a [Value], message: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn http_protobuf_is_the_default_and_variables_of_a_signal_take_precedence() {
    let (world, mut general, mut traces) =
        (World::start().await, HttpCollector::start().await, HttpCollector::start().await);
    let own = format!("{}/own", traces.endpoint);
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", ""),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", own.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20general"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer%20own"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
        ("OTEL_SERVICE_NAME", "portal"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,xservice.name=x,team=a%2Cb"),
    ];
    let serving = start(&world, &general.endpoint, &variables).await;
    assert_eq!(call(&world, &serving).await, [true, false]);
    let export = traces.next("/own").await;
    assert_eq!((&export.headers["content-type"], &export.headers["authorization"]).0, "application/x-protobuf");
    assert_eq!(export.headers["authorization"], "Bearer own");
    let export = ExportTraceServiceRequest::decode(export.body).unwrap();
    let resource = format!("{:?}", export.resource_spans[0].resource);
    for expected in ["StringValue(\"portal\")", "StringValue(\"a,b\")", "xservice.name", "telemetry.sdk.name"] {
        assert!(resource.contains(expected), "{expected} is not in {resource}");
    }
    assert!(!resource.contains("other"), "{resource}");
    let export = general.next("/v1/metrics").await;
    assert_eq!(export.headers["authorization"], "Bearer general");
    assert!(export.headers["content-encoding"] == "gzip" && export.body.starts_with(&[0x1f, 0x8b]));
    assert!(with_message(&stop(serving).await, "telemetry variable is ignored").is_empty());
}

#[tokio::test]
async fn https_collector_is_reached_by_both_protocols_with_the_cas_of_the_system_or_of_a_variable() {
    let world = World::start().await;
    for ca_variable in ["SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_CERTIFICATE"] {
        let (mut http, mut grpc) = (HttpCollector::start().await, FakeCollectorServer::start().await.unwrap());
        let (http_tls, grpc_tls) = (TlsProxy::start(http.address).await, TlsProxy::start(grpc.address()).await);
        let ca = tempfile::NamedTempFile::new().unwrap();
        let cas = [&http_tls, &grpc_tls].map(|proxy| std::fs::read_to_string(proxy.ca_file()).unwrap());
        std::fs::write(ca.path(), cas.concat()).unwrap();
        let variables = [
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", grpc_tls.endpoint.as_str()),
            (ca_variable, ca.path().to_str().unwrap()),
        ];
        let serving = start(&world, &http_tls.endpoint, &variables).await;
        assert_eq!(call(&world, &serving).await, [true, false]);
        let metrics = ExportMetricsServiceRequest::decode(http.next("/v1/metrics").await.body).unwrap();
        assert!(!metrics.resource_metrics.is_empty());
        assert!(!grpc.exported_spans(1, EXPORT_TIMEOUT).await.is_empty(), "{ca_variable}");
        assert!(with_message(&stop(serving).await, "telemetry export failed").is_empty());
    }
}

#[tokio::test]
async fn client_certificate_is_presented_to_the_collector() {
    let (world, mut collector) = (World::start().await, HttpCollector::start().await);
    let proxy = TlsProxy::start_mutual(collector.address).await;
    let [ca, certificate, key] = [vec![proxy.ca_file()], proxy.client_files().to_vec()].concat().try_into().unwrap();
    let files = [("CERTIFICATE", &ca), ("CLIENT_CERTIFICATE", &certificate), ("CLIENT_KEY", &key)];
    let files = files.map(|(name, path)| (format!("OTEL_EXPORTER_OTLP_{name}"), path.to_str().unwrap()));
    let mut variables: Vec<_> = files.iter().map(|(name, path)| (name.as_str(), *path)).collect();
    variables.push(HTTP);
    let serving = start(&world, &proxy.endpoint, &variables).await;
    collector.next("/v1/metrics").await;
    stop(serving).await;
}

/// Returns whether the failures of both signals are counted.
fn has_failures_of_both(export: &[u8]) -> bool {
    let export = ExportMetricsServiceRequest::decode(export).unwrap();
    let scopes = export.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let mut metrics = scopes.flat_map(|scope| scope.metrics);
    let failures = metrics.find(|metric| metric.name == "billing_portal.telemetry.export.failures").unwrap();
    let Some(Data::Sum(sum)) = failures.data else { panic!("not a counter") };
    sum.data_points.len() == 2 && sum.data_points.iter().all(|point| point.value != Some(PointValue::AsInt(0)))
}

#[tokio::test]
async fn failing_exports_are_logged_once_per_change_of_state_and_counted() {
    let (world, mut collector) = (World::start().await, HttpCollector::start().await);
    collector.set_status(400);
    let serving = start(&world, &collector.endpoint, &[HTTP]).await;
    collector.next("/v1/metrics").await;
    for _ in 0..3 {
        call(&world, &serving).await;
        collector.next("/v1/traces").await;
    }
    collector.set_status(200);
    call(&world, &serving).await;
    collector.next("/v1/traces").await;
    // The failures are counted in an export that succeeds.
    let counted = async { while !has_failures_of_both(&collector.next("/v1/metrics").await.body) {} };
    tokio::time::timeout(EXPORT_TIMEOUT, counted).await.expect("failures are not counted");
    let log = stop(serving).await;
    for signal in ["traces", "metrics"] {
        let states: Vec<_> = log.iter().filter(|line| line["signal"] == signal).map(|line| &line["message"]).collect();
        assert_eq!(states, ["telemetry export failed", "telemetry export recovered"], "{signal}: {log:?}");
    }
    let failed = with_message(&log, "telemetry export failed");
    assert!(failed.iter().all(|line| line["level"] == "WARN" && line.to_string().contains("400")), "{failed:?}");
}

#[tokio::test]
async fn collector_that_refuses_or_hangs_is_named_with_its_cause() {
    let world = World::start().await;
    let hanging = hanging().await;
    let limit = ("OTEL_EXPORTER_OTLP_TIMEOUT", "300");
    for protocol in ["grpc", "http/protobuf"] {
        for (endpoint, cause) in [
            ("http://127.0.0.1:1".to_owned(), ["Connection refused"; 2]),
            (format!("http://{hanging}"), ["timed out"; 2]),
            // The connection and the export have the same time limit.
            (format!("https://{hanging}"), ["timed out", "deadline has elapsed"]),
        ] {
            let serving = start(&world, &endpoint, &[("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), limit]).await;
            assert_eq!(call(&world, &serving).await, [true, false]);
            let log = stop(serving).await;
            let failed = with_message(&log, "telemetry export failed");
            let has_cause = |line: &&&Value| cause.iter().any(|cause| line.to_string().contains(cause));
            assert_eq!(failed.iter().filter(has_cause).count(), 2, "{protocol} {endpoint}: {failed:?}");
        }
    }
}

#[tokio::test]
async fn collector_that_hangs_delays_the_exit_by_at_most_a_second() {
    let world = World::start().await;
    let hanging = hanging().await;
    for (protocol, scheme) in [("grpc", "http"), ("grpc", "https"), ("http/protobuf", "http")] {
        let endpoint = format!("{scheme}://{hanging}");
        let serving = start(&world, &endpoint, &[("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)]).await;
        assert_eq!(call(&world, &serving).await, [true, false]);
        let started = Instant::now();
        let log = stop(serving).await;
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_millis(2_500), "{protocol}: {elapsed:?}");
        assert_eq!(with_message(&log, "telemetry export failed").len(), 2, "{protocol}: {log:?}");
        assert!(with_message(&log, "panic").is_empty(), "{log:?}");
    }
}

#[tokio::test]
async fn unknown_value_is_a_warning_and_endpoint_without_scheme_prevents_startup() {
    let (world, mut collector) = (World::start().await, HttpCollector::start().await);
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
    ];
    let serving = start(&world, &collector.endpoint, &variables).await;
    collector.next("/v1/metrics").await;
    let log = stop(serving).await;
    let warnings = with_message(&log, "telemetry variable is ignored");
    let found: Vec<_> =
        warnings.iter().map(|line| (line["variable"].as_str().unwrap(), line["used"].as_str())).collect();
    let used = [Some("http/protobuf"), Some("parentbased_always_on"), Some("30000"), None];
    for expected in variables.iter().zip(used).map(|((name, _), used)| (*name, used)) {
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
    assert!(found.len() == 4 && warnings.iter().all(|line| line["level"] == "WARN"), "{warnings:?}");
    assert!(!format!("{log:?}").contains("secret"));

    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317".to_owned()),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector".to_owned()),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/does/not/exist".to_owned()),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/without/certificate".to_owned()),
    ] {
        let (_folder, arguments) = valid_settings();
        let mut command = binary();
        command.args(arguments).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://localhost").env(variable, value);
        let (code, error) = startup_error(command).await;
        assert!(code == Some(64) && error.starts_with(&format!("billing-portal: {variable}: ")), "{error}");
    }
}
