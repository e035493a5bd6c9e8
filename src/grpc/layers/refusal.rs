//! Turns every refused response into one that carries a [`Refusal`](crate::portal::Refusal), whatever refused the call: our
//! interceptors and handlers, the gRPC library, or a panic. Inside the audit, the metrics and the log, which read the `Refusal`.

use axum::{body::Body, extract::Request, http::Response, middleware::Next};

use crate::{grpc::status, portal::CallerConnection};

/// The layer.
pub async fn read(request: Request, next: Next) -> Response<Body> {
    let caller = request.extensions().get::<CallerConnection>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    match status::refusal_of(&response, caller.is_closed()) {
        None => response,
        Some(refusal) => status::refused(refusal),
    }
}
