//! A limit on what is read from a connection for one exchange, whatever it is: the HTTP library itself accepts endless
//! interim responses, chunk headers and trailers. The same connection knows whether a request was lost because its
//! connection had been used before.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::TokioIo,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tower::{BoxError, Service, ServiceExt as _, timeout::Timeout};

use crate::egress::{Connector, Stream};

/// The maximum number of bytes that are read for one exchange, after decryption.
const MAX_EXCHANGE_BYTES: u64 = 256 * 1024;

/// The connection as the connector returns it.
type Unlimited = MaybeHttpsStream<Stream>;

/// A connection that fails when one exchange reads too much.
pub(crate) struct Limited {
    /// Its limit is what may still be read since the last byte of a request was written. HTTP/1.1 has one exchange at a time.
    stream: Take<TokioIo<Unlimited>>,
    unanswered_reuse: UnansweredReuse,
}

/// Whether the latest request is not the first one of its connection, and no byte of its response was read.
#[derive(Clone, Default)]
struct UnansweredReuse(Arc<AtomicBool>);

impl UnansweredReuse {
    fn set(&self, is_unanswered_reuse: bool) {
        self.0.store(is_unanswered_reuse, Ordering::Relaxed);
    }
}

/// The limit was exceeded.
#[derive(Debug, thiserror::Error)]
#[error("response with its interim responses, chunk headers and trailers is over {MAX_EXCHANGE_BYTES} bytes")]
struct LimitExceeded;

/// A connector whose connections are limited. The client clones it for each request, so a clone is cheap.
#[derive(Clone)]
pub(crate) struct LimitedConnector {
    connector: Arc<HttpsConnector<Connector>>,
    time: Duration,
}

/// Limits the connections of a connector, and the time in which one is opened, with its TLS handshake: the client continues to
/// open a connection in the background when a request that waited for it has got another one. A request itself waits at most
/// for `time`, and its own limit says more about the cause, so it comes first.
pub(crate) fn limited(connector: HttpsConnector<Connector>, time: Duration) -> LimitedConnector {
    LimitedConnector { connector: Arc::new(connector), time: time + Duration::from_secs(1) }
}

impl Service<Uri> for LimitedConnector {
    type Response = TokioIo<Limited>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Limited>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connector = Timeout::new(HttpsConnector::clone(&self.connector), self.time);
        Box::pin(async move { Ok(limit(connector.oneshot(server).await?)) })
    }
}

/// Limits a new connection.
fn limit(stream: Unlimited) -> TokioIo<Limited> {
    let stream = TokioIo::new(stream).take(MAX_EXCHANGE_BYTES);
    TokioIo::new(Limited { stream, unanswered_reuse: UnansweredReuse::default() })
}

/// Returns whether a request failed on a connection that had served an earlier request, before any byte of its own
/// response was read.
pub(crate) fn is_unanswered_reuse(error: &legacy::Error) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connection) = error.connect_info() {
        connection.get_extras(&mut extras);
    }
    extras.get::<UnansweredReuse>().is_some_and(|reuse| reuse.0.load(Ordering::Relaxed))
}

/// Returns whether an error was caused by the limit.
pub(crate) fn is_exceeded(error: &(dyn Error + 'static)) -> bool {
    let io_error = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    io_error.is_some_and(<dyn Error + Send + Sync>::is::<LimitExceeded>) || error.source().is_some_and(is_exceeded)
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stream.limit() == 0 {
            return Poll::Ready(Err(io::Error::other(LimitExceeded)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.unanswered_reuse.set(false);
        }
        Poll::Ready(Ok(()))
    }
}

impl Limited {
    /// Must be called before each write. A write after a read begins the next request. It counts even if it fails,
    /// because that is how a closed connection is noticed.
    fn begin_write(&self) {
        if self.stream.limit() < MAX_EXCHANGE_BYTES {
            self.unanswered_reuse.set(true);
        }
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.begin_write();
        let written = ready!(Pin::new(self.stream.get_mut()).poll_write(context, bytes))?;
        self.stream.set_limit(MAX_EXCHANGE_BYTES);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin_write();
        let written = ready!(Pin::new(self.stream.get_mut()).poll_write_vectored(context, bytes))?;
        self.stream.set_limit(MAX_EXCHANGE_BYTES);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

impl Connection for Limited {
    fn connected(&self) -> Connected {
        self.stream.get_ref().inner().connected().extra(self.unanswered_reuse.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, mem::MaybeUninit};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use hyper_rustls::HttpsConnectorBuilder;
    use tower::timeout::error::Elapsed;

    use super::*;
    use crate::tls;

    #[tokio::test]
    async fn tls_handshake_that_hangs_is_ended() {
        let tls = tls::without_roots().unwrap();
        let tcp = Connector::new(None, &tls, Duration::from_secs(60));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(tcp);
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("https://{}", server.local_addr().unwrap()).parse().unwrap();
        let connecting = tokio::spawn(limited(connector, Duration::ZERO).oneshot(uri));
        let (_stream, _) = server.accept().await.unwrap();
        assert!(connecting.await.unwrap().err().unwrap().is::<Elapsed>());
    }

    #[tokio::test]
    async fn read_touches_only_what_it_received_of_the_buffer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        accepted.unwrap().0.write_all(b"response").await.unwrap();
        let mut connection =
            limit(MaybeHttpsStream::Http(MaybeHttpsStream::Http(TokioIo::new(client.unwrap())))).into_inner();
        let mut memory = [MaybeUninit::uninit(); 8 * 1024];
        let mut buffer = ReadBuf::uninit(&mut memory);
        poll_fn(|context| Pin::new(&mut connection).poll_read(context, &mut buffer)).await.unwrap();
        assert_eq!((buffer.filled(), buffer.initialized().len()), (&b"response"[..], 8));
    }

    #[tokio::test]
    async fn exactly_the_limit_is_read_for_each_exchange() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let mut server = accepted.unwrap().0;
        tokio::spawn(async move { while server.write_all(&[b'0'; 1_000]).await.is_ok() {} });
        let mut connection =
            limit(MaybeHttpsStream::Http(MaybeHttpsStream::Http(TokioIo::new(client.unwrap())))).into_inner();
        let mut buffer = vec![0; 100_000];
        for _ in 0..2 {
            connection.write_all(b"request").await.unwrap();
            let mut received = 0;
            let error = loop {
                match connection.read(&mut buffer).await {
                    Ok(read) => received += read as u64,
                    Err(error) => break error,
                }
            };
            assert!(is_exceeded(&error));
            assert_eq!(received, MAX_EXCHANGE_BYTES);
        }
    }
}
