//! Turns each refusal into the status that is sent, with its details. Outside the layers that read the [`Refusal`], because the
//! status no longer contains the cause.

use std::sync::Arc;

use axum::extract::Request;

use crate::{
    grpc::{
        layers::{
            call_id::Call,
            stack::{Handler, Layer, Response},
        },
        status,
    },
    portal::Refusal,
};

/// The layer.
#[derive(Debug)]
pub struct SendRefusal;

impl Layer for SendRefusal {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Response {
        let Some(call) = Call::of(&request) else { return Call::missing() };
        let response = inside.handle(request).await;
        match response.extensions().get::<Refusal>() {
            None => response,
            Some(refusal) => status::final_response(refusal, &call.ids.request_id),
        }
    }
}
