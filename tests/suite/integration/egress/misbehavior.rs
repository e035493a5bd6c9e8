//! A proxy that refuses, hangs, or does not behave as a proxy: STRIPE_UNAVAILABLE, and the log names the proxy and the cause.

use super::Servers;
use crate::support::{
    key_server::loopback_tls,
    proxy::{Behavior, Proxy, acceptor},
};

#[tokio::test]
async fn failing_proxy_is_stripe_unavailable_and_its_failure_is_logged() {
    let mut servers = Servers::start().await;
    let proxy = Proxy::start(Behavior::Relay).await;
    let keys = format!("--principal-jwks={}", servers.world.path("jwks.json").display());
    let settings = [keys.as_str(), "--stripe-attempt-timeout=400ms"];
    let url = format!("http://user:s3cret@{}", proxy.address);
    let serving = servers.serve(&settings, &[("HTTPS_PROXY", &url)]).await;
    let (_, own_ca) = loopback_tls();
    let mut refused = 0;
    for (behavior, cause) in [
        (Behavior::Close, "closed the connection"),
        (Behavior::Respond(""), "did not open a connection within 300ms"),
        (Behavior::Respond("HTTP/1.1 200 OK\r\n"), "did not open a connection within 300ms"),
        (Behavior::Respond("SSH-2.0-OpenSSH_9.2\r\n"), "does not respond as an HTTP proxy"),
        (Behavior::Respond("HTTP/1.1 999999 OK\r\n\r\n"), "does not respond as an HTTP proxy"),
        (
            Behavior::Respond("HTTP/1.1 407 secret text\r\nProxy-Authenticate: Basic\r\n\r\n<html>"),
            "refused with 407 Proxy Authentication Required",
        ),
        (Behavior::Respond("HTTP/1.1 403 Forbidden\r\n\r\n"), "refused with 403 Forbidden"),
        (Behavior::Respond("HTTP/1.0 502 Bad Gateway\r\n\r\n"), "refused with 502 Bad Gateway"),
        (Behavior::Respond("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1\r\n\r\n"), "refused with 302 Found"),
        (Behavior::Respond("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}"), "sent bytes before the server did"),
        (Behavior::RespondForever("HTTP/1.1 200 OK\r\nX-Endless: ", "a"), "sent a header over 8192 bytes"),
        (Behavior::RespondForever("HTTP/1.1 200 OK\r\n", "X-Again: a\r\n"), "does not respond as an HTTP proxy"),
    ] {
        proxy.behave(behavior);
        let refusal = servers.world.open(&servers.world.olivia()).await.unwrap_err();
        refused += 1;
        assert_eq!((refusal.reason.as_str(), refusal.may_retry), ("STRIPE_UNAVAILABLE", true), "{cause}");
        let lines = serving.wait_for_lines("request refused", refused).await;
        let expected = format!("no connection to Stripe: proxy {} {cause}", proxy.address);
        assert!(lines[refused - 1].contains(&expected), "{expected}: {}", lines[refused - 1]);
    }
    // Its certificate is not Stripe's, so it cannot read a request.
    proxy.behave(Behavior::Intercept(acceptor(own_ca)));
    assert_eq!(servers.world.open(&servers.world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    let lines = serving.wait_for_lines("request refused", refused + 1).await;
    assert!(lines[refused].contains("invalid peer certificate: "), "{}", lines[refused]);
    // It is not known whether the proxy or the server does not respond in the tunnel.
    proxy.behave(Behavior::Respond("HTTP/1.1 200 OK\r\n\r\n"));
    assert_eq!(servers.world.open(&servers.world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    let lines = serving.wait_for_lines("request refused", refused + 2).await;
    let expected = "Stripe did not respond within the time limit of the attempt";
    assert!(lines[refused + 1].contains(expected), "{}", lines[refused + 1]);
    assert!(servers.world.stripe.requests().is_empty());
    assert!(proxy.requests().iter().all(|request| request.starts_with("CONNECT ")));
    proxy.behave(Behavior::Relay);
    servers.world.open(&servers.world.olivia()).await.unwrap();
    let log = serving.log;
    drop(serving.child);
    let log = log.await.unwrap();
    assert!(!log.contains("s3cret") && !log.contains("secret text"), "{log}");
}

#[tokio::test]
async fn proxy_that_cannot_be_reached_is_named() {
    let mut servers = Servers::start().await;
    let keys = format!("--principal-jwks={}", servers.world.path("jwks.json").display());
    let serving = servers.serve(&[&keys], &[("HTTPS_PROXY", "http://127.0.0.1:1")]).await;
    assert_eq!(servers.world.open(&servers.world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    let lines = serving.wait_for_lines("request refused", 1).await;
    assert!(lines[0].contains("proxy 127.0.0.1:1 cannot be reached: "), "{lines:?}");
}
