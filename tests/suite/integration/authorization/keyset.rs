//! Integration: the key set over https, from a server whose CA only the test trusts.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Child,
};
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{
    ClientError, Issuer, World,
    key_server::{CannedResponse, KeyServer, loopback_tls},
    process::{Serving, binary, serve},
    settings::override_settings,
    world::bearer,
};

pub(super) fn key_set_response(keys: &[&Issuer]) -> CannedResponse {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    (200, None, json!({"keys": keys}).to_string())
}

pub(super) fn settings(world: &World, key_server: &KeyServer, changes: &[&str]) -> Vec<String> {
    let mut arguments = world.settings(&["--listen=127.0.0.1:0", &format!("--principal-jwks={}", key_server.url)]);
    override_settings(&mut arguments, changes);
    arguments
}

/// Starts a second service process with the world's directory and Stripe, and keys from the key server.
async fn start(world: &World, key_server: &KeyServer, changes: &[&str]) -> (Child, Channel) {
    let mut command = binary();
    command.args(settings(world, key_server, changes)).env("SSL_CERT_FILE", key_server.ca_file());
    let Serving { child, address, .. } = serve(command).await;
    (child, channel(address))
}

pub(super) fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn wait_for_health(channel: &Channel, expected: ServingStatus) {
    let mut client = HealthClient::new(channel.clone());
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != expected {}
}

pub(super) async fn get_access(channel: &Channel, issuer: &Issuer) -> Result<(), String> {
    access_with(channel, &issuer.token("olivia", "acme", "owner")).await
}

pub(super) async fn access_with(channel: &Channel, token: &str) -> Result<(), String> {
    let request = bearer(token, GetPortalAccessRequest::default());
    let response = PortalAccessClient::new(channel.clone()).get_portal_access(request).await;
    response.map(drop).map_err(|status| ClientError::of(&status).reason)
}

/// Repeats a call until it has the expected outcome.
pub(super) async fn wait_until(channel: &Channel, issuer: &Issuer, expected: Result<(), &str>) {
    while get_access(channel, issuer).await != expected.map_err(str::to_owned) {
        tokio::task::yield_now().await;
    }
}

pub(super) async fn wait_for_fetches(key_server: &KeyServer, count: usize) {
    let before = key_server.request_count();
    while key_server.request_count() < before + count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn refetches_keys_and_keeps_last_good_set_until_max_age() {
    let (world, old, new) = (World::start().await, Issuer::new("old"), Issuer::new("new"));
    let key_server = KeyServer::start(key_set_response(&[&old])).await;
    let changes = ["--principal-jwks-refresh=100ms", "--principal-jwks-max-age=2s"];
    let (_child, channel) = start(&world, &key_server, &changes).await;
    wait_for_health(&channel, ServingStatus::Serving).await;
    assert_eq!(get_access(&channel, &old).await, Ok(()));
    key_server.set_response(key_set_response(&[&old, &new]));
    wait_until(&channel, &new, Ok(())).await;
    key_server.set_response(key_set_response(&[&new]));
    wait_until(&channel, &old, Err("TOKEN_INVALID")).await;
    // An outage or an invalid set keeps the last good set until its maximum age.
    let mut cut_off = new.jwk();
    cut_off["x"] = json!(cut_off["x"].as_str().unwrap().get(..32).unwrap());
    let bad_key = (200, None, json!({"keys": [cut_off]}).to_string());
    for broken in
        [(503, None, String::new()), (200, None, "{}".to_owned()), (200, None, " ".repeat(65 * 1024)), bad_key]
    {
        key_server.set_response(broken);
        wait_for_fetches(&key_server, 2).await;
        assert_eq!(get_access(&channel, &new).await, Ok(()));
    }
    wait_until(&channel, &new, Err("KEYS_UNAVAILABLE")).await;
    wait_for_health(&channel, ServingStatus::Serving).await;
    key_server.set_response(key_set_response(&[&new]));
    wait_until(&channel, &new, Ok(())).await;
}

#[tokio::test]
async fn unknown_kid_is_refused_and_triggers_one_early_refresh() {
    let (world, old, new) = (World::start().await, Issuer::new("old"), Issuer::new("new"));
    let key_server = KeyServer::start(key_set_response(&[&old])).await;
    let changes = ["--principal-jwks-refresh=1h", "--principal-jwks-max-age=2h"];
    let (_child, channel) = start(&world, &key_server, &changes).await;
    assert_eq!(key_server.request_count(), 1);
    key_server.set_response(key_set_response(&[&old, &new]));
    assert_eq!(get_access(&channel, &new).await, Err("TOKEN_INVALID".to_owned()));
    wait_until(&channel, &new, Ok(())).await;
    let unknown = Issuer::new("unknown");
    for _ in 0..50 {
        assert_eq!(get_access(&channel, &unknown).await, Err("TOKEN_INVALID".to_owned()));
    }
    assert_eq!(key_server.request_count(), 2);
}

#[tokio::test]
async fn retries_unavailable_key_server_until_ready() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let key_server = KeyServer::start((503, None, String::new())).await;
    let (_child, channel) = start(&world, &key_server, &[]).await;
    wait_for_health(&channel, ServingStatus::NotServing).await;
    assert_eq!(get_access(&channel, &issuer).await, Err("KEYS_UNAVAILABLE".to_owned()));
    key_server.set_response(key_set_response(&[&issuer]));
    wait_for_health(&channel, ServingStatus::Serving).await;
    assert_eq!(get_access(&channel, &issuer).await, Ok(()));
}

