//! What is left behind: one intent before Stripe is called, one outcome for every call that asks to open a portal.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use serde::Serialize;

use crate::portal::{
    account::CustomerId,
    flow::Flow,
    principal::Principal,
    refusal::{Reason, Refusal},
};

/// Where audit lines go.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends one line. A `durable` one has reached the disk when this returns; others follow in batches.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE: the line is not written.
    async fn append(&self, line: AuditEntry, durable: bool) -> Result<(), Refusal>;
}

/// One audit line. What is not known is left out; no field can hold a token, a key or a session URL.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// When the line was made, RFC 3339 in UTC.
    pub time: String,
    /// `intent` or `outcome`.
    pub event: &'static str,
    /// What stands in the refusal's ErrorInfo, the log and here.
    pub request_id: String,
    /// The method, `CreatePortalSession`.
    pub rpc: &'static str,
    /// What is known of the call.
    #[serde(flatten)]
    pub facts: Facts,
    /// `OK` or the refusal's reason; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Which integrity failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// Whether a session URL left; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<bool>,
    /// Milliseconds since the call came in; outcomes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// What becomes known of a call on its way.
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

/// The trail of one call: it gathers facts while the call goes on, for the intent and for the one outcome at its end.
pub struct CallAudit {
    log: Arc<dyn AuditLog>,
    request_id: String,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    facts: Facts,
    /// The caller gave up, so a URL would reach nobody.
    abandoned: bool,
}

impl CallAudit {
    /// Starts the trail of a call that has just come in, in a distributed trace or in none.
    #[must_use]
    pub fn begin(log: Arc<dyn AuditLog>, request_id: String, trace_id: Option<String>) -> Self {
        let state = State { facts: Facts { trace_id, ..Facts::default() }, ..State::default() };
        Self { log, request_id, started: Instant::now(), state: Mutex::new(state) }
    }

    /// Notes who asks, as soon as the token is verified.
    pub fn principal(&self, principal: &Principal) {
        let facts = &mut self.state().facts;
        facts.subject = Some(principal.user().as_str().to_owned());
        facts.tenant = Some(principal.tenant().as_str().to_owned());
        facts.role = Some(principal.role().as_str().to_owned());
    }

    /// Notes the calling workload, allowed or not, as the mesh names it.
    pub fn caller(&self, identity: &str) {
        self.state().facts.caller = Some(identity.to_owned());
    }

    /// Notes what is asked for.
    pub fn flow(&self, flow: &Flow) {
        self.state().facts.flow = Some(flow.name());
    }

    /// Notes a session that Stripe made, whatever becomes of it.
    pub fn session(&self, id: &str) {
        self.state().facts.session = Some(id.to_owned());
    }

    /// Notes Stripe's id of the request that made, or was to make, the session.
    pub fn stripe_request(&self, id: &str) {
        self.state().facts.stripe_request_id = Some(id.to_owned());
    }

    /// The caller gave up: nothing will be released any more.
    pub fn abandon(&self) {
        self.state().abandoned = true;
    }

    /// Whether the caller gave up.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// Writes the intent, to disk, before Stripe is called.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE, or CANCELLED when the caller is gone already.
    pub async fn intend(&self, customer: &CustomerId) -> Result<(), Refusal> {
        let facts = {
            let mut state = self.state();
            state.facts.customer = Some(customer.as_str().to_owned());
            if state.abandoned {
                return Err(gave_up());
            }
            state.facts.clone()
        };
        self.log.append(self.line("intent", facts), true).await
    }

    /// Writes the outcome OK, to disk: only then may the answer with the URL leave. To be called where the call can no longer
    /// be cut off, or the line would tell of a URL that never left.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE, or CANCELLED when the caller is gone; the answer must be dropped then. Its refusal is to follow as
    /// the outcome that counts, even where a disk failed after it took the line.
    pub async fn release(&self) -> Result<(), Refusal> {
        let facts = {
            let state = self.state();
            if state.abandoned {
                return Err(gave_up());
            }
            state.facts.clone()
        };
        self.log.append(self.outcome("OK", None, true, facts), true).await
    }

    /// Writes the outcome of a call that ends without a URL.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE, to be logged: a refusal stays the refusal that it was.
    pub async fn refuse(&self, reason: Reason, detail: Option<&'static str>) -> Result<(), Refusal> {
        let facts = self.state().facts.clone();
        self.log.append(self.outcome(reason.as_str(), detail, false, facts), false).await
    }

    fn outcome(&self, reason: &'static str, detail: Option<&'static str>, released: bool, facts: Facts) -> AuditEntry {
        AuditEntry {
            reason: Some(reason),
            detail,
            released: Some(released),
            duration_ms: Some(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)),
            ..self.line("outcome", facts)
        }
    }

    fn line(&self, event: &'static str, facts: Facts) -> AuditEntry {
        AuditEntry {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            event,
            request_id: self.request_id.clone(),
            rpc: "CreatePortalSession",
            facts,
            reason: None,
            detail: None,
            released: None,
            duration_ms: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gave_up() -> Refusal {
    Refusal::because(Reason::Cancelled, "the caller gave up before the answer")
}

impl std::fmt::Debug for CallAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallAudit").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}
