//! Integration: the key set by https, with an authority of the test's own.

use std::net::SocketAddr;

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use serde_json::json;
use tokio::process::Child;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{
    ClientError, Issuer, World,
    key_server::{Answer, KeyServer},
    process::{Serving, binary, serve},
    world::{arguments, bearer, override_settings},
};

fn publishes(keys: &[&Issuer]) -> Answer {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    (200, None, json!({"keys": keys}).to_string())
}

fn settings(world: &World, login: &KeyServer, changes: &[&str]) -> Vec<String> {
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    override_settings(&mut arguments, &["--listen=127.0.0.1:0", &format!("--principal-jwks={}", login.url)]);
    override_settings(&mut arguments, changes);
    arguments
}

/// The binary beside the world's own service, over the same directory and Stripe, with keys from the login.
async fn start(world: &World, login: &KeyServer, changes: &[&str]) -> (Child, Channel) {
    let mut command = binary();
    command.args(settings(world, login, changes)).env("SSL_CERT_FILE", login.authority());
    let Serving { child, address, .. } = serve(command).await;
    (child, channel(address))
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn health_is(channel: &Channel, expected: ServingStatus) {
    let mut client = HealthClient::new(channel.clone());
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != expected {}
}

async fn ask(channel: &Channel, issuer: &Issuer) -> Result<(), String> {
    let request = bearer(&issuer.token("olivia", "acme", "owner"), GetPortalAccessRequest::default());
    let answer = PortalAccessClient::new(channel.clone()).get_portal_access(request).await;
    answer.map(drop).map_err(|status| ClientError::of(&status).reason)
}

/// Asks until the answer is as expected.
async fn becomes(channel: &Channel, issuer: &Issuer, expected: Result<(), &str>) {
    while ask(channel, issuer).await != expected.map_err(str::to_owned) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn keys_are_fetched_again_and_the_last_good_ones_kept_until_they_are_too_old() {
    let (world, old, new) = (World::start().await, Issuer::new("old"), Issuer::new("new"));
    let login = KeyServer::start(publishes(&[&old])).await;
    let changes = ["--principal-jwks-refresh=100ms", "--principal-jwks-max-age=2s"];
    let (_child, channel) = start(&world, &login, &changes).await;
    health_is(&channel, ServingStatus::Serving).await;
    assert_eq!(ask(&channel, &old).await, Ok(()));
    login.answers(publishes(&[&old, &new]));
    becomes(&channel, &new, Ok(())).await;
    login.answers(publishes(&[&new]));
    becomes(&channel, &old, Err("TOKEN_INVALID")).await;
    // Neither an outage nor a set that is refused costs the last good one, until it is too old.
    for broken in [(503, None, String::new()), (200, None, "{}".to_owned()), (200, None, " ".repeat(65 * 1024))] {
        login.answers(broken);
        let asked = login.asked();
        while login.asked() < asked + 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&channel, &new).await, Ok(()));
    }
    becomes(&channel, &new, Err("KEYS_UNAVAILABLE")).await;
    health_is(&channel, ServingStatus::Serving).await;
    login.answers(publishes(&[&new]));
    becomes(&channel, &new, Ok(())).await;
}

#[tokio::test]
async fn an_unknown_kid_is_refused_at_once_and_asks_for_one_early_fetch_only() {
    let (world, old, new) = (World::start().await, Issuer::new("old"), Issuer::new("new"));
    let login = KeyServer::start(publishes(&[&old])).await;
    let changes = ["--principal-jwks-refresh=1h", "--principal-jwks-max-age=2h"];
    let (_child, channel) = start(&world, &login, &changes).await;
    assert_eq!(login.asked(), 1);
    login.answers(publishes(&[&old, &new]));
    assert_eq!(ask(&channel, &new).await, Err("TOKEN_INVALID".to_owned()));
    becomes(&channel, &new, Ok(())).await;
    let unknown = Issuer::new("unknown");
    for _ in 0..50 {
        assert_eq!(ask(&channel, &unknown).await, Err("TOKEN_INVALID".to_owned()));
    }
    assert_eq!(login.asked(), 2);
}

#[tokio::test]
async fn a_login_that_is_not_reached_at_the_start_is_tried_again_until_the_service_is_ready() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let login = KeyServer::start((503, None, String::new())).await;
    let (_child, channel) = start(&world, &login, &[]).await;
    health_is(&channel, ServingStatus::NotServing).await;
    assert_eq!(ask(&channel, &issuer).await, Err("KEYS_UNAVAILABLE".to_owned()));
    login.answers(publishes(&[&issuer]));
    health_is(&channel, ServingStatus::Serving).await;
    assert_eq!(ask(&channel, &issuer).await, Ok(()));
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_not_believed() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let login = KeyServer::start(publishes(&[&issuer])).await;
    let mut command = binary();
    command.args(settings(&world, &login, &[]));
    let Serving { child: _child, address, before, .. } = serve(command).await;
    assert!(before.contains("UnknownIssuer"), "{before}");
    assert_eq!(ask(&channel(address), &issuer).await, Err("KEYS_UNAVAILABLE".to_owned()));
    assert_eq!(login.asked(), 0);
}

#[tokio::test]
async fn a_first_answer_that_is_no_key_set_stops_the_start() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let login = KeyServer::start(publishes(&[])).await;
    let mut private = issuer.jwk();
    private["d"] = json!("AAAA");
    for answer in [
        publishes(&[]),
        (302, Some("https://elsewhere.test/".to_owned()), String::new()),
        (200, None, "<html>".to_owned()),
        (200, None, format!("{}{}", publishes(&[&issuer]).2, " ".repeat(65 * 1024))),
        (200, None, json!({"keys": [issuer.jwk(), private]}).to_string()),
        (200, None, json!({"keys": [issuer.jwk(), issuer.jwk()]}).to_string()),
    ] {
        login.answers(answer.clone());
        let mut command = binary();
        command.args(settings(&world, &login, &[])).env("SSL_CERT_FILE", login.authority());
        let output = command.output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{answer:?}: {text}");
        assert!(text.contains("--principal-jwks") && text.lines().count() == 1, "{answer:?}: {text}");
    }
}
