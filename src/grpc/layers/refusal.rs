//! Turns every response that refuses the call into one that carries a [`Refusal`](crate::portal::Refusal), whether it comes from
//! a layer, an interceptor, a handler, the gRPC library or a panic. Inside the audit, the metrics and the log, which read the
//! `Refusal`.

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::Response,
    middleware::Next,
};

use crate::grpc::{layers::call_id::Call, status};

/// The layer.
pub async fn read(Extension(call): Extension<Call>, request: Request, next: Next) -> Response<Body> {
    let response = next.run(request).await;
    match status::refusal_of(&response, call.caller.check().err()) {
        None => response,
        Some(refusal) => status::refused(refusal),
    }
}
