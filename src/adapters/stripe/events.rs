//! The portal sessions that an account created for any client, as Stripe's events report them.
//!
//! API: <https://docs.stripe.com/api/events/list>. An event has the version of the account when it happened, not that of the
//! request, so only members that a session has in every version are read.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod};

use crate::{
    adapters::stripe::{
        Mode, StripeObjects,
        response::{Object, boolean, check, invalid, is_session_id, nested, string},
    },
    portal::Refusal,
};

const KIND: &str = "billing_portal.session.created";

/// The time limit of one page with its attempts.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A session that was created at Stripe. The event also contains its URL, which is not kept.
#[derive(Debug)]
pub struct CreatedSession {
    /// The session, `bps_…`.
    pub id: String,
    /// The customer whose portal it opens; `None` if it is an account.
    pub customer: Option<String>,
    /// When it was created, in whole seconds.
    pub created: SystemTime,
    /// The event, `evt_…`.
    pub event: String,
    /// The request that created it, `req_…`; `None` if no request of the API did.
    pub stripe_request_id: Option<String>,
}

/// A page of events, newest first.
#[derive(Debug)]
pub struct CreatedSessions {
    /// The sessions.
    pub sessions: Vec<CreatedSession>,
    /// The event after which the next page begins; `None` on the last page.
    pub next: Option<String>,
}

impl StripeObjects {
    /// Reads a page of at most `limit` sessions that were created at or after a time. It begins after an event.
    ///
    /// # Errors
    /// The same as [`StripeObjects::send`]; STRIPE_PROTOCOL or STRIPE_RESPONSE_REJECTED if an event is not of the type, the object
    /// and the mode of the request.
    pub async fn created_sessions(
        &self,
        mode: Mode,
        since: SystemTime,
        limit: usize,
        after: Option<&str>,
    ) -> Result<CreatedSessions, Refusal> {
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("type", KIND).append_pair("created[gte]", &since.to_string());
        query.append_pair("limit", &limit.to_string()).extend_pairs(after.map(|event| ("starting_after", event)));
        let mut request = RequestBuilder::new(StripeMethod::Get, "/events");
        request.query = Some(query.finish());
        page(&self.send(&request, "GET /v1/events", TIME_LIMIT).await?, mode, after)
    }
}

fn page(page: &Object, mode: Mode, after: Option<&str>) -> Result<CreatedSessions, Refusal> {
    let events = page.get("data").and_then(Value::as_array).ok_or_else(|| invalid("data", "an array"))?;
    let sessions: Vec<_> = events.iter().map(|event| session(event, mode)).collect::<Result<_, _>>()?;
    let next = match (boolean(page, "has_more")?, sessions.last()) {
        (false, _) => None,
        (true, last) => {
            let last = last.map(|session| session.event.clone());
            // Otherwise the same page would be read forever.
            check("has_more", last.is_some() && last.as_deref() != after)?;
            last
        }
    };
    Ok(CreatedSessions { sessions, next })
}

fn session(event: &Value, mode: Mode) -> Result<CreatedSession, Refusal> {
    let event = event.as_object().ok_or_else(|| invalid("data", "an array of objects"))?;
    check("object", string(event, "object")? == "event")?;
    check("type", string(event, "type")? == KIND)?;
    check("livemode", boolean(event, "livemode")? == (mode == Mode::Live))?;
    let session = nested(nested(event, "data")?, "object")?;
    check("data.object.object", string(session, "object")? == "billing_portal.session")?;
    check("data.object.id", is_session_id(string(session, "id")?))?;
    check("data.object.livemode", boolean(session, "livemode")? == (mode == Mode::Live))?;
    let seconds = event.get("created").and_then(Value::as_u64).and_then(|seconds| u32::try_from(seconds).ok());
    let seconds = seconds.ok_or_else(|| invalid("created", "a time"))?;
    let request = event.get("request").and_then(Value::as_object);
    Ok(CreatedSession {
        id: string(session, "id")?.to_owned(),
        customer: optional(session, "customer")?,
        created: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()),
        event: string(event, "id")?.to_owned(),
        stripe_request_id: request.map_or(Ok(None), |request| optional(request, "id"))?,
    })
}

fn optional(object: &Object, member: &str) -> Result<Option<String>, Refusal> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => string(object, member).map(|text| Some(text.to_owned())),
    }
}
