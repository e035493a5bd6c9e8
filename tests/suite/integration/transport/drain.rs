//! Integration: a drain is bounded, finishes what runs, and tells what it cuts off.

use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::World;

#[tokio::test]
async fn a_call_that_runs_is_finished_and_silent_connections_hold_nothing_up() {
    let mut world = World::start().await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    let request = HealthCheckRequest::default();
    let mut watch = HealthClient::new(world.channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let (asked, release) = crate::integration::stripe::answers::hold(&world.stripe);
    let token = world.olivia();
    let call = tokio::spawn({
        let channel = world.channel.clone();
        let request = crate::support::world::bearer(&token, crate::support::world::home());
        async move {
            billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel)
                .create_portal_session(request)
                .await
        }
    });
    asked.notified().await;
    world.shut_down();
    release.add_permits(10);
    call.await.unwrap().unwrap();
    // A watcher is told, and its stream ends.
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none());
    let outcomes = world.outcomes();
    assert_eq!(outcomes, ["OK"]);
    world.stopped().await;
    // The end of the stream, perhaps behind the settings frame that the server sent first.
    let mut sent = Vec::new();
    drop(silent.read_to_end(&mut sent).await);
}

#[tokio::test]
async fn a_call_that_outlives_the_drain_is_told_and_audited() {
    let mut world = World::with(&["--drain-timeout=100ms"]).await;
    let (asked, _release) = crate::integration::stripe::answers::hold(&world.stripe);
    let token = world.olivia();
    let request = crate::support::world::bearer(&token, crate::support::world::home());
    let channel = world.channel.clone();
    let call = tokio::spawn(async move {
        billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel)
            .create_portal_session(request)
            .await
    });
    asked.notified().await;
    world.shut_down();
    let told = crate::support::ClientError::of(&call.await.unwrap().unwrap_err());
    assert_eq!((told.reason.as_str(), told.may_retry), ("SHUTTING_DOWN", true));
    assert_eq!(world.outcomes(), ["SHUTTING_DOWN"]);
    world.stopped().await;
}
