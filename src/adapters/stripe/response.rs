//! The checks of Stripe's responses. They read the JSON itself: generated types silently drop unknown members, and some
//! members must be absent.
//!
//! A response with a member that is missing or has the wrong type is invalid (STRIPE_PROTOCOL). A valid response that
//! does not match the request is rejected (STRIPE_RESPONSE_REJECTED).

use serde_json::{Map, Value};

use crate::{
    adapters::stripe::{Mode, SessionSettings, transport::StripeResponse},
    json,
    portal::{CheckedSession, CustomerId, Flow, PortalRequest, Reason, RecordedTenant, Refusal, ReturnUrl},
};

pub(super) type Object = Map<String, Value>;

/// The members that the checks of a customer read. All others are missing in what [`parse_customer`] returns.
const CUSTOMER_MEMBERS: [&str; 5] = ["object", "id", "deleted", "livemode", "metadata"];

/// The members that the checks of a session read. All others are missing in what [`parse_session`] returns.
const SESSION_MEMBERS: [&str; 10] = [
    "object",
    "id",
    "customer",
    "livemode",
    "return_url",
    "on_behalf_of",
    "after_expiration",
    "configuration",
    "flow",
    "url",
];

/// Parses a body that must be exactly one JSON object.
pub(super) fn parse_object(body: &[u8]) -> Result<Object, Refusal> {
    json::parse_object(body).map_err(|_| not_unique_json(body))
}

/// Parses a body that must be exactly one JSON object, and returns the members that the checks of a customer read.
///
/// # Errors
/// STRIPE_RESPONSE_REJECTED if it has duplicate members, otherwise STRIPE_PROTOCOL.
pub fn parse_customer(body: &[u8]) -> Result<Object, Refusal> {
    json::parse_members(body, &CUSTOMER_MEMBERS).map_err(|_| not_unique_json(body))
}

/// Parses a body that must be exactly one JSON object, and returns the members that the checks of a session read.
///
/// # Errors
/// STRIPE_RESPONSE_REJECTED if it has duplicate members, otherwise STRIPE_PROTOCOL.
pub fn parse_session(body: &[u8]) -> Result<Object, Refusal> {
    json::parse_members(body, &SESSION_MEMBERS).map_err(|_| not_unique_json(body))
}

fn not_unique_json(body: &[u8]) -> Refusal {
    match serde_json::from_slice::<Object>(body) {
        Ok(_) => Refusal::because(Reason::StripeResponseRejected, "Stripe response has duplicate members"),
        Err(_) => Refusal::because(Reason::StripeProtocol, "Stripe response is not a JSON object"),
    }
}

/// Returns the id of a session that was created, even if the response is rejected later. A body that [`parse_session`] rejects
/// may still name one.
pub(super) fn session_id(object: Option<&Object>, body: &[u8]) -> Option<String> {
    let id = |object: &Object| object.get("id")?.as_str().filter(|id| is_session_id(id)).map(str::to_owned);
    object.map_or_else(|| id(&serde_json::from_slice(body).ok()?), id)
}

/// Rejects a replayed response: the idempotency key of every call is new, so a replay belongs to a different call.
pub(super) fn reject_replayed(response: &StripeResponse) -> Result<(), Refusal> {
    if response.replayed {
        return Err(Refusal::because(
            Reason::StripeResponseRejected,
            "Stripe replayed an earlier response for a new idempotency key",
        ));
    }
    Ok(())
}

/// Checks that an object is the requested customer, in the configured mode and not deleted.
///
/// # Errors
/// BILLING_ACCOUNT_MISSING_AT_STRIPE if it is deleted, otherwise STRIPE_PROTOCOL or STRIPE_RESPONSE_REJECTED.
pub fn check_customer(object: &Object, customer: &CustomerId, mode: Mode) -> Result<(), Refusal> {
    check("object", string(object, "object")? == "customer")?;
    check("id", string(object, "id")? == customer.as_str())?;
    match object.get("deleted") {
        None | Some(Value::Bool(false)) => {}
        // A deleted customer has neither metadata nor a mode, so this check comes first.
        Some(Value::Bool(true)) => {
            return Err(Refusal::because(Reason::BillingAccountMissingAtStripe, "customer is deleted at Stripe"));
        }
        Some(_) => return Err(invalid("deleted", "a boolean")),
    }
    check("livemode", boolean(object, "livemode")? == (mode == Mode::Live))
}

/// Checks a customer and returns the tenant recorded on it.
///
/// # Errors
/// The same as [`check_customer`].
pub fn recorded_tenant(
    object: &Object,
    customer: &CustomerId,
    settings: &SessionSettings,
) -> Result<RecordedTenant, Refusal> {
    check_customer(object, customer, settings.mode)?;
    let tenant = object.get("metadata").and_then(|metadata| metadata.get(&settings.tenant_metadata_key));
    Ok(RecordedTenant::new(customer.clone(), tenant.and_then(Value::as_str).map(str::to_owned)))
}

