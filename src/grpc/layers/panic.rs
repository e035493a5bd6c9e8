//! Turns a panic into a refusal. Inside the audit, so that the outcome of a call that panics is written as well.

use std::panic::AssertUnwindSafe;

use axum::{body::Body, extract::Request, http::Response, middleware::Next};
use futures_util::FutureExt as _;

use crate::{
    grpc::status::refused,
    portal::{Reason, Refusal},
};

/// The layer. The panic hook has already logged where the panic happened.
pub async fn catch(request: Request, next: Next) -> Response<Body> {
    let caught = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    caught.unwrap_or_else(|_| refused(Refusal::because(Reason::Bug, "call panicked; the previous log line says where")))
}
