//! Writes one log line per call, and completes its span. Outside the audit, so that the line shows the same outcome as the audit.

use std::{sync::Arc, time::Instant};

use axum::extract::Request;
use tonic::Code;

use crate::{
    grpc::{
        layers::{
            call_id::Call,
            stack::{Handler, Layer, Outcome},
        },
        status::{Severity, code_and_text, code_name, severity},
    },
    portal::Integrity,
    telemetry::milliseconds,
};

/// The layer. The level says who has to act: nobody (info), an operator soon (warn), an operator now (error).
#[derive(Debug)]
pub struct Write;

impl Layer for Write {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let call = Call::of(&request)?;
        let started = Instant::now();
        let outcome = inside.handle(request).await;
        let duration_ms = milliseconds(started.elapsed());
        // As a string, not by `Display`, so that the text format quotes and escapes it.
        let (path, span) = (call.path.as_str(), tracing::Span::current());
        let Err(refusal) = &outcome else {
            span.record("rpc.response.status_code", code_name(Code::Ok));
            tracing::info!(path, duration_ms, "request served");
            return outcome;
        };
        let (reason, cause) = (refusal.reason().as_str(), refusal.to_string());
        let (code, _) = code_and_text(refusal.reason());
        span.record("rpc.response.status_code", code_name(code)).record("error.type", reason);
        match severity(code) {
            Severity::Error => {
                span.record("otel.status_code", "ERROR");
                let detail = refusal.integrity().map(Integrity::as_str);
                tracing::error!(path, reason, detail, cause, duration_ms, "request refused");
            }
            Severity::Warning => {
                span.record("otel.status_code", "ERROR");
                tracing::warn!(path, reason, cause, duration_ms, "request refused");
            }
            Severity::Info => tracing::info!(path, reason, cause, duration_ms, "request refused"),
        }
        outcome
    }
}
