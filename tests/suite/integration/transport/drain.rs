//! Integration: a drain finishes running calls within a limit, and refuses and audits those that exceed it.

use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{
    ClientError, World,
    stripe::hold_responses,
    world::{bearer, home},
};

#[tokio::test]
async fn running_call_finishes_and_idle_connection_does_not_block_drain() {
    let mut world = World::start().await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let request = HealthCheckRequest::default();
    let mut watch = HealthClient::new(world.channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let call = tokio::spawn({
        let channel = world.channel.clone();
        let request = bearer(&token, home());
        async move {
            billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel)
                .create_portal_session(request)
                .await
        }
    });
    received.notified().await;
    world.shut_down();
    release.add_permits(10);
    call.await.unwrap().unwrap();
    // A watcher receives NOT_SERVING, and its stream ends.
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none());
    let outcomes = world.outcomes();
    assert_eq!(outcomes, ["OK"]);
    world.stopped().await;
    // The server closes the idle connection, on which it may have sent its SETTINGS frame.
    let mut sent = Vec::new();
    drop(idle.read_to_end(&mut sent).await);
}

#[tokio::test]
async fn call_beyond_drain_timeout_gets_shutting_down_and_is_audited() {
    let mut world = World::with(&["--drain-timeout=100ms"]).await;
    let (received, _release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let request = bearer(&token, home());
    let channel = world.channel.clone();
    let call = tokio::spawn(async move {
        billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel)
            .create_portal_session(request)
            .await
    });
    received.notified().await;
    world.shut_down();
    let refusal = ClientError::of(&call.await.unwrap().unwrap_err());
    assert_eq!((refusal.reason.as_str(), refusal.may_retry), ("SHUTTING_DOWN", true));
    assert_eq!(world.outcomes(), ["SHUTTING_DOWN"]);
    world.stopped().await;
}
