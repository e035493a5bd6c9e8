//! Writes the audit outcome of each call of a service. Outside everything that can refuse or end the call, and inside the task of
//! [`detach`](super::detach), so that nothing can change the outcome after it is written.

use std::{fmt, sync::Arc};

use axum::extract::Request;

use crate::{
    grpc::layers::{
        call_id::Call,
        stack::{Handler, Layer, Outcome},
    },
    portal::{AuditLog, CallAudit, CallIdentity},
    telemetry::metrics::METRICS,
};

/// The longest method name that is recorded, in bytes.
const MAX_RPC_BYTES: usize = 64;

/// The layer. Adds a [`CallAudit`] to the extensions, in which the layers inside and the handler record facts.
pub struct RecordOutcome(pub Arc<dyn AuditLog>);

impl fmt::Debug for RecordOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordOutcome")
    }
}

impl Layer for RecordOutcome {
    async fn call(&self, mut request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let call = Call::of(&request)?;
        let identity = CallIdentity {
            request_id: call.ids.request_id.clone(),
            trace_id: call.ids.trace_id.clone(),
            rpc: rpc(&call.path).to_owned(),
        };
        let audit = Arc::new(CallAudit::begin(Arc::clone(&self.0), identity, call.caller.clone()));
        request.extensions_mut().insert(Arc::clone(&audit));
        let refusal = match inside.handle(request).await {
            Ok(response) => match audit.write_success().await {
                Ok(released) => {
                    if released {
                        METRICS.session();
                    }
                    return Ok(response);
                }
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        if let Err(error) = audit.write_refusal(&refusal).await {
            tracing::error!(cause = %error, "audit outcome of a refusal is late or lost");
        }
        Err(refusal)
    }
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
