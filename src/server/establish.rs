//! What comes before HTTP/2 on a new connection: the TLS handshake, if the listener has TLS, and the connection preface.

use std::{io::Cursor, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tokio_util::either::Either;

use super::not_established::NotEstablished;
use crate::{grpc::caller::mtls::ClientIdentity, wiring::ListenerTls};

/// The length of the HTTP/2 connection preface, in bytes (RFC 9113, section 3.4).
const PREFACE_LENGTH: usize = 24;

/// How long a client may take for the TLS handshake and the preface. A sidecar may keep a connection idle for hours, but a
/// connection without a preface only uses up `--max-connections`.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// The first byte of a TLS record with a handshake message (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

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
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await;
    let hello = hello.map_err(|error| NotEstablished::of_hello(&error))?;
    let offers_alpn = hello.client_hello().alpn().is_some();
    let accepted = hello.into_stream(Arc::new(tls.config()?)).await;
    accepted.map_err(|error| NotEstablished::of_handshake(&error, offers_alpn))
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
