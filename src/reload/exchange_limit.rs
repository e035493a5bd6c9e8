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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{
    BoxError,
    timeout::Timeout,
    util::{BoxCloneSyncService, MapResponse},
};

use crate::egress::{Connector, Stream};

/// The maximum number of bytes that are read for one exchange, after decryption.
const MAX_EXCHANGE_BYTES: usize = 256 * 1024;

/// The connection as the connector returns it.
type Unlimited = MaybeHttpsStream<Stream>;

/// A connection that fails when one exchange reads too much.
pub(crate) struct Limited {
    stream: TokioIo<Unlimited>,
    /// The number of bytes read since the last byte of a request was written. HTTP/1.1 has one exchange at a time.
    read: usize,
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

/// A connector whose connections are limited.
pub(crate) type LimitedConnector = BoxCloneSyncService<Uri, TokioIo<Limited>, BoxError>;

/// Limits the connections of a connector, and the time in which one is opened, with its TLS handshake: the client continues to
/// open a connection in the background when a request that waited for it has got another one. A request itself waits at most
/// for `time`, and its own limit says more about the cause, so it comes first.
pub(crate) fn limited(connector: HttpsConnector<Connector>, time: Duration) -> LimitedConnector {
    BoxCloneSyncService::new(MapResponse::new(Timeout::new(connector, time + Duration::from_secs(1)), limit))
}

/// Limits a new connection.
fn limit(stream: Unlimited) -> TokioIo<Limited> {
    TokioIo::new(Limited { stream: TokioIo::new(stream), read: 0, unanswered_reuse: UnansweredReuse::default() })
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
        let left = MAX_EXCHANGE_BYTES - self.read;
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(LimitExceeded)));
        }
        let mut limited = ReadBuf::new(buffer.initialize_unfilled_to(left.min(buffer.remaining())));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut limited))?;
        let read = limited.filled().len();
        buffer.advance(read);
        self.read += read;
        if read > 0 {
            self.unanswered_reuse.set(false);
        }
        Poll::Ready(Ok(()))
    }
}

impl Limited {
    /// Must be called before each write. A write after a read begins the next request. It counts even if it fails,
    /// because that is how a closed connection is noticed.
    fn begin_write(&self) {
        if self.read > 0 {
            self.unanswered_reuse.set(true);
        }
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.begin_write();
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.read = 0;
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin_write();
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, bytes))?;
        self.read = 0;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connection for Limited {
    fn connected(&self) -> Connected {
        self.stream.inner().connected().extra(self.unanswered_reuse.clone())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use hyper_rustls::HttpsConnectorBuilder;
    use tower::{ServiceExt as _, timeout::error::Elapsed};

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
                    Ok(read) => received += read,
                    Err(error) => break error,
                }
            };
            assert!(is_exceeded(&error));
            assert_eq!(received, MAX_EXCHANGE_BYTES);
        }
    }
}
