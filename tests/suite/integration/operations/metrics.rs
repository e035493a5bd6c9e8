//! Integration: the metrics that an OTLP receiver gets, and that they contain nothing private.

use std::{collections::BTreeSet, fmt::Display};

use billing_portal::telemetry::metrics::NAMES;
use fake_opentelemetry_collector::{ExportedMetric, FakeCollectorServer};
use rcgen::date_time_ymd;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::telemetry::{EXPORT_TIMEOUT, call, start, start_with};
use crate::support::{
    World,
    certificates::{Authority, mtls_arguments, write_files},
    key_server::KeyServer,
    process::signal,
    world::FLAG_OFF,
};

#[tokio::test]
async fn metrics_have_documented_names_and_no_private_values() {
    let world = World::start().await;
    world.sql("INSERT INTO billing_portal_tenants VALUES ('globex', 'cus_A')");
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let serving = start(&world, &collector.endpoint(), &[]).await;
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("DELETE FROM billing_portal_tenants WHERE tenant_id = 'globex' AND stripe_customer_id = 'cus_A'");
    assert_eq!(call(&world, &serving).await, [true, false]);
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved");
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("ALTER TABLE moved RENAME TO billing_portal_tenants");
    // A client that uses TLS without need is refused.
    let mut tls = TcpStream::connect(serving.address).await.unwrap();
    tls.write_all(&[22; 24]).await.unwrap();
    let mut names = BTreeSet::new();
    let mut exported = String::new();
    let end = tokio::time::Instant::now() + EXPORT_TIMEOUT;
    while names.len() < NAMES.len() - 1 && tokio::time::Instant::now() < end {
        for metric in collector.exported_metrics(1, EXPORT_TIMEOUT).await {
            exported.push_str(&format!("{metric:?}\n"));
            let ExportedMetric { metrics, .. } = metric;
            names.extend(metrics.into_iter().map(|metric| metric.name));
        }
    }
    // The certificates of the listener have a test of their own.
    names.insert("billing_portal.source.expires".to_owned());
    assert_eq!(names, NAMES.map(str::to_owned).into());
    for private in ["acme", "olivia", "cus_A", "bps_", "127.0.0.1"] {
        assert!(!exported.contains(private), "{private} is in {exported}");
    }
    for counted in [
        "MAPPING_INTEGRITY",
        "shared_customer",
        "NOT_OWNER",
        "customers.retrieve",
        "PERMISSION_DENIED",
        "unexpected_tls",
    ] {
        assert!(exported.contains(counted), "{counted} is not in {exported}");
    }
    signal(&serving.child, "-TERM");
}

/// Waits for an export in which a source has this value of `billing_portal.source.good`, and returns its other metrics.
async fn source(collector: &mut FakeCollectorServer, setting: &str, good: f64) -> [f64; 2] {
    let end = tokio::time::Instant::now() + EXPORT_TIMEOUT;
    while tokio::time::Instant::now() < end {
        for ExportedMetric { metrics, .. } in collector.exported_metrics(1, EXPORT_TIMEOUT).await {
            let value = |name: &str| {
                let metric = metrics.iter().find(|metric| metric.name == format!("billing_portal.source.{name}"))?;
                let points = serde_json::to_value(metric).unwrap()["data"]["Gauge"]["data_points"].take();
                let is_source = |point: &&Value| point["attributes"]["setting"].to_string().contains(setting);
                let value = points.as_array()?.iter().find(is_source)?["value"].clone();
                value.as_object()?.values().next()?.as_f64()
            };
            if let (Some(found), Some(age), Some(changed)) = (value("good"), value("age"), value("changed"))
                && (found - good).abs() < 0.5
            {
                return [age, changed];
            }
        }
    }
    panic!("{setting} is not reported as {good}");
}

#[tokio::test]
async fn every_reloaded_source_reports_its_state_age_and_last_change() {
    let (world, mut collector) = (World::start().await, FakeCollectorServer::start().await.unwrap());
    let key_server = KeyServer::start((200, None, world.issuer.jwks().to_string())).await;
    let settings = [&*format!("--principal-jwks={}", key_server.url), "--principal-jwks-refresh=100ms"];
    let ca = key_server.ca_file().display().to_string();
    let serving = start_with(&world, &collector.endpoint(), &settings, &[("SSL_CERT_FILE", &ca)]).await;
    let flag = source(&mut collector, "--flags-file", 1.0).await;
    let keys = source(&mut collector, "--principal-jwks", 1.0).await;
    source(&mut collector, "--stripe-secret-key-file", 1.0).await;
    // What is not valid gets older and does not change.
    std::fs::write(world.path("flags.json"), "{").unwrap();
    key_server.set_response((200, None, "{}".to_owned()));
    for (setting, before) in [("--flags-file", flag), ("--principal-jwks", keys)] {
        let [age, changed] = source(&mut collector, setting, 0.0).await;
        let [later, still] = source(&mut collector, setting, 0.0).await;
        assert!(age < later && (changed - before[1]).abs() < 0.001 && (changed - still).abs() < 0.001, "{setting}");
    }
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    let [age, changed] = source(&mut collector, "--flags-file", 1.0).await;
    assert!(changed > flag[1] && age < 5.0, "{age} {changed}");
    signal(&serving.child, "-TERM");
}

/// Waits until a gauge is exported with this value.
async fn wait_for_gauge(
    collector: &mut FakeCollectorServer,
    name: &str,
    is_expected: impl Fn(&Value) -> bool,
    value: impl Display,
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
    world.sql(fails_for_acme);
    assert_eq!(call(&world, &serving).await, [false, false]);
    world.sql("DROP VIEW billing_portal_tenants");
    for _ in 0..3 {
        assert_eq!(call(&world, &serving).await, [false, false]);
    }
    wait_for_gauge(&mut collector, "billing_portal.directory.up", |_| true, 0).await;
    world.sql("ALTER TABLE mapping RENAME TO billing_portal_tenants");
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
async fn expiry_of_certificates_is_exported() {
    let (world, ca) = (World::start().await, Authority::new());
    write_files(world.folder.path(), &ca);
    let server = ca.issue_with(vec![], |leaf| leaf.not_after = date_time_ymd(2100, 1, 1));
    std::fs::write(world.path("tls.crt"), &server.pem).unwrap();
    std::fs::write(world.path("tls.key"), server.key_pem()).unwrap();
    let mut collector = FakeCollectorServer::start().await.unwrap();
    let settings = mtls_arguments(&world);
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let serving = start_with(&world, &collector.endpoint(), &settings, &[]).await;
    let is_certificate = |point: &Value| point["attributes"]["setting"].to_string().contains("--tls-certificate-file");
    wait_for_gauge(&mut collector, "billing_portal.source.expires", is_certificate, "4102444800.0").await;
    signal(&serving.child, "-TERM");
}
