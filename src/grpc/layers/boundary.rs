//! The outermost layer of our services: every call gets a request id, every refusal its final shape and one log line, and
//! every call that asks to open a portal its audit outcome, on every way out.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, header},
    middleware::Next,
};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;
use tonic::Code;
use tracing::Instrument as _;

use crate::{
    grpc::{
        layers::trace,
        status::{Refused, code_and_text, code_name, respond},
    },
    portal::{AuditLog, CallAudit, CallIdentity, CallerConnection, Reason, Refusal},
    telemetry::metrics::METRICS,
};

/// The one method that leaves an audit trail.
const AUDITED: &str = "/billing.portal.v1.BillingPortal/CreatePortalSession";

/// What the layer needs.
#[derive(Clone)]
pub struct Boundary {
    /// Where outcomes go.
    pub audit: Arc<dyn AuditLog>,
    /// Every call that is not over yet, including those whose caller is gone.
    pub calls: TaskTracker,
}

impl std::fmt::Debug for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Boundary").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

/// Runs a call in a task of its own, so that a caller who gives up can't cut off its audit line.
pub async fn run(State(boundary): State<Boundary>, mut request: Request, next: Next) -> Response<Body> {
    if let Some(not_grpc) = not_grpc(request.method(), request.headers()) {
        return not_grpc;
    }
    let request_id = uuid::Uuid::new_v4().to_string();
    let method = trace::method(request.uri().path());
    let (log, span, trace_id) = trace::spans(method, request.headers(), &request_id);
    let caller = CallerConnection::default();
    let call_audit = Arc::new(CallAudit::begin(
        Arc::clone(&boundary.audit),
        CallIdentity { request_id: request_id.clone(), trace_id, rpc: "CreatePortalSession".to_owned() },
        caller.clone(),
    ));
    request.extensions_mut().insert(Arc::clone(&call_audit));
    let cut_off = caller.clone();
    let request = request.map(|body| {
        Body::new(body.map_err(move |error| {
            // A message that ends early was taken back by its caller, or its connection broke.
            cut_off.close();
            error
        }))
    });
    let mut gave_up = AbandonOnDrop(Some(caller.clone()));
    let call = finish(request, next, method, request_id, call_audit, caller).instrument(span).instrument(log);
    let call = boundary.calls.spawn(call);
    let response = call.await.unwrap_or_else(|_| respond(bug("the call's task ended without an answer")));
    gave_up.0 = None;
    response
}

/// Runs the call to its end and writes its outcome here, outside its deadline and its drain: what the audit says has
/// happened can't be undone any more.
async fn finish(
    request: Request,
    next: Next,
    method: &'static str,
    request_id: String,
    call_audit: Arc<CallAudit>,
    caller: CallerConnection,
) -> Response<Body> {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let is_audited = path == AUDITED;
    let response = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| respond(bug("the call panicked; the log line before this one says where")));
    let mut refused = Refused::of(&response, caller.is_closed());
    if is_audited
        && refused.is_none()
        && let Err(refusal) = call_audit.release().await
    {
        refused = Some(Refused::from(&refusal));
    }
    if is_audited
        && let Some(refused) = &refused
        && let Err(refusal) = call_audit
            .refuse(&match refused.detail {
                Some(detail) => Refusal::because(refused.reason, "").with_detail(detail),
                None => Refusal::because(refused.reason, ""),
            })
            .await
    {
        tracing::error!(cause = %refusal, "a refusal's audit line is late or lost");
    }
    let duration = started.elapsed();
    tell(method, &path, refused.as_ref(), duration);
    let Some(refused) = refused else {
        if is_audited {
            METRICS.session();
        }
        return response;
    };
    refused.into_response(&request_id)
}

/// One log line a call, at the level of whoever has to act: nobody, an operator soon, an operator now; and what is counted.
/// The path is the caller's text, so it is logged as Debug prints it.
fn tell(method: &'static str, path: &str, refused: Option<&Refused>, duration: Duration) {
    let duration_ms = duration.as_millis();
    let span = tracing::Span::current();
    let Some(refused) = refused else {
        span.record("rpc.response.status_code", code_name(Code::Ok));
        METRICS.call(method, code_name(Code::Ok), "OK", duration);
        tracing::info!(?path, duration_ms, "served");
        return;
    };
    let (reason, cause) = (refused.reason.as_str(), &refused.cause);
    let (code, _) = code_and_text(refused.reason);
    span.record("rpc.response.status_code", code_name(code)).record("error.type", reason);
    METRICS.call(method, code_name(code), reason, duration);
    if refused.reason == Reason::MappingIntegrity {
        METRICS.mapping_integrity(refused.detail.unwrap_or_default());
    }
    if code == Code::Internal {
        span.record("otel.status_code", "ERROR");
        tracing::error!(?path, reason, cause, duration_ms, "refused");
    } else if code == Code::Unavailable {
        span.record("otel.status_code", "ERROR");
        tracing::warn!(?path, reason, cause, duration_ms, "refused");
    } else {
        tracing::info!(?path, reason, cause, duration_ms, "refused");
    }
}

fn bug(cause: &str) -> Refusal {
    Refusal::because(Reason::Bug, cause)
}

/// What is not gRPC at all is answered in HTTP: 405 for another method, 415 for another content type.
fn not_grpc(method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_grpc = content_type
        .strip_prefix("application/grpc")
        .is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'+' | b';')));
    let status = match (method == Method::POST, is_grpc) {
        (true, true) => return None,
        (false, _) => StatusCode::METHOD_NOT_ALLOWED,
        (true, false) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    Some(response)
}

/// Tells the trail when the caller is gone: hyper drops the call's future then.
struct AbandonOnDrop(Option<CallerConnection>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        if let Some(caller) = &self.0 {
            caller.close();
        }
    }
}
