//! Integration: the real binary, its exit codes, what it prints, and what it never prints.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    sync::Arc,
};

use stripe_simulator::Mode;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::support::{
    Issuer, World,
    world::{arguments, bearer, home, override_settings},
};

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billing-portal"));
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A folder with good files, and the settings that name them.
pub(crate) fn settings() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), Issuer::new("k").jwks().to_string()).unwrap();
    std::fs::write(folder.path().join("stripe.key"), "sk_test_abc123").unwrap();
    let mut arguments = arguments(&folder, "http://127.0.0.1:1");
    arguments.push("--listen=127.0.0.1:0".to_owned());
    arguments.remove(0);
    (folder, arguments)
}

pub(crate) async fn run_with(changes: &[&str], variables: &[(&str, &str)]) -> Output {
    let (_folder, mut arguments) = settings();
    override_settings(&mut arguments, changes);
    binary().args(arguments).envs(variables.iter().copied()).output().await.unwrap()
}

#[tokio::test]
async fn each_unsafe_or_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    for (change, named) in [
        ("--listen=0.0.0.0:50051", "--caller-identity"),
        ("--listen=nowhere", "--listen"),
        ("--caller-identity=istio", "--caller-identity"),
        ("--principal-jwks=/nowhere", "--principal-jwks"),
        ("--principal-jwks=/dev/null", "--principal-jwks"),
        ("--principal-issuer=", "--principal-issuer"),
        ("--principal-clock-skew=6s", "--principal-clock-skew"),
        ("--principal-clock-skew=soon", "--principal-clock-skew"),
        ("--return-url-origins=*", "--return-url-origins"),
        ("--return-url-origins=http://app.example.com", "--return-url-origins"),
        ("--return-url-origins=https://app.example.com/", "--return-url-origins"),
        ("--database-url=mysql://x", "DATABASE_URL"),
        ("--stripe-secret-key-file=/nowhere", "--stripe-secret-key-file"),
        ("--stripe-secret-key-file=sk_test_abc123", "--stripe-secret-key-file"),
        ("--stripe-mode=live", "--stripe-secret-key-file"),
        ("--stripe-mode=both", "--stripe-mode"),
        ("--stripe-api-base=http://api.stripe.com", "--stripe-api-base"),
        ("--stripe-api-base=https://user@api.stripe.com", "--stripe-api-base"),
        ("--stripe-session-hosts=*.stripe.com", "--stripe-session-hosts"),
        ("--stripe-session-hosts=https://billing.stripe.com", "--stripe-session-hosts"),
        ("--stripe-portal-configuration=cus_1", "--stripe-portal-configuration"),
        ("--stripe-attempt-timeout=11s", "--stripe-attempt-timeout"),
        ("--deadline=0s", "--deadline"),
        ("--drain-timeout=0s", "--drain-timeout"),
        ("--max-in-flight=0", "--max-in-flight"),
        ("--max-connections=0", "--max-connections"),
        ("--audit=stderr", "--audit"),
        ("--audit=file:/nowhere/audit", "--audit"),
        ("--reflection=maybe", "--reflection"),
        ("--no-such-flag=1", "--no-such-flag"),
    ] {
        let output = run_with(&[change], &[]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{change}: {text}");
        // Lines of the log may come before; the message is the last and the only one that is no log line.
        let messages: Vec<_> = text.lines().filter(|line| !line.starts_with('{')).collect();
        assert!(messages.len() == 1 && messages[0].contains(named), "{change}: {text}");
        assert!(!text.contains("abc123"), "{change}: {text}");
    }
}

#[tokio::test]
async fn a_loopback_session_host_needs_a_loopback_api() {
    let changes = ["--stripe-api-base=https://api.stripe.com", "--stripe-session-hosts=http://127.0.0.1:4242"];
    let output = run_with(&changes, &[]).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--stripe-session-hosts"));
}

#[tokio::test]
async fn an_unknown_variable_stops_the_start_and_what_is_missing_is_named() {
    let output = run_with(&[], &[("BILLING_PORTAL_STRIPE_SECRET_KEY", "sk_test_abc123")]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text.contains("BILLING_PORTAL_STRIPE_SECRET_KEY") && !text.contains("abc123"), "{text}");

    let output = binary().output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text.contains("--principal-jwks") && text.lines().count() == 1, "{text}");
}

#[tokio::test]
async fn help_names_every_setting_and_is_no_failure() {
    let output = binary().arg("--help").output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for argument in arguments(&tempfile::tempdir().unwrap(), "x").iter().skip(1) {
        assert!(text.contains(argument.split('=').next().unwrap()), "{argument}");
    }
}

/// Starts the binary and waits until its log says where it listens.
async fn serve(arguments: &[String], log: &str) -> (Child, SocketAddr, tokio::task::JoinHandle<String>) {
    let mut child = binary().args(arguments).env("RUST_LOG", log).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut text = String::new();
    let address = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        text.push_str(&line);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        if json["message"] == "listening" {
            break json["address"].as_str().unwrap().parse().unwrap();
        }
    };
    let rest = tokio::spawn(async move {
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&line);
            text.push('\n');
        }
        text
    });
    (child, address, rest)
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
}

#[tokio::test]
async fn a_signal_drains_and_a_database_that_is_not_there_does_not_stop_the_start() {
    let (_folder, arguments) = settings();
    for name in ["-TERM", "-INT"] {
        let (mut child, _, log) = serve(&arguments, "info").await;
        signal(&child, name);
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
        assert!(log.await.unwrap().contains("drained"));
    }
}

#[tokio::test]
async fn an_address_in_use_fails_after_the_settings_were_good() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let output = run_with(&[&listen], &[]).await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn what_kubernetes_injects_does_not_stop_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let injected = [("BILLING_PORTAL_SERVICE_HOST", "10.0.0.1"), ("BILLING_PORTAL_PORT", "tcp://10.0.0.1:50051")];
    // It gets as far as the listener, so the settings were good.
    assert_eq!(run_with(&[&listen], &injected).await.status.code(), Some(1));
}

#[tokio::test]
async fn no_token_key_or_url_is_ever_printed_not_even_at_trace() {
    let world = World::start().await;
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    override_settings(&mut arguments, &["--listen=127.0.0.1:0", "--audit=stdout"]);
    let (child, address, log) = serve(&arguments, "trace").await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
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
async fn a_second_signal_ends_a_drain_at_once() {
    let world = World::start().await;
    let (asked, _release) = crate::stripe::hold(&world.stripe);
    let mut arguments = arguments(&world.folder, world.stripe.base_url());
    arguments.remove(0);
    override_settings(&mut arguments, &["--listen=127.0.0.1:0"]);
    let (mut child, address, log) = serve(&arguments, "info").await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let mut client = billing_portal::grpc::proto::billing_portal_client::BillingPortalClient::new(channel);
    let request = bearer(&world.olivia(), home());
    let call = tokio::spawn(async move { drop(client.create_portal_session(request).await) });
    asked.notified().await;
    signal(&child, "-TERM");
    signal(&child, "-INT");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    call.abort();
    assert!(log.await.unwrap().contains("a second signal ends the drain"));
}
