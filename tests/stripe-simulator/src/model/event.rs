//! An event: <https://docs.stripe.com/api/events/object>.

use serde_json::Value;

use crate::{
    model::Mode,
    state::{now, random},
};

/// Something that happened in the account.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    /// The time in seconds since the Unix epoch.
    pub(crate) created: u64,
    /// The type, such as `billing_portal.session.created`.
    pub(crate) kind: &'static str,
    /// The object as it was then, in JSON. As a value, it would need several times the memory.
    pub(crate) object: String,
    pub(crate) request_id: String,
    pub(crate) idempotency_key: Option<String>,
}

/// The request that causes an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) idempotency_key: Option<&'a str>,
}

impl Event {
    /// Creates an event that happens now.
    pub(crate) fn new(mode: Mode, kind: &'static str, object: &Value, cause: Cause<'_>) -> Self {
        Self {
            id: format!("evt_1{}", random()),
            mode,
            created: now(),
            kind,
            object: object.to_string(),
            request_id: cause.request_id.to_owned(),
            idempotency_key: cause.idempotency_key.map(str::to_owned),
        }
    }
}
