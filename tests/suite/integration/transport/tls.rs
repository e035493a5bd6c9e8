//! Integration: with `--caller-identity mtls`, which connections are refused before HTTP/2, and what the log says.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, pki_types::ServerName, version::TLS12};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    World,
    certificates::{Authority, CALLER, Mtls, client, client_of, client_with_intermediates, connect, uri},
    process::{serve_at, signal},
    stripe::hold_responses,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Connects, sends the preface, and returns the connection if the service speaks HTTP/2.
async fn speak(mtls: &Mtls, config: ClientConfig) -> Option<TlsStream<TcpStream>> {
    let mut stream = connect(mtls.serving.address, Arc::new(config)).await.ok()?;
    stream.write_all(PREFACE).await.ok()?;
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.ok()?;
    assert_eq!(frame[3], 4, "SETTINGS");
    stream.read_exact(&mut vec![0; usize::from(frame[2])]).await.ok()?;
    Some(stream)
}

#[tokio::test]
async fn only_verified_clients_that_speak_http2_over_tls_1_3_connect() {
    let (mtls, other) = (Mtls::start(&[]).await, Authority::new());
    let issue = |change: fn(&mut rcgen::CertificateParams)| mtls.ca.issue_with(vec![uri(CALLER)], change);
    let good = issue(|_| {});
    assert!(speak(&mtls, client(&mtls.ca, Some(&good))).await.is_some());
    let with_protocols = |protocols: &[&[u8]]| {
        let mut config = client(&mtls.ca, Some(&good));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    };
    let server_only = issue(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let mut expected = Vec::new();
    for (config, kind, cause) in [
        (
            client(&mtls.ca, Some(&other.issue(vec![uri(CALLER)]))),
            "unknown_ca",
            "not signed by a CA in --tls-client-ca",
        ),
        (
            client(&mtls.ca, Some(&issue(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1)))),
            "expired",
            "client certificate has expired (2020-01-01T00:00:00Z)",
        ),
        (
            client(&mtls.ca, Some(&issue(|leaf| leaf.not_before = date_time_ymd(2200, 1, 1)))),
            "not_yet_valid",
            "client certificate is not valid yet (2200-01-01T00:00:00Z)",
        ),
        (client(&mtls.ca, Some(&server_only)), "wrong_usage", "client certificate is not for client authentication"),
        // A search for a path through 300 certificates would take seconds.
        (
            client_with_intermediates(&mtls.ca, &good, 100),
            "long_chain",
            "client sends more than 4 intermediate certificates",
        ),
        (client(&mtls.ca, None), "no_certificate", "client has no certificate"),
        (client_of(&TLS12, &mtls.ca, Some(&good)), "no_tls_1_3", "client does not offer TLS 1.3"),
        (with_protocols(&[]), "no_alpn", "client does not offer the protocol h2 by ALPN"),
        (with_protocols(&[b"http/1.1"]), "no_alpn", "client does not offer the protocol h2 by ALPN"),
        (client(&other, Some(&good)), "distrusted", "client does not trust the certificate of this listener (alert "),
    ] {
        assert!(speak(&mtls, config).await.is_none(), "{cause}");
        let line = mtls.serving.wait_for_lines(cause, 1).await.remove(0);
        assert!(line.contains("\"peer\":\"127.0.0.1:"), "{line}");
        expected.push((kind, cause));
    }
    let mut plain = TcpStream::connect(mtls.serving.address).await.unwrap();
    plain.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.unwrap();
    // A fatal alert (RFC 8446, section 6), so that the client does not wait.
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    expected.push(("no_tls", "client does not use TLS, but --caller-identity mtls requires it"));
    // A client that leaves after its first message, instead of sending an alert.
    let server = ServerName::from(mtls.serving.address.ip());
    let mut hello = Vec::new();
    ClientConnection::new(client(&mtls.ca, None).into(), server).unwrap().write_tls(&mut hello).unwrap();
    let mut leaving = TcpStream::connect(mtls.serving.address).await.unwrap();
    leaving.write_all(&hello).await.unwrap();
    drop(leaving);
    expected.push(("closed", "client closed the connection during the TLS handshake"));
    mtls.world.open(&mtls.world.olivia()).await.unwrap();
    // Anyone can cause these. Of each kind, the first one is logged, and what follows with its count.
    mtls.serving.wait_for_lines("\"kind\":\"closed\"", 1).await;
    signal(&mtls.serving.child, "-TERM");
    let lines = mtls.serving.wait_for_lines("connections refused before HTTP/2", expected.len()).await;
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    // Each connection is logged by its own task, so the order is not known. Two have the same kind.
    for (kind, cause) in expected {
        let is_of_kind = |line: &&String| line.contains(&format!("\"kind\":\"{kind}\"")) && line.contains(cause);
        assert!(lines.iter().any(|line| is_of_kind(&line)), "{kind} {cause}: {lines:#?}");
    }
    for line in &lines {
        assert!(line.contains("\"count\":1") && line.contains("\"level\":\"WARN\""), "{line}");
    }
}

