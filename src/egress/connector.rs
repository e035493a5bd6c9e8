//! Connects to a server, directly or through a tunnel that an HTTP proxy opens (RFC 9110, section 9.3.6). TLS with the server
//! comes above it, so a proxy sees only what it relays.
//!
//! hyper-util (0.1.21) has a tunnel as well. It does not report the status with which a proxy refuses, has no time limit, and
//! drops what a proxy sends early.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use http::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tower::{Service, ServiceExt as _};

use super::Proxy;
use crate::telemetry::chain;

/// The largest head of a proxy's response, in bytes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The maximum number of headers of a proxy's response.
const MAX_HEADERS: usize = 100;

/// A connection to a server. The one with a proxy may itself have TLS.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type BoxError = Box<dyn Error + Send + Sync>;

/// Connects to servers, directly or through a proxy.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector,
    tunnel: Option<Arc<Tunnel>>,
}

struct Tunnel {
    proxy: Proxy,
    to_proxy: HttpsConnector<HttpConnector>,
    limit: Duration,
}

/// Why a proxy does not connect to a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("proxy {proxy} {problem}")]
pub struct ProxyError {
    proxy: String,
    problem: String,
}

impl Connector {
    /// Creates a connector. A proxy must have opened a tunnel within `limit`; `tls` is for an https proxy.
    #[must_use]
    pub fn new(proxy: Option<&Proxy>, tls: &ClientConfig, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tunnel = proxy.map(|proxy| {
            let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http().enable_http1();
            Arc::new(Tunnel { proxy: proxy.clone(), to_proxy: to_proxy.wrap_connector(tcp.clone()), limit })
        });
        Self { tcp, tunnel }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match &self.tunnel {
            None => {
                let tcp = self.tcp.clone();
                Box::pin(async move { Ok(MaybeHttpsStream::Http(tcp.oneshot(server).await?)) })
            }
            Some(tunnel) => {
                let tunnel = Arc::clone(tunnel);
                Box::pin(async move { Ok(tunnel.open(&server).await?) })
            }
        }
    }
}

impl Tunnel {
    async fn open(&self, server: &Uri) -> Result<Stream, ProxyError> {
        let opened = timeout(self.limit, self.connect(server)).await;
        let opened = opened.unwrap_or_else(|_| Err(format!("did not open a connection within {:?}", self.limit)));
        opened.map_err(|problem| ProxyError { proxy: self.proxy.to_string(), problem })
    }

    /// Returns what is wrong otherwise.
    async fn connect(&self, server: &Uri) -> Result<Stream, String> {
        let connected = self.to_proxy.clone().oneshot(self.proxy.uri.clone()).await;
        let mut stream = TokioIo::new(connected.map_err(|error| format!("cannot be reached: {}", chain(&*error)))?);
        let sent = stream.write_all(&self.request(server)?).await;
        let sent = if sent.is_ok() { stream.flush().await } else { sent };
        sent.map_err(|error| format!("closed the connection: {error}"))?;
        read_response(&mut stream).await?;
        Ok(stream.into_inner())
    }

    fn request(&self, server: &Uri) -> Result<Vec<u8>, String> {
        let host = server.host().ok_or_else(|| "cannot be used for a URL without a host".to_owned())?;
        let server = format!("{host}:{}", server.port_u16().unwrap_or(443));
        let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n").into_bytes();
        if let Some(authorization) = &self.proxy.authorization {
            request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        Ok(request)
    }
}

/// Reads the head of the response, and nothing that follows it. Only a status of 2xx opens the tunnel.
async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), String> {
    const MALFORMED: &str = "does not respond as an HTTP proxy";
    let mut received = BytesMut::new();
    loop {
        match stream.read_buf(&mut received).await {
            Ok(0) => return Err("closed the connection before its response was complete".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("closed the connection: {error}")),
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&received) {
            Ok(httparse::Status::Complete(length)) => {
                let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
                return match status {
                    Some(status) if status.is_success() && length == received.len() => Ok(()),
                    // The server speaks only after the client's first message of TLS.
                    Some(status) if status.is_success() => Err("sent bytes before the server did".to_owned()),
                    Some(status) => Err(format!("refused with {status}")),
                    None => Err(MALFORMED.to_owned()),
                };
            }
            Ok(httparse::Status::Partial) if received.len() <= MAX_HEAD_BYTES => {}
            Ok(httparse::Status::Partial) => return Err(format!("sent a header over {MAX_HEAD_BYTES} bytes")),
            Err(_) => return Err(MALFORMED.to_owned()),
        }
    }
}

impl ProxyError {
    /// Returns the failure of the proxy that caused an error.
    pub(crate) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        error.downcast_ref().or_else(|| Self::find(error.source()?))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.tunnel.as_ref().map(|tunnel| &tunnel.proxy);
        f.debug_struct("Connector").field("proxy", &proxy).finish_non_exhaustive()
    }
}
