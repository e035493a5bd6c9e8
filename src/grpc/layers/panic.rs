//! Turns a panic into a refusal. Inside the audit, so that the outcome of a call that panics is written as well.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::extract::Request;
use futures_util::FutureExt as _;

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::{Reason, Refusal},
};

/// The layer. The panic hook has already logged where the panic happened.
#[derive(Debug)]
pub struct Catch;

impl Layer for Catch {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let caught = AssertUnwindSafe(inside.handle(request)).catch_unwind().await;
        caught.unwrap_or_else(|_| Err(Refusal::because(Reason::Bug, "call panicked; the previous log line says where")))
    }
}
