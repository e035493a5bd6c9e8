//! Integration: health and reflection, which need neither caller nor principal.

use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{
    World,
    world::{FLAG_OFF, FLAG_ON},
};

const PORTAL: &str = "billing.portal.v1.BillingPortal";
const ACCESS: &str = "billing.portal.v1.PortalAccess";

async fn check(world: &World, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(world.channel.clone()).check(request).await?;
    Ok(answer.into_inner().status())
}

#[tokio::test]
async fn the_portals_health_follows_the_flag_and_readiness_does_not() {
    let world = World::start().await;
    world.health_is(PORTAL, ServingStatus::Serving).await;
    for off in [FLAG_OFF, r#"{"flags":{}}"#] {
        std::fs::write(world.path("flags.json"), off).unwrap();
        world.health_is(PORTAL, ServingStatus::NotServing).await;
        assert_eq!(check(&world, "").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check(&world, ACCESS).await.unwrap(), ServingStatus::Serving);
        std::fs::write(world.path("flags.json"), FLAG_ON).unwrap();
        world.health_is(PORTAL, ServingStatus::Serving).await;
    }
    // A broken file keeps the last good value; the key set, written after it, shows that its looks were over.
    std::fs::write(world.path("flags.json"), "{").unwrap();
    world.key_set_is_read_again().await;
    assert_eq!(check(&world, PORTAL).await.unwrap(), ServingStatus::Serving);
    world.open(&world.olivia()).await.unwrap();
    assert_eq!(check(&world, "no.such.Service").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_database_that_is_lost_later_does_not_make_the_service_unready() {
    let world = World::start().await;
    world.sql("DROP TABLE billing_portal_tenants").await;
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "DATABASE_UNAVAILABLE");
    assert_eq!(check(&world, "").await.unwrap(), ServingStatus::Serving);
}

#[tokio::test]
async fn reflection_answers_both_versions_with_every_message_an_error_can_hold() {
    let world = World::start().await;
    for symbol in [
        PORTAL,
        ACCESS,
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.rpc.BadRequest",
        "grpc.health.v1.Health",
    ] {
        let asked = v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned());
        let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
        let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(
            matches!(answer, v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
            "{symbol}"
        );

        let asked = v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned());
        let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
        let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(
            matches!(answer, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
            "{symbol}"
        );
    }
}

#[tokio::test]
async fn reflection_can_be_turned_off() {
    let world = World::with(&["--reflection=false"]).await;
    let request = v1::ServerReflectionRequest::default();
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
    let status = client.server_reflection_info(tokio_stream::once(request)).await.unwrap_err();
    assert_eq!(crate::support::ClientError::of(&status).reason, "METHOD_UNKNOWN");
}
