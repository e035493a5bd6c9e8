//! Integration: signals and exit codes of the real binary, and what it prints and never prints.

use std::{fs::File, sync::Arc, time::Duration};

use rustix::fs::OFlags;
use serde_json::Value;
use stripe_simulator::Mode;
use tokio::time::timeout;

use crate::support::{
    ClientError, World,
    process::{Serving, binary, empty_pipe, fill, full_pipe, read_some, serve, serve_at, signal, valid_settings},
    stripe::hold_responses,
    world::{bearer, connect, home},
};

#[tokio::test]
async fn signal_drains_process_that_started_without_database() {
    let (_folder, arguments) = valid_settings();
    for name in ["-TERM", "-INT"] {
        let Serving { mut child, log, .. } = serve_at("info", &arguments).await;
        signal(&child, name);
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
        assert!(log.await.unwrap().contains("drained"));
    }
}

#[tokio::test]
async fn never_prints_token_key_or_url_even_at_trace() {
    let world = World::start().await;
    let arguments = world.settings(&["--listen=127.0.0.1:0", "--audit=stdout"]);
    let Serving { child, address, log, .. } = serve_at("trace", &arguments).await;
    let channel = connect(address).await;
    let mut client = billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel);
    let token = world.olivia();
    let url = client.create_portal_session(bearer(&token, home())).await.unwrap().into_inner().url;
    let forged = format!("{token}x");
    assert!(client.create_portal_session(bearer(&forged, home())).await.is_err());
    world
        .stripe
        .tamper(Some(Arc::new(|_, answer| Box::pin(async { stripe_simulator::Answer { status: 500, ..answer } }))));
    assert!(client.create_portal_session(bearer(&token, home())).await.is_err());
    signal(&child, "-TERM");
    let output = child.wait_with_output().await.unwrap();
    let printed = log.await.unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("\"OK\"") && printed.contains("STRIPE_UNAVAILABLE") && printed.contains("TOKEN_INVALID"));
    let signature = token.rsplit('.').next().unwrap();
    let secret = url.rsplit('/').next().unwrap();
    for secret in [signature, &token[..40], secret, world.stripe.secret_key(Mode::Test), "Bearer"] {
        assert!(!printed.contains(secret), "{secret} is in\n{printed}");
    }
}

#[tokio::test]
async fn second_signal_ends_drain_immediately() {
    let world = World::start().await;
    let (received, _release) = hold_responses(&world.stripe);
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let Serving { mut child, address, log, .. } = serve_at("info", &arguments).await;
    let channel = connect(address).await;
    let mut client = billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel);
    let request = bearer(&world.olivia(), home());
    let call = tokio::spawn(async move { client.create_portal_session(request).await });
    received.notified().await;
    signal(&child, "-TERM");
    signal(&child, "-INT");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert_eq!(ClientError::of(&call.await.unwrap().unwrap_err()).reason, "SHUTTING_DOWN");
    assert_eq!(world.outcomes(), ["SHUTTING_DOWN"]);
    assert!(log.await.unwrap().contains("second signal ends the drain"));
}

#[tokio::test]
async fn blocked_audit_pipe_opens_no_session_and_does_not_block_drain() {
    let world = World::start().await;
    let arguments = world.settings(&["--listen=127.0.0.1:0", "--audit=stdout"]);
    let (writer, _reader) = full_pipe(&world.path("pipe"), OFlags::empty());
    let mut command = binary();
    command.args(&arguments).stdout(writer);
    let Serving { mut child, address, log, .. } = serve(command).await;
    let channel = connect(address).await;
    let mut client = billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel);
    for (role, reason) in [("member", "NOT_OWNER"), ("owner", "AUDIT_UNAVAILABLE")] {
        let token = world.issuer.token("olivia", "acme", role);
        let status = client.create_portal_session(bearer(&token, home())).await.unwrap_err();
        assert_eq!(ClientError::of(&status).reason, reason);
    }
    assert!(world.stripe.requests().is_empty());
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert!(log.await.unwrap().contains("late or lost"));
}

/// Reads lines of the log from a pipe until one has a text. Every line must be whole.
async fn read_log_until(reader: &File, text: &str) -> Value {
    let mut received = Vec::new();
    loop {
        read_some(reader, u64::MAX, &mut received);
        let log = String::from_utf8_lossy(&received);
        let log = log.trim_start_matches('.');
        if let Some(line) = log.lines().find(|line| line.contains(text) && line.ends_with('}')) {
            return serde_json::from_str(line).unwrap_or_else(|_| panic!("torn: {line}"));
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stopped_reader_of_the_log_blocks_neither_calls_nor_drain() {
    for flags in [OFlags::empty(), OFlags::NONBLOCK] {
        let mut world = World::start().await;
        let arguments = world.settings(&["--listen=127.0.0.1:0"]);
        let (writer, reader) = empty_pipe(&world.path("pipe"), flags);
        let mut child = binary().args(&arguments).stderr(writer).spawn().unwrap();
        let listening = read_log_until(&reader, "listening").await;
        world.connect_to(listening["address"].as_str().unwrap().parse().unwrap()).await;
        fill(&reader, b'.');
        let calls = async {
            // More than there are threads that serve calls.
            for _ in 0..20 {
                world.open(&world.olivia()).await.unwrap();
            }
            world.open("garbage").await.unwrap_err()
        };
        let refusal = timeout(Duration::from_secs(20), calls).await.expect("a call waits for the reader of the log");
        let line = read_log_until(&reader, &refusal.request_id).await;
        assert_eq!(line["reason"], "TOKEN_INVALID");
        fill(&reader, b'.');
        signal(&child, "-TERM");
        let exit = timeout(Duration::from_secs(20), child.wait()).await.expect("the drain waits for the reader");
        assert_eq!(exit.unwrap().code(), Some(0));
    }
}
