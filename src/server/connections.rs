//! HTTP/2 connections: their number, how they are served, and how they are closed.

use std::{
    io::{self, Cursor},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The largest header list, in bytes (RFC 9113, SETTINGS_MAX_HEADER_LIST_SIZE). A larger one gets HTTP 431.
const MAX_HEADER_LIST_BYTES: u32 = 32 * 1024;

/// The maximum number of concurrent calls on one connection. A sidecar opens few connections with many calls each.
const MAX_STREAMS: u32 = 1_000;

/// A peer that does not respond to a ping within this time is considered disconnected.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The length of the HTTP/2 connection preface, in bytes (RFC 9113, section 3.4).
const PREFACE_LENGTH: usize = 24;

/// How long a client may take to send the preface. A sidecar may keep a connection idle for hours, but a connection
/// without a preface only uses up `--max-connections`.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long connections may take to send their remaining data after the drain.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// The pause after a failed accept, which happens when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of a listener.
pub(super) struct Connections {
    routes: Router,
    slots: Arc<Semaphore>,
    open: TaskTracker,
    /// Makes each connection refuse new streams.
    going_away: CancellationToken,
    /// Closes each connection immediately.
    killed: CancellationToken,
}

impl Connections {
    pub(super) fn new(routes: Router, max_connections: usize) -> Self {
        Self {
            routes,
            slots: Arc::new(Semaphore::new(max_connections)),
            open: TaskTracker::new(),
            going_away: CancellationToken::new(),
            killed: CancellationToken::new(),
        }
    }

    /// Accepts and serves connections until `shutdown` completes.
    pub(super) async fn accept_until(&self, listener: &TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.serve(stream),
                Err(error) => {
                    tracing::warn!(%error, "connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            tracing::warn!("connection closed: --max-connections is reached");
            return;
        };
        drop(stream.set_nodelay(true));
        let routes = self.routes.clone();
        let (going_away, killed) = (self.going_away.clone(), self.killed.clone());
        self.open.spawn(async move {
            let _slot = slot;
            let io = tokio::select! {
                io = timeout(PREFACE_TIMEOUT, after_preface(stream)) => io,
                () = going_away.cancelled() => return,
            };
            let Ok(Ok(io)) = io else {
                tracing::debug!("connection closed: no HTTP/2 preface");
                return;
            };
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(MAX_HEADER_LIST_BYTES)
                .keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .serve_connection(TokioIo::new(io), TowerToHyperService::new(routes));
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                () = going_away.cancelled() => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = killed.cancelled() => return,
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection failed");
            }
        });
    }

    /// Sends GOAWAY on every connection; open streams continue.
    pub(super) fn refuse_new_streams(&self) {
        self.going_away.cancel();
    }

    /// Waits briefly for each connection to close, then closes the rest.
    pub(super) async fn close(&self) {
        self.open.close();
        if timeout(CLOSE_GRACE, self.open.wait()).await.is_err() {
            tracing::info!(connections = self.open.len(), "closing remaining connections");
            self.killed.cancel();
            self.open.wait().await;
        }
    }
}

/// Waits for the preface, and returns a stream that starts with it.
async fn after_preface(stream: TcpStream) -> io::Result<impl AsyncRead + AsyncWrite> {
    let (mut reader, writer) = stream.into_split();
    let mut preface = [0; PREFACE_LENGTH];
    reader.read_exact(&mut preface).await?;
    Ok(tokio::io::join(Cursor::new(preface).chain(reader), writer))
}
