//! The outcome of a call in the audit log, from its facts to the line. Writing the line is not measured.

use std::{hint::black_box, sync::Arc};

use async_trait::async_trait;
use billing_portal::{
    json::ascii,
    portal::{AuditEntry, AuditLog, CallAudit, CallIdentity, CallerConnection, Flow, Refusal},
};

use super::{Call, run, token};

pub(super) fn prepare() -> Call {
    let principal = token::principal();
    let log: Arc<dyn AuditLog> = Arc::new(Lines);
    let call = CallIdentity {
        request_id: "0b0f6a3e-6d1c-4f0e-9d43-0f0f6d1c4f0e".to_owned(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        rpc: "CreatePortalSession".to_owned(),
    };
    Box::new(move || {
        let audit = CallAudit::begin(Arc::clone(&log), call.clone(), CallerConnection::default());
        audit.record_caller(black_box("spiffe://cluster.local/ns/web/sa/settings"));
        audit.record_principal(&principal);
        audit.record_flow(&Flow::Home);
        audit.record_stripe_request("req_oTvjeVYXkHlkbv");
        audit.record_session("bps_1MrSjzLkdIwHu7ixex0IvU9b");
        audit.record_url();
        assert!(run(audit.write_success()).expect("a written entry"), "the entry does not report the URL");
    })
}

/// A log that formats an entry as the audit log does, and drops it.
struct Lines;

#[async_trait]
impl AuditLog for Lines {
    async fn append(&self, entry: AuditEntry, _: bool) -> Result<(), Refusal> {
        black_box(ascii::line(&entry).expect("JSON"));
        Ok(())
    }
}
