//! Turns every response that refuses the call into one that carries a [`Refusal`](crate::portal::Refusal), whether it comes from
//! a layer, an interceptor, a handler, the gRPC library or a panic. Inside the audit, the metrics and the log, which read the
//! `Refusal`.

use std::sync::Arc;

use axum::extract::Request;

use crate::grpc::{
    layers::{
        call_id::Call,
        stack::{Handler, Layer, Response},
    },
    status,
};

/// The layer.
#[derive(Debug)]
pub struct Read;

impl Layer for Read {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Response {
        let Some(call) = Call::of(&request) else { return Call::missing() };
        let response = inside.handle(request).await;
        match status::refusal_of(&response, call.caller.check().err()) {
            None => response,
            Some(refusal) => status::refused(refusal),
        }
    }
}
