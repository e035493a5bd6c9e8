//! Counts and times each call. Outside the audit, so that a call whose audit outcome cannot be written counts as refused.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Extension, Request},
    http::Response,
    middleware::Next,
};
use tonic::Code;

use crate::{
    grpc::{
        layers::call_id::Call,
        status::{code_and_text, code_name},
    },
    portal::Refusal,
    telemetry::metrics::METRICS,
};

/// The layer.
pub async fn record(Extension(call): Extension<Call>, request: Request, next: Next) -> Response<Body> {
    let started = Instant::now();
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        None => METRICS.call(call.method, code_name(Code::Ok), "OK", started.elapsed()),
        Some(refusal) => {
            let (code, _) = code_and_text(refusal.reason());
            METRICS.call(call.method, code_name(code), refusal.reason().as_str(), started.elapsed());
            if let Some(integrity) = refusal.integrity() {
                METRICS.mapping_integrity(integrity.as_str());
            }
        }
    }
    response
}