/// Checks that a session matches the request, and returns it with its URL withheld.
///
/// # Errors
/// STRIPE_PROTOCOL or STRIPE_RESPONSE_REJECTED.
pub fn checked_session(
    object: &Object,
    customer: &CustomerId,
    request: &PortalRequest,
    settings: &SessionSettings,
) -> Result<CheckedSession, Refusal> {
    check("object", string(object, "object")? == "billing_portal.session")?;
    check("id", is_session_id(string(object, "id")?))?;
    check("customer", string(object, "customer")? == customer.as_str())?;
    check("livemode", boolean(object, "livemode")? == (settings.mode == Mode::Live))?;
    check("return_url", string(object, "return_url")? == request.return_url.as_str())?;
    check("on_behalf_of", object.get("on_behalf_of").is_none_or(Value::is_null))?;
    check("after_expiration", object.get("after_expiration").is_none_or(Value::is_null))?;
    if let Some(configuration) = &settings.configuration {
        check("configuration", expandable_id(object, "configuration")? == configuration)?;
    }
    check_flow(object, &request.flow, &request.completed_url)?;
    let url = string(object, "url")?;
    check("url", settings.session_hosts.allow(url))?;
    Ok(CheckedSession::new(customer.clone(), url.to_owned()))
}

fn check_flow(session: &Object, requested: &Flow, completed_url: &ReturnUrl) -> Result<(), Refusal> {
    let flow = match (session.get("flow"), requested) {
        (Some(Value::Null), Flow::Home) => return Ok(()),
        (None, Flow::Home) => return Err(invalid("flow", "null")),
        (None | Some(Value::Null), _) | (Some(Value::Object(_)), Flow::Home) => return Err(rejected("flow")),
        (Some(Value::Object(flow)), _) => flow,
        (Some(_), _) => return Err(invalid("flow", "an object")),
    };
    check("flow.type", string(flow, "type")? == requested.name())?;
    let after = nested(flow, "after_completion")?;
    check("flow.after_completion.type", string(after, "type")? == "redirect")?;
    let redirect = nested(after, "redirect")?;
    check("flow.after_completion.redirect", string(redirect, "return_url")? == completed_url.as_str())?;
    let Some(subscription) = requested.subscription() else { return Ok(()) };
    let details = nested(flow, requested.name())?;
    check("flow.subscription", string(details, "subscription")? == subscription.as_str())?;
    let Flow::SubscriptionUpdateConfirm(_, requested) = requested else { return Ok(()) };
    let items = details.get("items").and_then(Value::as_array).ok_or_else(|| invalid("flow.items", "an array"))?;
    let [Value::Object(item)] = items.as_slice() else { return Err(rejected("flow.items")) };
    check("flow.items.id", string(item, "id")? == requested.id())?;
    // A price or quantity that was not requested stays as it is in the subscription, and Stripe may return it.
    let price = item.get("price").and_then(Value::as_str);
    check("flow.items.price", requested.price().is_none_or(|requested| price == Some(requested)))?;
    let quantity = item.get("quantity").and_then(Value::as_u64);
    check("flow.items.quantity", requested.quantity().is_none_or(|requested| quantity == Some(u64::from(requested))))
}

/// Returns whether a text has the shape of a session id, `bps_[A-Za-z0-9]+`.
pub(super) fn is_session_id(id: &str) -> bool {
    crate::portal::account::is_stripe_id(id, &["bps_"])
}

pub(super) fn string<'a>(object: &'a Object, member: &str) -> Result<&'a str, Refusal> {
    object.get(member).and_then(Value::as_str).ok_or_else(|| invalid(member, "a string"))
}

pub(super) fn boolean(object: &Object, member: &str) -> Result<bool, Refusal> {
    object.get(member).and_then(Value::as_bool).ok_or_else(|| invalid(member, "a boolean"))
}

pub(super) fn nested<'a>(object: &'a Object, member: &str) -> Result<&'a Object, Refusal> {
    object.get(member).and_then(Value::as_object).ok_or_else(|| invalid(member, "an object"))
}

/// Returns the id of an expandable member: the member itself, or the `id` of the expanded object.
fn expandable_id<'a>(object: &'a Object, member: &str) -> Result<&'a str, Refusal> {
    match object.get(member) {
        Some(Value::Object(expanded)) => string(expanded, "id"),
        _ => string(object, member),
    }
}

/// Rejects the response unless the member has the requested value.
pub(super) fn check(member: &str, has_requested_value: bool) -> Result<(), Refusal> {
    if has_requested_value { Ok(()) } else { Err(rejected(member)) }
}

fn rejected(member: &str) -> Refusal {
    Refusal::because(
        Reason::StripeResponseRejected,
        format!("{member} in the Stripe response does not match the request"),
    )
}

pub(super) fn invalid(member: &str, expected: &str) -> Refusal {
    Refusal::because(Reason::StripeProtocol, format!("{member} in the Stripe response is missing or not {expected}"))
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
