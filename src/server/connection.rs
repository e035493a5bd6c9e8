//! One HTTP/2 connection: how it is served, and how it is closed.

use std::{convert::Infallible, future::pending, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{body::Body, http::Response};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{Notify, OwnedSemaphorePermit},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{connections::CLOSE_GRACE, establish::establish, idle::OpenStreams, late::ReadToEnd, refused::Refused};
use crate::{
    grpc::{
        caller::mtls::ClientIdentity,
        layers::anonymous::{CHECK, ConnectionStreams, Lasting, hold_until_end},
    },
    wiring::{ListenerTls, Routes},
};

/// The largest header list, in bytes (RFC 9113, SETTINGS_MAX_HEADER_LIST_SIZE). A larger one gets HTTP 431.
const MAX_HEADER_LIST_BYTES: u32 = 32 * 1024;

/// The maximum number of concurrent streams on one connection: the lowest that RFC 9113, section 5.1.2, recommends. A client
/// queues further calls, or opens another connection. The HTTP/2 library keeps some KB for each stream whose response the client
/// does not read, and no layer sees such a stream.
const MAX_STREAMS: u32 = 100;

/// A peer that does not respond to a ping within this time is considered disconnected.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// One connection, until it is closed.
pub(super) struct Connection {
    /// Held until the connection is closed.
    pub(super) descriptor: OwnedSemaphorePermit,
    pub(super) routes: Routes,
    /// `None` on a plain-text listener.
    pub(super) tls: Option<Arc<ListenerTls>>,
    /// Logs connections that end before HTTP/2.
    pub(super) refused: Arc<Refused>,
    pub(super) streams: Arc<OpenStreams>,
    /// Ends the grace of the connection that was evicted first.
    pub(super) crowded: Arc<Notify>,
    /// Makes the connection refuse new streams.
    pub(super) going_away: CancellationToken,
    /// Closes the connection immediately.
    pub(super) killed: CancellationToken,
}

impl Connection {
    /// Serves the connection until it ends, or must be closed.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let Self { descriptor: _descriptor, routes, tls, refused, streams, crowded, going_away, killed } = self;
        let established = tokio::select! {
            established = establish(stream, tls.as_deref()) => established,
            () = going_away.cancelled() => return,
            () = streams.evicted() => return,
        };
        let (io, identity) = match established {
            Ok(established) => established,
            Err(cause) => return refused.not_established(peer, cause),
        };
        let expired = expiry(identity.as_ref());
        let (counted, anonymous) = (Arc::clone(&streams), ConnectionStreams::default());
        let service =
            service_fn(move |request| respond(routes.clone(), request, identity.clone(), &counted, &anonymous));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        let is_evicted = tokio::select! {
            ended = connection.as_mut() => return log_end(ended),
            () = going_away.cancelled() => false,
            () = expired => false,
            () = streams.evicted() => true,
        };
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            // First, so that GOAWAY is sent.
            biased;
            ended = connection => log_end(ended),
            () = killed.cancelled() => {}
            () = grace(&streams, &crowded), if is_evicted => tracing::debug!("idle connection closed"),
        }
    }
}

/// Waits until the certificate of the client expires, if it has one: a connection must not keep an identity that the client
/// could no longer prove.
fn expiry(client: Option<&ClientIdentity>) -> impl Future<Output = ()> + use<> {
    let valid_for = client.and_then(ClientIdentity::valid_for);
    async move {
        match valid_for {
            Some(valid_for) => sleep(valid_for).await,
            None => pending().await,
        }
    }
}

/// Waits until an evicted connection can be closed. A call that arrived before the client knew of it still ends. Calls that
/// arrive after the grace do not prolong it: their client ignores GOAWAY.
async fn grace(streams: &OpenStreams, crowded: &Notify) {
    drop(timeout(CLOSE_GRACE, crowded.notified()).await);
    streams.stop_counting();
    streams.none().await;
}

/// Passes a request to the routes. Its stream counts as open until the response is ready, and a stream that lasts until it ends.
/// A `Check` is not counted, because it is answered immediately or waits for its client.
fn respond(
    routes: Routes,
    mut request: Request<Incoming>,
    client: Option<ClientIdentity>,
    streams: &Arc<OpenStreams>,
    anonymous: &ConnectionStreams,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
    let open = if request.uri().path() == CHECK { None } else { streams.begin() };
    if streams.is_evicted() {
        anonymous.close();
    }
    request.extensions_mut().insert(anonymous.clone());
    request.extensions_mut().insert(streams.had_valid_token());
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    async move {
        let response = routes.respond(request.map(|body| Body::new(ReadToEnd::new(body)))).await;
        Ok(if response.extensions().get::<Lasting>().is_some() { hold_until_end(response, open) } else { response })
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection failed");
    }
}
