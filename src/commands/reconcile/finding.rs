//! The rows of the report.

use serde::{Serialize, Serializer};

use crate::commands::report::{Row, Severity};

/// What is wrong with a session or an entry, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Stripe created the session for another customer than the entry names.
    OtherCustomer,
    /// No entry names the session.
    NotAudited,
    /// No entry names the session, but there was a call for its customer at that time, whose response was lost.
    ResponseLost,
    /// Stripe does not report the session of an entry `OK`.
    NoEvent,
    /// The line is not an entry. A session that it named cannot be compared.
    InvalidEntry,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OtherCustomer => "other_customer",
            Self::NotAudited => "not_audited",
            Self::ResponseLost => "response_lost",
            Self::NoEvent => "no_event",
            Self::InvalidEntry => "invalid_entry",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A row. What is not known is empty in a table and in CSV, and omitted in JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    pub(super) result: Outcome,
    /// When the session was created, or the entry written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) time: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) session: String,
    /// The customer at Stripe.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) customer: String,
    /// The customer of the entry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) audit_customer: String,
    /// The file and the line of the entry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) audit_entry: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) stripe_request_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) event: String,
}

impl Finding {
    /// Creates a row without any value.
    pub(super) const fn new(result: Outcome) -> Self {
        Self {
            result,
            time: String::new(),
            session: String::new(),
            customer: String::new(),
            audit_customer: String::new(),
            audit_entry: String::new(),
            stripe_request_id: String::new(),
            event: String::new(),
        }
    }
}

impl Row for Finding {
    const HEADER: &'static [&'static str] =
        &["result", "time", "session", "customer", "audit_customer", "audit_entry", "stripe_request_id", "event"];

    fn cells(&self) -> Vec<&str> {
        vec![
            self.result.as_str(),
            &self.time,
            &self.session,
            &self.customer,
            &self.audit_customer,
            &self.audit_entry,
            &self.stripe_request_id,
            &self.event,
        ]
    }

    fn severity(&self) -> Severity {
        match self.result {
            Outcome::OtherCustomer | Outcome::NotAudited | Outcome::InvalidEntry => Severity::Failure,
            Outcome::ResponseLost | Outcome::NoEvent => Severity::Warning,
        }
    }
}
