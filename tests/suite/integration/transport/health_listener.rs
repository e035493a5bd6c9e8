//! Integration: `--health-listen`, which serves health and nothing else.

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use tokio::net::TcpStream;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_client::ServerReflectionClient};

use crate::support::{
    World,
    http2::{GOAWAY, RawClient},
    process::{Serving, binary, run_with, serve_at, signal, startup_error, text, valid_settings},
    settings::override_settings,
    stripe::hold_responses,
    world::{bearer, connect, home},
};

/// Serves a world's files with a health listener, and returns the listener's address.
async fn serve(world: &World, settings: &[&str]) -> (Serving, String) {
    let mut arguments = world.settings(&["--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0"]);
    override_settings(&mut arguments, settings);
    let serving = serve_at("info", &arguments).await;
    let line = serving.startup_log.lines().find(|line| line.contains(r#""listening for health checks""#));
    let line: serde_json::Value = serde_json::from_str(line.expect("no health listener")).unwrap();
    (serving, line["address"].as_str().unwrap().to_owned())
}

async fn check(channel: &Channel) -> ServingStatus {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn serves_health_and_no_other_service() {
    let world = World::start().await;
    let callers = ["--caller-identity=istio", "--allowed-callers=spiffe://cluster.local/ns/web/sa/settings"];
    let (_serving, address) = serve(&world, &callers).await;
    let channel = connect(&address).await;
    let request = HealthCheckRequest::default();
    let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    assert_eq!(check(&channel).await, ServingStatus::Serving);
    // Valid in every respect, with the header of an allowed caller.
    let mut request = bearer(&world.olivia(), home());
    let certificate = "By=spiffe://cluster.local/ns/billing/sa/portal;URI=spiffe://cluster.local/ns/web/sa/settings";
    request.metadata_mut().insert("x-forwarded-client-cert", certificate.parse().unwrap());
    let call = BillingPortalClient::new(channel.clone()).create_portal_session(request).await;
    let reflection = ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::once(ServerReflectionRequest::default()))
        .await;
    for status in [call.unwrap_err(), reflection.unwrap_err()] {
        assert_eq!(status.code(), Code::Unimplemented);
    }
    assert!(world.audit().is_empty());
    assert!(world.stripe.requests().is_empty());
}

#[tokio::test]
async fn reports_not_serving_until_the_drain_has_ended() {
    let world = World::start().await;
    let (received, release) = hold_responses(&world.stripe);
    let (mut serving, address) = serve(&world, &[]).await;
    let channel = connect(&address).await;
    let request = HealthCheckRequest::default();
    let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    let mut client = BillingPortalClient::new(connect(&serving.address.to_string()).await);
    let request = bearer(&world.olivia(), home());
    let call = tokio::spawn(async move { client.create_portal_session(request).await });
    received.notified().await;
    signal(&serving.child, "-TERM");
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // A probe opens a new connection.
    assert_eq!(check(&connect(&address).await).await, ServingStatus::NotServing);
    assert!(TcpStream::connect(serving.address).await.is_err());
    release.add_permits(10);
    call.await.unwrap().unwrap();
    assert!(watch.message().await.unwrap().is_none());
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn has_limits_of_its_own() {
    let world = World::start().await;
    let (serving, address) = serve(&world, &["--max-connections=2"]).await;
    let channel = connect(&address).await;
    let watch = async || {
        let request = HealthCheckRequest { service: String::new() };
        HealthClient::new(channel.clone()).watch(request).await
    };
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(watch().await.unwrap());
    }
    assert_eq!(watch().await.unwrap_err().code(), Code::ResourceExhausted);
    let mut caller = RawClient::connect(serving.address).await;
    caller.answered().await;
    // With the one above, 64 connections are open.
    let mut idle = Vec::new();
    for _ in 0..64 {
        let mut client = RawClient::connect(&address).await;
        client.answered().await;
        idle.push(client);
    }
    idle[0].receive(GOAWAY).await.unwrap();
    serving.wait_for_lines("maximum number of connections to --health-listen is reached", 1).await;
    caller.answered().await;
    assert_eq!(check(&connect(&address).await).await, ServingStatus::Serving);
}

#[tokio::test]
async fn address_that_cannot_be_used_prevents_startup() {
    for (changes, named) in [
        (vec!["--health-listen=8081"], "--health-listen: expected an IP address and a port"),
        (vec!["--health-listen=localhost:8081"], "--health-listen: expected an IP address and a port"),
        (vec!["--listen=127.0.0.1:9", "--health-listen=127.0.0.1:9"], "--health-listen: must be a different address"),
    ] {
        let output = run_with(&changes, &[]).await;
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{changes:?}: {printed}");
        assert!(printed.contains(named) && printed.lines().count() == 1, "{changes:?}: {printed}");
    }
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, mut arguments) = valid_settings();
    let listen = format!("--health-listen={}", taken.local_addr().unwrap());
    override_settings(&mut arguments, &["--listen=127.0.0.1:0", &listen]);
    let mut command = binary();
    command.args(arguments).env("RUST_LOG", "error");
    let (code, error) = startup_error(command).await;
    assert!(code == Some(1) && error.contains("--health-listen: cannot listen on"), "{code:?} {error}");
}
