//! Connections and incoming requests.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{Request, State as Extract},
    http::{HeaderMap, HeaderValue, Response, StatusCode},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::{
    Shared, api,
    connection::{Connection, Delivery, Resettable, Transport},
    tls::Flaw,
    wire::RecordedRequest,
};

/// Much larger than any request of Stripe's libraries.
const MAX_BODY: usize = 1024 * 1024;

/// Serves HTTP/1.1 and HTTP/2, the latter with prior knowledge or, over TLS, by ALPN. Dropping the future closes its
/// connections, so that a dropped simulator is also unreachable for clients with a connection pool.
pub(crate) async fn serve(shared: Arc<Shared>, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok(stream) = shared.listener.accept().await else {
            // The process is probably out of file descriptors. The pause prevents a busy loop until some are free.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (shared, router) = (Arc::clone(&shared), router.clone());
        connections.spawn(async move {
            // Subscribe before the handshake, so that no outage is missed.
            let next_outage = shared.listener.next_outage();
            let flaw = shared.listener.next_handshake_flaw();
            let connection = Connection::new(flaw.is_some());
            let aborted = async {
                next_outage.await;
                // Not in the handler of this branch, because `select!` drops the other branch before it runs the handler.
                connection.reset_now();
            };
            tokio::select! {
                () = aborted => {}
                () = connect(&shared, stream, router, flaw, connection.clone()) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(shared: &Shared, stream: TcpStream, router: Router, flaw: Option<Flaw>, connection: Connection) {
    // Best effort: without it, responses are only slower.
    drop(stream.set_nodelay(true));
    match &shared.tls {
        None if flaw.is_some() => {}
        None => serve_connection(stream, connection, router).await,
        Some(tls) => {
            // A client that rejects the certificate is not an error of the simulator.
            if let Ok(stream) = TlsAcceptor::from(tls.config(flaw)).accept(stream).await {
                serve_connection(stream, connection, router).await;
            }
        }
    }
}

async fn serve_connection(stream: impl Transport + Send + 'static, connection: Connection, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(connection.clone())));
    let builder = Builder::new(TokioExecutor::new());
    // A client that closes its connection is not an error of the simulator.
    drop(builder.serve_connection(TokioIo::new(Resettable::new(stream, connection)), service).await);
}

/// Handles one API request in a separate task, so that a client that disconnects does not cancel the processing.
pub(crate) async fn handle(
    Extract(shared): Extract<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let call = RecordedRequest {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: recorded_headers(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let authorization = single_value(&head.headers, "authorization");
    let Ok((answer, mut delivery)) = tokio::spawn(api::respond(Arc::clone(&shared), call, authorization)).await else {
        // The test's `Tamper` hook panicked.
        return plain(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if shared.listener.is_failing() && !connection.flawed {
        delivery = Delivery::Reset;
    }
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    let body = connection.deliver(delivery, answer.body).await;
    // Only a `Tamper` hook can produce an invalid header or status.
    builder.body(body).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn single_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::to_owned)
}

/// Returns the headers to record. The authorization is reduced to its scheme, so that keys are not recorded.
fn recorded_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let scheme = |value: String| value.split_once(' ').map_or_else(String::new, |(scheme, _)| scheme.to_owned());
    let kept = |name: &str, value| if name == "authorization" { scheme(text(value)) } else { text(value) };
    headers.iter().map(|(name, value)| (name.to_string(), kept(name.as_str(), value))).collect()
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
