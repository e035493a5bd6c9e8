//! What comes before HTTP/2 on a new connection: the TLS handshake, if the listener has TLS, and the connection preface.

use std::{
    error::Error,
    io::{self, Cursor},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tokio_util::either::Either;

use crate::{grpc::caller::mtls::ClientIdentity, tls::listener::HTTP2, wiring::ListenerTls};

/// The length of the HTTP/2 connection preface, in bytes (RFC 9113, section 3.4).
const PREFACE_LENGTH: usize = 24;

/// How long a client may take for the TLS handshake and the preface. A sidecar may keep a connection idle for hours, but a
/// connection without a preface only uses up `--max-connections`.
const LIMIT: Duration = Duration::from_secs(5);

/// The first byte of a TLS record with a handshake message (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Why a connection is closed before HTTP/2.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotEstablished {
    /// Port scans and probes that only connect do this all the time.
    #[error("no HTTP/2 preface")]
    NoPreface,
    #[error("client uses TLS, but this listener has TLS only with --caller-identity mtls")]
    UnexpectedTls,
    #[error("client does not use TLS, but --caller-identity mtls requires it")]
    NoTls,
    #[error("client does not offer the protocol h2 by ALPN")]
    NoProtocol,
    #[error("client does not offer TLS 1.3")]
    NoTls13,
    #[error("TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("TLS handshake took longer than {}", humantime::format_duration(LIMIT))]
    Slow,
}

/// Returns the connection, which starts with the preface, and what its client certificate says.
pub(super) async fn establish(
    stream: TcpStream,
    tls: Option<&ListenerTls>,
) -> Result<(impl AsyncRead + AsyncWrite + use<>, Option<ClientIdentity>), NotEstablished> {
    let end = Instant::now() + LIMIT;
    let stream = match tls {
        None => Either::Left(stream),
        Some(tls) => Either::Right(timeout_at(end, handshake(stream, tls)).await.unwrap_or(Err(NotEstablished::Slow))?),
    };
    let certificates = match &stream {
        Either::Left(_) => None,
        Either::Right(stream) => stream.get_ref().1.peer_certificates(),
    };
    let identity = certificates.and_then(<[_]>::first).map(|leaf| ClientIdentity::of(leaf));
    let io = timeout_at(end, after_preface(stream, tls.is_some())).await.unwrap_or(Err(NotEstablished::NoPreface))?;
    Ok((io, identity))
}

async fn handshake(stream: TcpStream, tls: &ListenerTls) -> Result<TlsStream<TcpStream>, NotEstablished> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.map_err(tls_error)?;
    let offers_http2 = hello.client_hello().alpn().is_some_and(|mut names| names.any(|name| name == HTTP2));
    let config = tls.config().map_err(|error| NotEstablished::Tls(io::Error::other(error)))?;
    let accepted = hello.into_stream(Arc::new(config)).await;
    let accepted = accepted.map_err(tls_error);
    if !offers_http2 && matches!(accepted, Err(NotEstablished::Tls(_))) {
        return Err(NotEstablished::NoProtocol);
    }
    accepted
}

fn tls_error(error: io::Error) -> NotEstablished {
    use rustls::{
        Error::{InvalidMessage, PeerIncompatible},
        InvalidMessage::InvalidContentType,
        PeerIncompatible::Tls12NotOfferedOrEnabled,
    };
    let cause = error.get_ref().and_then(|error| (error as &dyn Error).downcast_ref());
    match cause {
        Some(InvalidMessage(InvalidContentType)) => NotEstablished::NoTls,
        Some(PeerIncompatible(Tls12NotOfferedOrEnabled)) => NotEstablished::NoTls13,
        Some(_) => NotEstablished::Tls(error),
        // Without an error of TLS, the client closed the connection.
        None => NotEstablished::NoPreface,
    }
}

/// Waits for the preface, and returns a stream that starts with it.
async fn after_preface(
    stream: impl AsyncRead + AsyncWrite,
    has_tls: bool,
) -> Result<impl AsyncRead + AsyncWrite, NotEstablished> {
    let (mut reader, writer) = tokio::io::split(stream);
    let mut preface = [0; PREFACE_LENGTH];
    reader.read_exact(&mut preface).await.map_err(|_| NotEstablished::NoPreface)?;
    if !has_tls && preface.starts_with(&[TLS_HANDSHAKE]) {
        return Err(NotEstablished::UnexpectedTls);
    }
    Ok(tokio::io::join(Cursor::new(preface).chain(reader), writer))
}