#[tokio::test]
async fn rejects_key_server_with_untrusted_certificate() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let key_server = KeyServer::start(key_set_response(&[&issuer])).await;
    let mut command = binary();
    command.args(settings(&world, &key_server, &[]));
    let Serving { child: _child, address, startup_log, .. } = serve(command).await;
    assert!(startup_log.contains("UnknownIssuer"), "{startup_log}");
    assert_eq!(get_access(&channel(address), &issuer).await, Err("KEYS_UNAVAILABLE".to_owned()));
    assert_eq!(key_server.request_count(), 0);
}

#[tokio::test]
async fn endless_response_of_key_server_is_cut_off() {
    let (world, listener) = (World::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (ca, config) = loopback_tls();
    std::fs::write(world.path("ca.pem"), ca).unwrap();
    let url = format!("--principal-jwks=https://{}/jwks.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            // The request must be there before its response.
            let _request = stream.read(&mut [0; 4096]).await.unwrap();
            let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n".repeat(100);
            while stream.write_all(&interim).await.is_ok() {}
        }
    });
    let arguments = world.settings(&["--listen=127.0.0.1:0", &url]);
    let mut command = binary();
    command.args(arguments).env("SSL_CERT_FILE", world.path("ca.pem"));
    let output = tokio::time::timeout(Duration::from_secs(60), command.kill_on_drop(true).output()).await;
    let output = output.expect("the service has started").unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("--principal-jwks") && text.contains("over 262144 bytes"), "{text}");
}

#[tokio::test]
async fn invalid_first_key_set_prevents_startup() {
    let (world, issuer) = (World::start().await, Issuer::new("key"));
    let key_server = KeyServer::start(key_set_response(&[])).await;
    let mut private = issuer.jwk();
    private["d"] = json!("AAAA");
    for response in [
        key_set_response(&[]),
        (302, Some("https://elsewhere.test/".to_owned()), String::new()),
        (200, None, "<html>".to_owned()),
        (200, None, format!("{}{}", key_set_response(&[&issuer]).2, " ".repeat(65 * 1024))),
        (200, None, json!({"keys": [issuer.jwk(), private]}).to_string()),
        (200, None, json!({"keys": [issuer.jwk(), issuer.jwk()]}).to_string()),
    ] {
        key_server.set_response(response.clone());
        let mut command = binary();
        command.args(settings(&world, &key_server, &[])).env("SSL_CERT_FILE", key_server.ca_file());
        let output = command.output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{response:?}: {text}");
        assert!(text.contains("--principal-jwks") && text.lines().count() == 1, "{response:?}: {text}");
    }
}
