//! A connection that can be reset in the middle of what is written, and how an answer leaves over it.

use std::{
    convert::Infallible,
    future::pending,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// Between two bytes of a body that drips.
const DRIP: Duration = Duration::from_millis(100);

/// Less than the head of any answer, in HTTP/1.1 and, behind a frame or two of the connection's own, in HTTP/2.
const PART_OF_HEAD: usize = 20;

/// How an answer leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Whole, at once.
    #[default]
    Whole,
    Drip,
    Hang,
    Reset,
    ResetInHead,
    ResetInBody,
}

/// What a request's handler can do to the connection that the request came on.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// How many more bytes get through before a reset.
    budget: Arc<AtomicUsize>,
    /// Whether its certificate was a bad one on purpose.
    pub(crate) flawed: bool,
}

const NO_RESET: usize = usize::MAX;
/// Everything that is written gets through, and the first flush after that resets.
const AFTER_FLUSH: usize = usize::MAX - 1;

impl Connection {
    pub(crate) fn new(flawed: bool) -> Self {
        Self { budget: Arc::new(AtomicUsize::new(NO_RESET)), flawed }
    }

    fn reset_after(&self, bytes: usize) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// Whoever drops the transport after this resets it.
    pub(crate) fn reset_now(&self) {
        self.reset_after(0);
    }

    /// The body of an answer that is delivered so; returns when its head may leave.
    pub(crate) async fn deliver(&self, delivery: Delivery, body: Vec<u8>) -> Body {
        match delivery {
            Delivery::Whole => {}
            Delivery::Drip => return drip(),
            Delivery::Hang => pending().await,
            Delivery::Reset => self.reset_now(),
            Delivery::ResetInHead => self.reset_after(PART_OF_HEAD),
            Delivery::ResetInBody => return self.cut(body),
        }
        Body::from(body)
    }

    /// The first half, then one byte with which the reset is armed, so that there is something to flush, then nothing.
    fn cut(&self, mut body: Vec<u8>) -> Body {
        let rest = body.split_off(body.len() / 2);
        let last = Bytes::from(rest).slice(..1);
        let connection = self.clone();
        Body::from_stream(stream::unfold(0, move |step| {
            let (first, last, connection) = (body.clone(), last.clone(), connection.clone());
            async move {
                match step {
                    0 => Some((Ok::<_, Infallible>(Bytes::from(first)), 1)),
                    1 => {
                        connection.reset_after(AFTER_FLUSH);
                        Some((Ok(last), 2))
                    }
                    _ => pending().await,
                }
            }
        }))
    }
}

/// White space, which could be the beginning of any JSON; the first byte comes at once.
fn drip() -> Body {
    Body::from_stream(stream::unfold(Duration::ZERO, |pause| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), DRIP))
    }))
}

/// What a connection is made of: TCP, with or without TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A transport that obeys its [`Connection`].
pub(crate) struct Resettable<T: Transport> {
    inner: T,
    connection: Connection,
}

impl<T: Transport> Resettable<T> {
    pub(crate) const fn new(inner: T, connection: Connection) -> Self {
        Self { inner, connection }
    }

    fn is_armed(&self) -> bool {
        self.connection.budget.load(Ordering::SeqCst) != NO_RESET
    }
}

impl<T: Transport> Drop for Resettable<T> {
    /// Without lingering, the socket's end is a reset, and not an orderly close.
    fn drop(&mut self) {
        if self.is_armed() {
            drop(self.inner.tcp().set_zero_linger());
        }
    }
}

/// For whoever serves the connection: it ends here.
fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl<T: Transport> AsyncRead for Resettable<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: Transport> AsyncWrite for Resettable<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let budget = self.connection.budget.load(Ordering::SeqCst);
        if budget == 0 {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            return Poll::Ready(Err(reset()));
        }
        let allowed = buf.get(..budget.min(buf.len())).unwrap_or(buf);
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, allowed))?;
        if budget < AFTER_FLUSH {
            self.connection.reset_after(budget - written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        match self.connection.budget.load(Ordering::SeqCst) {
            0 | AFTER_FLUSH => Poll::Ready(Err(reset())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An orderly end would come before the reset.
        if self.is_armed() {
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
