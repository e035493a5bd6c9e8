//! Connections, and requests as they come in.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Extract},
    http::{HeaderMap, HeaderValue, Response, StatusCode},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    Shared, api,
    wire::{Answer, RecordedRequest},
};

/// Far over any request that Stripe's libraries make.
const MAX_BODY: usize = 1024 * 1024;

/// Serves HTTP/1.1 and HTTP/2 with prior knowledge. Its connections end with it, so that a dropped simulator is gone for
/// clients with a pool, too.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: without a pause this would spin until some are free.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Where it fails, answers are only slower.
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // A client that breaks its connection is no concern of ours.
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request of the API, in a task of its own, so that a client that hangs up does not undo what Stripe has begun.
pub(crate) async fn handle(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let call = RecordedRequest {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: recorded(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let authorization = one_value(&head.headers, "authorization");
    match tokio::spawn(api::answer(shared, call, authorization)).await {
        Ok(answer) => response(answer),
        // A tamper of the test's own panicked.
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn one_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::to_owned)
}

/// The headers, with the scheme of the authorization in its place: a key is nobody's to see.
fn recorded(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let scheme = |value: String| value.split_once(' ').map_or_else(String::new, |(scheme, _)| scheme.to_owned());
    let kept = |name: &str, value| if name == "authorization" { scheme(text(value)) } else { text(value) };
    headers.iter().map(|(name, value)| (name.to_string(), kept(name.as_str(), value))).collect()
}

fn response(answer: Answer) -> Response<Body> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    // Only a tamper makes what HTTP can't carry.
    builder.body(Body::from(answer.body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
