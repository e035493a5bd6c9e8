//! Integration: health and reflection, which need neither an allowed caller nor a principal.

use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{
    ClientError, World,
    world::{FLAG_OFF, FLAG_ON},
};

const PORTAL: &str = "billing.portal.v1.BillingPortal";
const ACCESS: &str = "billing.portal.v1.PortalAccess";

async fn check(world: &World, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(world.channel.clone()).check(request).await?;
    Ok(response.into_inner().status())
}

#[tokio::test]
async fn portal_health_follows_flag_and_readiness_does_not() {
    let world = World::start().await;
    world.wait_for_health(PORTAL, ServingStatus::Serving).await;
    for disabled in [FLAG_OFF, r#"{"flags":{}}"#] {
        std::fs::write(world.path("flags.json"), disabled).unwrap();
        world.wait_for_health(PORTAL, ServingStatus::NotServing).await;
        assert_eq!(check(&world, "").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check(&world, ACCESS).await.unwrap(), ServingStatus::Serving);
        std::fs::write(world.path("flags.json"), FLAG_ON).unwrap();
        world.wait_for_health(PORTAL, ServingStatus::Serving).await;
    }
    // A broken file keeps the last good value. The key set is written later, so its reload shows that the flag file was also
    // read.
    std::fs::write(world.path("flags.json"), "{").unwrap();
    world.wait_for_reload().await;
    assert_eq!(check(&world, PORTAL).await.unwrap(), ServingStatus::Serving);
    world.open(&world.olivia()).await.unwrap();
    assert_eq!(check(&world, "no.such.Service").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn later_database_loss_does_not_affect_readiness() {
    let world = World::start().await;
    world.sql("DROP TABLE billing_portal_tenants");
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
    assert_eq!(check(&world, "").await.unwrap(), ServingStatus::Serving);
}

#[tokio::test]
async fn reflection_serves_every_error_detail_in_both_versions() {
    let world = World::start().await;
    for symbol in [
        PORTAL,
        ACCESS,
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.rpc.BadRequest",
        "grpc.health.v1.Health",
    ] {
        let symbol_request = v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned());
        let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(symbol_request) };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
        let mut responses = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        let response = responses.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(
            matches!(response, v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
            "{symbol}"
        );

        let symbol_request =
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned());
        let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(symbol_request) };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
        let mut responses = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        let response = responses.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(
            matches!(response, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
            "{symbol}"
        );
    }
}

#[tokio::test]
async fn reflection_can_be_disabled() {
    let world = World::with(&["--reflection=false"]).await;
    let request = v1::ServerReflectionRequest::default();
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
    let status = client.server_reflection_info(tokio_stream::once(request)).await.unwrap_err();
    assert_eq!(ClientError::of(&status).reason, "METHOD_UNKNOWN");
}
