//! Writes the audit outcome of each call of a service. Outside everything that can refuse or end the call, and inside the task of
//! [`detach`](super::detach), so that nothing can change the outcome after it is written.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::Response,
    middleware::Next,
};

use crate::{
    grpc::{layers::call_id::Call, status::refused},
    portal::{AuditLog, CallAudit, CallIdentity, Refusal},
    telemetry::metrics::METRICS,
};

/// The longest method name that is recorded, in bytes.
const MAX_RPC_BYTES: usize = 64;

/// The layer. Adds a [`CallAudit`] to the extensions, in which the layers inside and the handler record facts.
pub async fn record_outcome(
    State(log): State<Arc<dyn AuditLog>>,
    Extension(call): Extension<Call>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let Call { request_id, trace_id, path, caller, .. } = call;
    let identity = CallIdentity { request_id, trace_id, rpc: rpc(&path).to_owned() };
    let audit = Arc::new(CallAudit::begin(log, identity, caller));
    request.extensions_mut().insert(Arc::clone(&audit));
    let response = next.run(request).await;
    let refusal = match response.extensions().get::<Refusal>() {
        Some(refusal) => refusal.clone(),
        None => match audit.write_success().await {
            Ok(released) => {
                if released {
                    METRICS.session();
                }
                return response;
            }
            Err(refusal) => refusal,
        },
    };
    if let Err(error) = audit.write_refusal(&refusal).await {
        tracing::error!(cause = %error, "audit outcome of a refusal is late or lost");
    }
    refused(refusal)
}

/// Returns the name of the method if it is one path segment of visible ASCII characters and not too long, and otherwise
/// `unknown`. The path is the caller's text, so nothing else may enter the audit log.
fn rpc(path: &str) -> &str {
    let name = path.splitn(3, '/').nth(2).unwrap_or_default();
    let is_name = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if is_name && (1..=MAX_RPC_BYTES).contains(&name.len()) { name } else { "unknown" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_is_the_method_name_or_unknown() {
        let long = "a".repeat(64);
        assert_eq!(rpc("/billing.portal.v1.BillingPortal/CreatePortalSession"), "CreatePortalSession");
        assert_eq!(rpc(&format!("/billing.portal.v1.BillingPortal/{long}")), long);
        for odd in ["/x/", "/x/a b", "/x/ä", "/x/a\u{7f}", "/x/y/CreatePortalSession", "/x", &format!("/x/{long}a")] {
            assert_eq!(rpc(odd), "unknown", "{odd}");
        }
    }
}
