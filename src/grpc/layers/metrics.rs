//! Counts and times each call. Outside the audit, so that a call whose audit outcome cannot be written counts as refused.

use std::{sync::Arc, time::Instant};

use axum::extract::Request;
use tonic::Code;

use crate::{
    grpc::{
        layers::{
            call_id::Call,
            stack::{Handler, Layer, Outcome},
        },
        status::{code_and_text, code_name},
    },
    telemetry::metrics::METRICS,
};

/// The layer.
#[derive(Debug)]
pub struct Record;

impl Layer for Record {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let call = Call::of(&request)?;
        let started = Instant::now();
        let outcome = inside.handle(request).await;
        match &outcome {
            Ok(_) => METRICS.call(call.method, code_name(Code::Ok), "OK", started.elapsed()),
            Err(refusal) => {
                let (code, _) = code_and_text(refusal.reason());
                METRICS.call(call.method, code_name(code), refusal.reason().as_str(), started.elapsed());
                if let Some(integrity) = refusal.integrity() {
                    METRICS.mapping_integrity(integrity.as_str());
                }
            }
        }
        outcome
    }
}
