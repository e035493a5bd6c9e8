//! Smoke: `tests/smoke`, the script with which operators check a service, with a real grpcurl.

use std::{path::Path, process::Stdio, sync::Arc};

use stripe_simulator::Mode;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    process::Command,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{World, key_server::loopback_tls};

const RETURN: &str = "--return-url=https://app.example.com/settings";

/// Runs the script against an address with a token on standard input. Returns its exit code and output.
async fn smoke(address: &str, token: &str, arguments: &[&str]) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smoke");
    // The script expects an option and its value as two arguments.
    let arguments = arguments.iter().flat_map(|argument| argument.splitn(2, '='));
    let mut command = Command::new(script);
    command.arg(address).args(arguments).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Writing fails when the script does not read a token and has already exited.
    drop(child.stdin.take().unwrap().write_all(token.as_bytes()).await);
    let output = child.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

/// Returns the names of the checks with this outcome.
fn checks<'a>(text: &'a str, outcome: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(outcome)).map(|line| line.trim_start()[..12].trim()).collect()
}

#[tokio::test]
#[ignore = "needs grpcurl: tests/run installs it"]
async fn healthy_service_passes_every_check_without_printing_secrets() {
    let world = World::start().await;
    let token = world.olivia();
    let (code, text) = smoke(&world.address.to_string(), &token, &["--token-file=-", RETURN]).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(checks(&text, "ok "), ["health", "reflection", "refusal", "happy path"], "{text}");
    assert_eq!(world.outcomes(), ["TOKEN_MISSING", "OK"]);
    for secret in [token.rsplit('.').next().unwrap(), "/p/session/", world.stripe.secret_key(Mode::Test)] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[tokio::test]
#[ignore = "needs grpcurl: tests/run installs it"]
async fn each_problem_fails_its_own_check() {
    let world = World::start().await;
    let address = world.address.to_string();
    let token = world.issuer.token("mia", "acme", "member");
    let (code, text) = smoke(&address, &token, &["--token-file=-", RETURN]).await;
    assert_eq!((code, checks(&text, "FAILED")), (1, vec!["happy path"]), "{text}");
    assert!(text.contains("PermissionDenied NOT_OWNER, request id "), "{text}");

    let (code, text) = smoke(&address, "", &["--expect-refused", "--no-reflection"]).await;
    assert_eq!((code, checks(&text, "FAILED")), (1, vec!["reflection", "refusal"]), "{text}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let (code, text) = smoke(&closed, "", &["--timeout=2"]).await;
    assert_eq!((code, checks(&text, "FAILED")), (1, vec!["health", "reflection", "refusal"]), "{text}");

    for invalid in [&["--token=x"][..], &["--unknown"], &["--cert=x"], &["--expect-refused", "--token=x", RETURN]] {
        assert_eq!(smoke(&address, "", invalid).await.0, 64, "{invalid:?}");
    }
}

#[tokio::test]
#[ignore = "needs grpcurl: tests/run installs it"]
async fn refused_caller_still_passes_health_check() {
    let world =
        World::with(&["--caller-identity=istio", "--allowed-callers=spiffe://td/web", "--reflection=false"]).await;
    let (code, text) = smoke(&world.address.to_string(), "", &["--expect-refused", "--no-reflection"]).await;
    assert_eq!((code, checks(&text, "ok ")), (0, vec!["health", "reflection", "refusal"]), "{text}");
    assert!(text.contains("CALLER_NOT_ALLOWED, by the service"), "{text}");
    // Without `--expect-refused`, the same refusal is a failure.
    let (code, text) = smoke(&world.address.to_string(), "", &["--calls-only"]).await;
    assert_eq!((code, checks(&text, "FAILED")), (1, vec!["refusal"]), "{text}");
}

#[tokio::test]
#[ignore = "needs grpcurl: tests/run installs it"]
async fn tls_trusts_only_given_certificates() {
    let world = World::start().await;
    let (ca, mut config) = loopback_tls();
    std::fs::write(world.path("ca.pem"), ca).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, service) = (listener.local_addr().unwrap().to_string(), world.address);
    let proxy = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate closes the connection.
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(service).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    let trusted = format!("--tls={}", world.path("ca.pem").display());
    let (code, text) = smoke(&address, &world.olivia(), &[&trusted, "--token-file=-", RETURN]).await;
    assert_eq!((code, checks(&text, "ok ").len()), (0, 4), "{text}");

    std::fs::write(world.path("other.pem"), loopback_tls().0).unwrap();
    let untrusted = format!("--tls={}", world.path("other.pem").display());
    let (code, text) = smoke(&address, "", &[&untrusted, "--timeout=2"]).await;
    assert_eq!((code, checks(&text, "FAILED").len()), (1, 3), "{text}");
    proxy.abort();
}
