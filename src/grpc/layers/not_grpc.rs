//! Answers requests that are not gRPC with plain HTTP. Outermost, because such a request is not a call: it gets no id, no log
//! line and no audit entry.
//!
//! Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, `Call-Definition` and `Content-Type`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
};

use crate::grpc::layers::stack::{Handler, Layer, Outcome, Response};

/// The layer: 405 for a method other than POST, 415 for a content type other than gRPC's.
#[derive(Debug)]
pub struct Reject;

impl Layer for Reject {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        match status(request.method(), request.headers()) {
            None => inside.handle(request).await,
            Some(status) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                Ok(response)
            }
        }
    }
}

fn status(method: &Method, headers: &HeaderMap) -> Option<StatusCode> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_grpc = content_type
        .strip_prefix("application/grpc")
        .is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'+' | b';')));
    match (method == Method::POST, is_grpc) {
        (true, true) => None,
        (false, _) => Some(StatusCode::METHOD_NOT_ALLOWED),
        (true, false) => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}
