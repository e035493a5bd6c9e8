//! The audit of a call: one intent before Stripe is called, and one outcome for every call of an audited service.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use serde::Serialize;

use crate::portal::{
    account::{CustomerId, Integrity},
    caller::CallerConnection,
    flow::Flow,
    principal::Principal,
    refusal::Refusal,
};

/// Where audit entries are written.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends one entry. A `durable` entry is on disk when this returns; others are flushed in batches.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE: the entry was not written.
    async fn append(&self, entry: AuditEntry, durable: bool) -> Result<(), Refusal>;
}

/// One entry of the audit log. Unknown facts are left out; no field can hold a token, a key or a session URL.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// When the entry was created: RFC 3339, in UTC.
    pub time: String,
    /// `intent` or `outcome`.
    pub event: &'static str,
    /// The id of the call, also in the `ErrorInfo` of a refusal and in the log.
    pub request_id: String,
    /// The method's name.
    pub rpc: String,
    /// What is known about the call so far.
    #[serde(flatten)]
    pub facts: Facts,
    /// `OK` or the refusal's reason; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The integrity failure, for the reason MAPPING_INTEGRITY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// Whether a session URL was released; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<bool>,
    /// Milliseconds since the call arrived; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Facts that become known during a call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// The identity of a call, as the audit log names it.
#[derive(Clone, Debug)]
pub struct CallIdentity {
    /// Random, one per call.
    pub request_id: String,
    /// The distributed trace that the call belongs to, if any.
    pub trace_id: Option<String>,
    /// The method's name.
    pub rpc: String,
}

/// The audit of one call: collects facts during the call, and writes the intent and the outcome.
pub struct CallAudit {
    log: Arc<dyn AuditLog>,
    call: CallIdentity,
    caller: CallerConnection,
    started: Instant,
    facts: Mutex<Facts>,
    /// Whether the response contains a session URL.
    has_url: AtomicBool,
}

impl CallAudit {
    /// Begins the audit of a call that has just arrived.
    #[must_use]
    pub fn begin(log: Arc<dyn AuditLog>, call: CallIdentity, caller: CallerConnection) -> Self {
        let facts = Facts { trace_id: call.trace_id.clone(), ..Facts::default() };
        Self { log, call, caller, started: Instant::now(), facts: Mutex::new(facts), has_url: AtomicBool::new(false) }
    }

    /// Records the person. Called as soon as the token is verified.
    pub fn record_principal(&self, principal: &Principal) {
        let mut facts = self.facts();
        facts.subject = Some(principal.user().as_str().to_owned());
        facts.tenant = Some(principal.tenant().as_str().to_owned());
        facts.role = Some(principal.role().as_str().to_owned());
    }

    /// Records the calling workload as the mesh names it, allowed or not.
    pub fn record_caller(&self, identity: &str) {
        self.facts().caller = Some(identity.to_owned());
    }

    /// Records the requested page of the portal.
    pub fn record_flow(&self, flow: &Flow) {
        self.facts().flow = Some(flow.name());
    }

    /// The connection of the caller.
    #[must_use]
    pub fn caller(&self) -> &CallerConnection {
        &self.caller
    }

    /// Records a session that Stripe created, whether or not it is released.
    pub fn record_session(&self, id: &str) {
        self.facts().session = Some(id.to_owned());
    }

    /// Records the id that Stripe gave to the request that creates the session.
    pub fn record_stripe_request(&self, id: &str) {
        self.facts().stripe_request_id = Some(id.to_owned());
    }

    /// Writes the intent to disk. Must be called before Stripe is.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE, or CANCELLED when the caller has disconnected.
    pub async fn write_intent(&self, customer: &CustomerId) -> Result<(), Refusal> {
        self.facts().customer = Some(customer.as_str().to_owned());
        self.check_connection()?;
        self.log.append(self.entry("intent"), true).await
    }

    /// Records that the response contains a session URL.
    pub fn record_url(&self) {
        self.has_url.store(true, Ordering::SeqCst);
    }

    /// Writes the outcome OK to disk, and returns whether the response contains a session URL. The response may be sent only
    /// after this succeeds. Call this where nothing can end the call early any more; otherwise the entry could report a URL that
    /// was never sent.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE, or CANCELLED when the caller has disconnected. The response must then be dropped, and the refusal must
    /// be written with [`Self::write_refusal`]: it is the outcome that counts, even if the entry with OK reached the disk.
    pub async fn write_success(&self) -> Result<bool, Refusal> {
        self.check_connection()?;
        let released = self.has_url.load(Ordering::SeqCst);
        self.log.append(self.outcome("OK", None, released), true).await?;
        Ok(released)
    }

    /// Writes the outcome of a call that ends without a URL.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE. Callers log it and return the original refusal.
    pub async fn write_refusal(&self, refusal: &Refusal) -> Result<(), Refusal> {
        self.log
            .append(self.outcome(refusal.reason().as_str(), refusal.integrity().map(Integrity::as_str), false), false)
            .await
    }

    fn check_connection(&self) -> Result<(), Refusal> {
        self.caller.check()
    }

    fn outcome(&self, reason: &'static str, detail: Option<&'static str>, released: bool) -> AuditEntry {
        AuditEntry {
            reason: Some(reason),
            detail,
            released: Some(released),
            duration_ms: Some(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)),
            ..self.entry("outcome")
        }
    }

    fn entry(&self, event: &'static str) -> AuditEntry {
        AuditEntry {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            event,
            request_id: self.call.request_id.clone(),
            rpc: self.call.rpc.clone(),
            facts: self.facts().clone(),
            reason: None,
            detail: None,
            released: None,
            duration_ms: None,
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CallAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallAudit").field("call", &self.call).finish_non_exhaustive()
    }
}
