//! The connections of a listener: their number, and how they are closed.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{
    connection::Connection,
    idle::{IdleConnections, OpenStreams},
    refused::Refused,
};
use crate::{
    supervisor,
    wiring::{ListenerTls, Routes, descriptors::CLOSING_CONNECTIONS},
};

/// How long connections may take to send their remaining data after the drain, or after an eviction.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// The pause after a failed accept, which happens when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of a listener.
pub(super) struct Connections {
    routes: Routes,
    /// `None` on a plain-text listener.
    tls: Option<Arc<ListenerTls>>,
    refused: Arc<Refused>,
    /// Logs refused connections, until it is dropped.
    _log: AbortOnDropHandle<()>,
    /// The connections that are served.
    slots: Arc<Semaphore>,
    /// These, and evicted ones that are not closed yet.
    descriptors: Arc<Semaphore>,
    /// Ends the grace of one evicted connection, because the next connection has to wait for a descriptor.
    crowded: Arc<Notify>,
    idle: IdleConnections,
    open: TaskTracker,
    /// Makes each connection refuse new streams.
    going_away: CancellationToken,
    /// Closes each connection immediately.
    killed: CancellationToken,
}

impl Connections {
    /// Allows `max_connections`, a maximum with the name `limit`.
    pub(super) fn new(
        routes: Routes,
        tls: Option<Arc<ListenerTls>>,
        max_connections: usize,
        limit: &'static str,
    ) -> Self {
        let descriptors = max_connections.saturating_add(CLOSING_CONNECTIONS).min(Semaphore::MAX_PERMITS);
        let refused = Arc::new(Refused::new(limit));
        let logged = Arc::clone(&refused);
        let log = supervisor::spawn("connection log", move || {
            let refused = Arc::clone(&logged);
            async move { refused.log_repeatedly().await }
        });
        Self {
            routes,
            tls,
            refused,
            _log: log,
            slots: Arc::new(Semaphore::new(max_connections)),
            descriptors: Arc::new(Semaphore::new(descriptors)),
            crowded: Arc::default(),
            idle: IdleConnections::new(max_connections),
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
                accepted = self.accept(listener) => accepted,
            };
            match accepted {
                Ok((accepted, descriptor)) => self.admit(accepted, descriptor),
                Err(error) => {
                    tracing::warn!(%error, "connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<((TcpStream, SocketAddr), OwnedSemaphorePermit)> {
        let descriptors = Arc::clone(&self.descriptors);
        if descriptors.available_permits() == 0 {
            self.crowded.notify_one();
        }
        let descriptor = descriptors.acquire_owned().await.map_err(io::Error::other)?;
        Ok((listener.accept().await?, descriptor))
    }

    /// Serves a connection if a slot is free, or if an idle connection can be evicted.
    fn admit(&self, (stream, peer): (TcpStream, SocketAddr), descriptor: OwnedSemaphorePermit) {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok().or_else(|| {
            let slot = self.idle.evict();
            self.refused.at_limit(slot.is_some());
            slot
        });
        let Some(slot) = slot else { return };
        drop(stream.set_nodelay(true));
        let connection = Connection {
            descriptor,
            routes: self.routes.clone(),
            tls: self.tls.clone(),
            refused: Arc::clone(&self.refused),
            streams: OpenStreams::new(&self.idle, slot),
            crowded: Arc::clone(&self.crowded),
            going_away: self.going_away.clone(),
            killed: self.killed.clone(),
        };
        self.open.spawn(connection.serve(stream, peer));
    }

    /// Sends GOAWAY on every connection; open streams continue.
    pub(super) fn refuse_new_streams(&self) {
        self.going_away.cancel();
    }

    /// Waits briefly for each connection to close, then closes the rest. Logs the refused connections that are not logged yet.
    pub(super) async fn close(&self) {
        self.open.close();
        if timeout(CLOSE_GRACE, self.open.wait()).await.is_err() {
            tracing::info!(connections = self.open.len(), "closing remaining connections");
            self.killed.cancel();
            self.open.wait().await;
        }
        self.refused.log_rest();
    }
}
