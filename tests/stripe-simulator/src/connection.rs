//! Connections that can be reset in the middle of a response, and the ways to deliver a response.

use std::{
    convert::Infallible,
    future::pending,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// Interval between two bytes of a slow body.
const DRIP_INTERVAL: Duration = Duration::from_millis(100);

/// Number of bytes before a reset in the head. It is less than the length of any HTTP/1.1 response head. It also ends within
/// the head in HTTP/2, although one or two connection frames precede it.
const PART_OF_HEAD: usize = 20;

/// How a response is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Completely and without delay.
    #[default]
    Whole,
    /// With an endless body, one byte at a time.
    Drip,
    /// Never.
    Hang,
    /// Only the head and the first half of the body.
    HangInBody,
    /// Not at all: the connection is reset.
    Reset,
    ResetInHead,
    ResetInBody,
    /// Not at all if the connection has delivered a response before: it is reset.
    ResetReused,
    /// Completely, and then the connection is closed without an announcement.
    ThenClose,
}

/// A handle to a connection, which lets request handlers reset it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Number of bytes still written before a reset, or one of the constants below.
    budget: Arc<AtomicUsize>,
    /// Whether a response was delivered.
    used: Arc<AtomicBool>,
    /// Whether the connection has a deliberately invalid certificate.
    pub(crate) flawed: bool,
}

const NO_RESET: usize = usize::MAX;
/// The connection is reset after the next flush.
const AFTER_FLUSH: usize = usize::MAX - 1;
/// The connection is closed, not reset, after the next flush.
const CLOSE_AFTER_FLUSH: usize = usize::MAX - 2;

impl Connection {
    pub(crate) fn new(flawed: bool) -> Self {
        Self { budget: Arc::new(AtomicUsize::new(NO_RESET)), used: Arc::default(), flawed }
    }

    fn reset_after(&self, bytes: usize) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// Resets the connection when the transport is next written, flushed or dropped.
    pub(crate) fn reset_now(&self) {
        self.reset_after(0);
    }

    /// Returns the body to send with the given delivery. Resolves when the head can be sent.
    pub(crate) async fn deliver(&self, delivery: Delivery, body: Vec<u8>) -> Body {
        let is_reused = self.used.swap(true, Ordering::SeqCst);
        match delivery {
            Delivery::Whole => {}
            Delivery::Drip => return drip(),
            Delivery::Hang => pending().await,
            Delivery::HangInBody => return half(body),
            Delivery::Reset => self.reset_now(),
            Delivery::ResetReused if is_reused => self.reset_now(),
            Delivery::ResetReused => {}
            Delivery::ThenClose => self.reset_after(CLOSE_AFTER_FLUSH),
            Delivery::ResetInHead => self.reset_after(PART_OF_HEAD),
            Delivery::ResetInBody => return self.cut(body),
        }
        Body::from(body)
    }

    /// Returns a body of the first half and one more byte. The reset is scheduled with that byte, because a flush needs data.
    fn cut(&self, mut body: Vec<u8>) -> Body {
        let rest = body.split_off(body.len() / 2);
        let last_byte = Bytes::from(rest).slice(..1);
        let connection = self.clone();
        Body::from_stream(stream::unfold(0, move |step| {
            let (first_half, last_byte, connection) = (body.clone(), last_byte.clone(), connection.clone());
            async move {
                match step {
                    0 => Some((Ok::<_, Infallible>(Bytes::from(first_half)), 1)),
                    1 => {
                        connection.reset_after(AFTER_FLUSH);
                        Some((Ok(last_byte), 2))
                    }
                    _ => pending().await,
                }
            }
        }))
    }
}

/// Returns a body that stops after its first half, and does not end.
fn half(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let first_half = stream::once(std::future::ready(Ok::<_, Infallible>(Bytes::from(body))));
    Body::from_stream(first_half.chain(stream::pending()))
}

/// Returns an endless body of spaces, which could precede any JSON. The first byte has no delay.
fn drip() -> Body {
    Body::from_stream(stream::unfold(Duration::ZERO, |pause| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), DRIP_INTERVAL))
    }))
}

/// The stream of a connection: TCP, with or without TLS.
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

/// A transport that can be reset through its [`Connection`].
pub(crate) struct Resettable<T: Transport> {
    inner: T,
    connection: Connection,
}

impl<T: Transport> Resettable<T> {
    pub(crate) const fn new(inner: T, connection: Connection) -> Self {
        Self { inner, connection }
    }

    fn is_reset_scheduled(&self) -> bool {
        !matches!(self.connection.budget.load(Ordering::SeqCst), NO_RESET | CLOSE_AFTER_FLUSH)
    }
}

impl<T: Transport> Drop for Resettable<T> {
    /// With a linger time of zero, closing the socket sends a reset.
    fn drop(&mut self) {
        if self.is_reset_scheduled() {
            drop(self.inner.tcp().set_zero_linger());
        }
    }
}

/// The error that makes the server drop the connection.
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
        if budget < CLOSE_AFTER_FLUSH {
            self.connection.reset_after(budget - written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        match self.connection.budget.load(Ordering::SeqCst) {
            0 | AFTER_FLUSH | CLOSE_AFTER_FLUSH => Poll::Ready(Err(reset())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A regular shutdown would send FIN before the reset.
        if self.is_reset_scheduled() {
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
