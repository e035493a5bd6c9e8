//! Assigns each call its request id and its spans. Outside every layer that logs, so that each log line of the call has the id.

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::Response,
    middleware::Next,
};
use tracing::Instrument as _;

use crate::{grpc::layers::trace, portal::CallerConnection};

/// The call, for the layers inside; an extension of every request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Random, one per call.
    pub request_id: String,
    /// The distributed trace that the call belongs to, if any.
    pub trace_id: Option<String>,
    /// The name of the method in spans and metrics: one of a fixed list, never a caller's text.
    pub method: &'static str,
    /// The path of the request, cut off. It is the caller's text, so it is logged as a string, which both formats escape.
    pub path: String,
    /// Whether the caller is still connected.
    pub caller: CallerConnection,
}

/// The length at which a path is cut off, in characters. Log lines wait in memory, and a path can have 32 KiB.
const MAX_LOGGED_PATH: usize = 256;

/// The layer. Adds a [`Call`] to the extensions.
pub async fn assign(
    Extension(caller): Extension<CallerConnection>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let path = request.uri().path();
    let method = trace::method(path);
    let path = path.chars().take(MAX_LOGGED_PATH).collect();
    let (log_span, exported_span, trace_id) = trace::spans(method, request.headers(), &request_id);
    request.extensions_mut().insert(Call { request_id, trace_id, method, path, caller });
    // Log lines show the fields of the outer span; the exporter sends the inner one.
    next.run(request).instrument(exported_span).instrument(log_span).await
}
