//! Turns each refusal into the status that is sent, with its details. Outside the layers that read the refusal, because the
//! status no longer contains the cause.

use std::sync::Arc;

use axum::extract::Request;

use crate::grpc::{
    layers::{
        call_id::Call,
        stack::{Handler, Layer, Outcome},
    },
    status,
};

/// The layer.
#[derive(Debug)]
pub struct SendRefusal;

impl Layer for SendRefusal {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let call = Call::of(&request)?;
        let outcome = inside.handle(request).await;
        Ok(outcome.unwrap_or_else(|refusal| status::final_response(&refusal, &call.ids.request_id)))
    }
}