#[tokio::test]
async fn client_of_tls_1_2_without_the_extension_for_versions_is_named_as_such() {
    let mtls = Mtls::start(&[]).await;
    // A ClientHello (RFC 5246, section 7.4.1.2) as OpenSSL sends it for TLS 1.2, with one cipher suite and only the extension
    // for signature algorithms.
    let (random, extensions) = ([7; 32], [0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let body = [&[3, 3][..], &random, &[0, 0, 2, 0xc0, 0x2f, 1, 0], &extensions].concat();
    let length = |length: usize| u8::try_from(length).unwrap();
    let hello = [&[22, 3, 1, 0, length(body.len() + 4), 1, 0, 0, length(body.len())][..], &body].concat();
    let mut stream = TcpStream::connect(mtls.serving.address).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    let lines = mtls.serving.wait_for_lines("connections refused before HTTP/2", 1).await;
    assert!(lines[0].contains("client does not offer TLS 1.3"), "{lines:?}");
}

#[tokio::test]
async fn sessions_are_not_resumed() {
    let mtls = Mtls::start(&[]).await;
    // Both connections share the sessions that the client keeps.
    let config = client(&mtls.ca, Some(&mtls.ca.issue(vec![uri(CALLER)])));
    for _ in 0..2 {
        let stream = speak(&mtls, config.clone()).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn handshake_that_hangs_counts_as_a_connection_and_is_ended() {
    let mtls = Mtls::start(&["--max-connections=1"]).await;
    let connect = || async {
        let mut stream = TcpStream::connect(mtls.serving.address).await.unwrap();
        // The start of a record.
        stream.write_all(&[22, 3, 1, 0]).await.unwrap();
        stream
    };
    let mut first = connect().await;
    let mut second = connect().await;
    // The second one replaces the first one, and is closed after the time limit.
    assert_eq!(first.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0);
    mtls.serving.wait_for_lines("TLS handshake took longer than 5s", 1).await;
    // A connection with a handshake that hangs is closed if every other one has work.
    let mut watch =
        HealthClient::new(mtls.world.channel.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    assert_eq!(connect().await.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(mtls.serving.wait_for_lines("--max-connections is reached", 1).await[0].contains("\"evicted\":1"));
}

#[tokio::test]
async fn tls_client_of_a_plain_text_listener_is_logged() {
    let (world, ca) = (World::start().await, Authority::new());
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let serving = serve_at("info", &arguments).await;
    for _ in 0..2 {
        connect(serving.address, Arc::new(client(&ca, None))).await.unwrap_err();
    }
    // Of the first one.
    let lines = serving.wait_for_lines("client uses TLS, but this listener has TLS only with", 1).await;
    assert!(lines.len() == 1 && lines[0].contains("\"level\":\"WARN\""), "{lines:?}");
}

#[tokio::test]
async fn drain_sends_goaway_and_finishes_calls_over_tls() {
    let mut mtls = Mtls::start(&[]).await;
    let (received, release) = hold_responses(&mtls.world.stripe);
    let token = mtls.world.olivia();
    let open = mtls.world.open(&token);
    let drain = async {
        received.notified().await;
        signal(&mtls.serving.child, "-TERM");
        mtls.serving.wait_for_lines("draining", 1).await;
        release.add_permits(10);
    };
    tokio::join!(open, drain).0.unwrap();
    assert_eq!(mtls.serving.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn connection_receives_goaway_when_the_certificate_of_its_client_expires() {
    let mtls = Mtls::start(&[]).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(3);
    let identity = mtls.ca.issue_with(vec![uri(CALLER)], |leaf| leaf.not_after = not_after);
    let mut stream = speak(&mtls, client(&mtls.ca, Some(&identity))).await.unwrap();
    let goaway = async {
        let mut head = [0; 9];
        while head[3] != 7 {
            stream.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[2])];
            stream.read_exact(&mut payload).await.unwrap();
        }
    };
    timeout(Duration::from_secs(30), goaway).await.expect("no GOAWAY arrives");
}
