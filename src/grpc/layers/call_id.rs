//! Gives each call its request id and its spans. Outside every layer that logs, so that each log line of the call carries the id.

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::Response,
    middleware::Next,
};
use tracing::Instrument as _;

use crate::{grpc::layers::trace, portal::CallerConnection};

/// What the layers inside know about the call; an extension of every request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Random, one per call.
    pub request_id: String,
    /// The distributed trace that the call belongs to, if any.
    pub trace_id: Option<String>,
    /// The name of the method in spans and metrics: one of a fixed list, never a caller's text.
    pub method: &'static str,
    /// The path as sent. It is the caller's text, so it is logged with its `Debug` escapes.
    pub path: String,
    /// Whether the caller is still connected.
    pub caller: CallerConnection,
}

/// The layer. Leaves a [`Call`] in the extensions.
pub async fn assign(
    Extension(caller): Extension<CallerConnection>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let path = request.uri().path().to_owned();
    let method = trace::method(&path);
    let (log, span, trace_id) = trace::spans(method, request.headers(), &request_id);
    request.extensions_mut().insert(Call { request_id, trace_id, method, path, caller });
    // Both are entered: the log layer shows the outer one, the exporter the inner one.
    next.run(request).instrument(span).instrument(log).await
}
