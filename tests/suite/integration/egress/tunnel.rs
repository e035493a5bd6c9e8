//! What a tunnel carries, which requests use one, and how connections are reused.

use stripe_simulator::Fault;

use super::{Servers, key_set};
use crate::support::{
    Issuer, World,
    key_server::loopback_tls,
    process::{binary, startup_error},
    proxy::{Behavior, Proxy, acceptor},
};

#[tokio::test]
async fn no_proxy_is_compared_with_host_and_port() {
    let mut servers = Servers::start().await;
    let proxy = Proxy::start(Behavior::Relay).await;
    let url = format!("http://user:p%40ss@{}", proxy.address);
    let no_proxy = servers.key_server();
    let _serving = servers.serve(&[], &[("HTTPS_PROXY", &url), ("NO_PROXY", &no_proxy)]).await;
    servers.world.open(&servers.world.olivia()).await.unwrap();
    let stripe = servers.stripe();
    let expected =
        format!("CONNECT {stripe} HTTP/1.1\r\nHost: {stripe}\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n");
    assert_eq!(proxy.requests(), [expected.clone(), expected]);
}

#[tokio::test]
async fn idle_connection_that_the_proxy_loses_is_not_a_failed_attempt() {
    let mut servers = Servers::start().await;
    let proxy = Proxy::start(Behavior::Relay).await;
    let _serving = servers.serve(&[], &[("HTTPS_PROXY", &format!("http://{}", proxy.address))]).await;
    for _ in 0..3 {
        servers.world.open(&servers.world.olivia()).await.unwrap();
        // Closes the connections that the proxy has.
        proxy.behave(Behavior::Relay);
    }
    servers.world.stripe.inject(Fault::ResetReused);
    for _ in 0..5 {
        servers.world.open(&servers.world.olivia()).await.unwrap();
    }
}

#[tokio::test]
async fn https_proxy_is_reached_with_tls_by_the_trusted_certificates() {
    let mut servers = Servers::start().await;
    let (ca, config) = loopback_tls();
    let proxy = Proxy::start(Behavior::RelayOverTls(acceptor(config))).await;
    servers.trust(&ca);
    let url = format!("https://user@{}", proxy.address);
    let _serving = servers.serve(&[], &[("HTTPS_PROXY", &url)]).await;
    servers.world.open(&servers.world.olivia()).await.unwrap();
    assert!(proxy.requests().len() >= 3);
}

#[tokio::test]
async fn key_set_remains_in_use_while_the_proxy_refuses() {
    let mut servers = Servers::start().await;
    let proxy = Proxy::start(Behavior::Relay).await;
    let refresh = ["--principal-jwks-refresh=100ms", "--principal-jwks-max-age=1h"];
    let serving = servers.serve(&refresh, &[("HTTPS_PROXY", &format!("http://{}", proxy.address))]).await;
    let token = servers.world.olivia();
    servers.world.access(&token, "").await.unwrap();
    proxy.behave(Behavior::Respond("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    let lines = serving.wait_for_lines("document not fetched", 1).await;
    let cause = format!("cannot be fetched: proxy {} refused with 403 Forbidden", proxy.address);
    assert!(lines[0].contains(&cause) && lines[0].contains(r#""kept_last_good":true"#), "{lines:?}");
    servers.world.access(&token, "").await.unwrap();
    let new = Issuer::new("new");
    servers.keys.set_response(key_set(&new));
    proxy.behave(Behavior::Relay);
    serving.wait_for_lines("document fetched", 1).await;
    servers.world.access(&new.token("olivia", "acme", "owner"), "").await.unwrap();
}

#[tokio::test]
async fn variable_that_cannot_be_used_prevents_startup_and_is_not_printed() {
    let servers = Servers::start().await;
    for (variables, named) in [
        (&[("HTTPS_PROXY", "socks5://user:s3cret@proxy:1080")][..], "HTTPS_PROXY: only http and https proxies"),
        (&[("https_proxy", "http://user:s3/cret@proxy:3128")], "https_proxy: not the URL of a proxy"),
        (&[("ALL_PROXY", "s3cret s3cret")], "ALL_PROXY: not the URL of a proxy"),
        (&[("HTTPS_PROXY", "http://s3cret"), ("https_proxy", "http://other")], "HTTPS_PROXY: differs from https_proxy"),
        (&[("NO_PROXY", "s3cret"), ("no_proxy", "other")], "NO_PROXY: differs from no_proxy"),
    ] {
        let (code, error) = startup_error(servers.command(&[], variables)).await;
        assert_eq!(code, Some(64), "{error}");
        assert!(error.contains(named) && !error.contains("s3"), "{error}");
    }
}

#[tokio::test]
async fn loopback_over_http_does_not_use_a_proxy() {
    let world = World::start().await;
    let arguments = world.settings(&[]);
    let variables = [("HTTP_PROXY", "http://127.0.0.1:1"), ("HTTPS_PROXY", "socks5://127.0.0.1:1")];
    let output = binary().args(arguments).envs(variables).arg("check").output().await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !printed.contains("proxy"), "{printed}");
}
