//! Integration: how an outage of the directory or of the keys is reported to operators.

use std::time::Duration;

use billing_portal::{server::Server, wiring};
use tokio::{net::TcpListener, sync::oneshot};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{World, service::Service, settings::config};

const PORTAL: &str = "billing.portal.v1.BillingPortal";

/// Serves a second time over the world's files, and reports an outage immediately instead of after 30 s.
async fn without_outage_threshold(world: &World, settings: &[&str]) -> (Channel, oneshot::Sender<()>) {
    let mut service = wiring::build(config(world.settings(settings))).await.unwrap();
    assert_eq!(service.readiness.outage_threshold, Duration::from_secs(30));
    service.readiness.outage_threshold = Duration::ZERO;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap().connect_lazy();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(Server::new(service).serve(listener, async { drop(stopped.await) }, std::future::pending()));
    (channel, stop)
}

async fn wait_for_portal(channel: &Channel, expected: ServingStatus) {
    let request = HealthCheckRequest { service: PORTAL.to_owned() };
    let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != expected {}
}

/// Returns the status of the names that report readiness only.
async fn readiness(channel: &Channel) -> ServingStatus {
    let status = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
    };
    assert_eq!(status("").await, status("billing.portal.v1.PortalAccess").await);
    status("").await
}

#[tokio::test]
async fn portal_health_reports_database_outage_without_calls() {
    let world = World::start().await;
    let (channel, _stop) = without_outage_threshold(&world, &[]).await;
    wait_for_portal(&channel, ServingStatus::Serving).await;
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved");
    wait_for_portal(&channel, ServingStatus::NotServing).await;
    assert_eq!(readiness(&channel).await, ServingStatus::Serving);
    world.sql("ALTER TABLE moved RENAME TO billing_portal_tenants");
    wait_for_portal(&channel, ServingStatus::Serving).await;
}

#[tokio::test]
async fn portal_health_reports_keys_that_are_too_old() {
    let world = World::start().await;
    let (channel, _stop) = without_outage_threshold(&world, &["--principal-jwks-max-age=1s"]).await;
    wait_for_portal(&channel, ServingStatus::Serving).await;
    std::fs::rename(world.path("jwks.json"), world.path("moved.json")).unwrap();
    wait_for_portal(&channel, ServingStatus::NotServing).await;
    assert_eq!(readiness(&channel).await, ServingStatus::Serving);
    std::fs::rename(world.path("moved.json"), world.path("jwks.json")).unwrap();
    wait_for_portal(&channel, ServingStatus::Serving).await;
}

/// The outage is noticed and ends without calls.
#[tokio::test]
async fn each_change_of_the_directory_is_logged_once() {
    let world = World::start().await;
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let mut service = Service::start(&arguments, &[]);
    service.wait_for_log("ready").await;
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved");
    let fields = service.wait_for_log("directory is not available").await;
    assert_eq!((&fields["level"], &fields["kind"]), (&"ERROR".into(), &"query".into()));
    assert!(fields["cause"].to_string().contains("no such table"), "{fields}");
    world.sql("ALTER TABLE moved RENAME TO billing_portal_tenants");
    service.wait_for_log("directory is available again").await;
    assert_eq!(service.stop().await.matches("directory is").count(), 2);
}
