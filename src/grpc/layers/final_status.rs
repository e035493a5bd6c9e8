//! Turns each refusal into the status that is sent, with its details. Outside the layers that read the [`Refusal`], because the
//! status no longer contains the cause.

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::Response,
    middleware::Next,
};

use crate::{
    grpc::{layers::call_id::Call, status},
    portal::Refusal,
};

/// The layer.
pub async fn send(Extension(call): Extension<Call>, request: Request, next: Next) -> Response<Body> {
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        None => response,
        Some(refusal) => status::final_response(refusal, &call.request_id),
    }
}
