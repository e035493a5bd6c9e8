//! The checks of what Stripe answers, on the bytes: generated types drop unknown members in silence, and what must be
//! absent has to be seen to be absent.
//!
//! A member that is missing or of another type is no answer of Stripe's (STRIPE_PROTOCOL); a well-formed one that says
//! something else than was asked is another answer (STRIPE_RESPONSE_REJECTED).

use serde_json::{Map, Value};
use url::Url;

use crate::{
    adapters::stripe::{Mode, SessionSettings, transport::Answer},
    portal::{CheckedSession, CustomerId, Flow, PortalRequest, Reason, RecordedTenant, Refusal, ReturnUrl},
};

type Object = Map<String, Value>;

/// The hosts that a session's URL may lie on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHosts(Vec<String>);

impl SessionHosts {
    /// Takes hosts as a parser prints them, and whole loopback origins for development; the settings check which.
    #[must_use]
    pub const fn new(entries: Vec<String>) -> Self {
        Self(entries)
    }

    /// A URL on an allowed host: https, and in its raw text nothing but that host between the slashes, so no user
    /// information and no port; or on an allowed loopback origin. Raw text counts beside the parsed one, for not every
    /// parser forgives what this one does.
    fn allow(&self, raw: &str) -> bool {
        let Ok(url) = Url::parse(raw) else { return false };
        if !raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return false;
        }
        let Some((scheme, rest)) = raw.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        self.0.iter().any(|allowed| match allowed.split_once("://") {
            Some(origin) => (scheme, authority) == origin && url.origin().ascii_serialization() == *allowed,
            None => {
                url.scheme() == "https" && url.host_str() == Some(allowed) && authority.eq_ignore_ascii_case(allowed)
            }
        })
    }
}

/// The whole body as one JSON object.
pub(super) fn object(body: &[u8]) -> Result<Object, Refusal> {
    serde_json::from_slice(body).map_err(|_| protocol("the answer is not one whole JSON object"))
}

/// A new idempotency key has no old answer.
pub(super) fn is_for_this_call(answer: &Answer) -> Result<(), Refusal> {
    if answer.replayed {
        return Err(Refusal::because(
            Reason::StripeResponseRejected,
            "Stripe answers a new idempotency key with an old answer",
        ));
    }
    Ok(())
}

/// Whose the customer says it is.
pub(super) fn claim(
    object: &Object,
    customer: &CustomerId,
    terms: &SessionSettings,
) -> Result<RecordedTenant, Refusal> {
    must(text(object, "object")? == "customer", "object")?;
    must(text(object, "id")? == customer.as_str(), "id")?;
    match object.get("deleted") {
        None | Some(Value::Bool(false)) => {}
        // A deleted customer has lost its metadata and its mode.
        Some(Value::Bool(true)) => {
            return Err(Refusal::because(Reason::BillingAccountMissingAtStripe, "the customer is deleted at Stripe"));
        }
        Some(_) => return Err(protocol("deleted is no boolean")),
    }
    must(boolean(object, "livemode")? == (terms.mode == Mode::Live), "livemode")?;
    let named = object.get("metadata").and_then(|metadata| metadata.get(&terms.tenant_metadata_key));
    Ok(RecordedTenant::new(customer.clone(), named.and_then(Value::as_str).map(str::to_owned)))
}

/// A session that answers what was asked, with its URL locked up.
pub(super) fn session(
    object: &Object,
    answer: &Answer,
    customer: &CustomerId,
    portal_request: &PortalRequest,
    terms: &SessionSettings,
) -> Result<CheckedSession, Refusal> {
    must(text(object, "object")? == "billing_portal.session", "object")?;
    must(is_session_id(text(object, "id")?), "id")?;
    must(text(object, "customer")? == customer.as_str(), "customer")?;
    must(boolean(object, "livemode")? == (terms.mode == Mode::Live), "livemode")?;
    must(text(object, "return_url")? == portal_request.return_url.as_str(), "return_url")?;
    must(object.get("on_behalf_of").is_none_or(Value::is_null), "on_behalf_of")?;
    must(object.get("after_expiration").is_none_or(Value::is_null), "after_expiration")?;
    if let Some(configuration) = &terms.configuration {
        must(id_of(object, "configuration")? == configuration, "configuration")?;
    }
    flow(object, &portal_request.flow, &portal_request.return_url)?;
    let url = text(object, "url")?;
    must(terms.session_hosts.allow(url), "url")?;
    tracing::debug!(stripe_request_id = answer.request_id, "Stripe made the session that was asked for");
    Ok(CheckedSession::new(customer.clone(), url.to_owned()))
}

fn flow(object: &Object, asked: &Flow, return_url: &ReturnUrl) -> Result<(), Refusal> {
    let flow = match (object.get("flow"), asked) {
        (Some(Value::Null), Flow::Home) => return Ok(()),
        (None, Flow::Home) => return Err(protocol("flow is missing")),
        (None | Some(Value::Null), _) | (Some(Value::Object(_)), Flow::Home) => return Err(rejected("flow")),
        (Some(Value::Object(flow)), _) => flow,
        (Some(_), _) => return Err(protocol("flow is no object")),
    };
    must(text(flow, "type")? == asked.name(), "flow.type")?;
    let after = nested(flow, "after_completion")?;
    must(text(after, "type")? == "redirect", "flow.after_completion.type")?;
    must(text(nested(after, "redirect")?, "return_url")? == return_url.as_str(), "flow.after_completion.redirect")?;
    let Some(subscription) = asked.subscription() else { return Ok(()) };
    let details = nested(flow, asked.name())?;
    must(text(details, "subscription")? == subscription.as_str(), "flow.subscription")?;
    let Flow::SubscriptionUpdateConfirm(_, asked) = asked else { return Ok(()) };
    let items = details.get("items").and_then(Value::as_array).ok_or_else(|| protocol("flow.items is no array"))?;
    let [Value::Object(item)] = items.as_slice() else { return Err(rejected("flow.items")) };
    // What was not asked for stays as it is in the subscription, so Stripe may fill it in.
    must(text(item, "id")? == asked.id(), "flow.items.id")?;
    must(
        asked.price().is_none_or(|price| item.get("price").and_then(Value::as_str) == Some(price)),
        "flow.items.price",
    )?;
    let quantity = item.get("quantity").and_then(Value::as_u64);
    must(asked.quantity().is_none_or(|asked| quantity == Some(u64::from(asked))), "flow.items.quantity")
}

/// Stripe's shape of a session's id, `bps_[A-Za-z0-9]+`.
pub(super) fn is_session_id(id: &str) -> bool {
    crate::portal::account::is_stripe_id(id, &["bps_"])
}

fn text<'a>(object: &'a Object, member: &str) -> Result<&'a str, Refusal> {
    object.get(member).and_then(Value::as_str).ok_or_else(|| protocol(&format!("{member} is missing or no text")))
}

fn boolean(object: &Object, member: &str) -> Result<bool, Refusal> {
    object.get(member).and_then(Value::as_bool).ok_or_else(|| protocol(&format!("{member} is missing or no boolean")))
}

fn nested<'a>(object: &'a Object, member: &str) -> Result<&'a Object, Refusal> {
    object.get(member).and_then(Value::as_object).ok_or_else(|| protocol(&format!("{member} is missing or no object")))
}

/// An id, or the object with that id.
fn id_of<'a>(object: &'a Object, member: &str) -> Result<&'a str, Refusal> {
    match object.get(member) {
        Some(Value::Object(expanded)) => text(expanded, "id"),
        _ => text(object, member),
    }
}

fn must(holds: bool, member: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(rejected(member)) }
}

fn rejected(member: &str) -> Refusal {
    Refusal::because(Reason::StripeResponseRejected, format!("Stripe's {member} is not what was asked for"))
}

fn protocol(cause: &str) -> Refusal {
    Refusal::because(Reason::StripeProtocol, format!("not an answer of Stripe's API: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_url_is_https_on_an_allowed_host_or_an_allowed_loopback_origin() {
        let hosts = SessionHosts::new(vec!["billing.stripe.com".to_owned(), "http://127.0.0.1:4242".to_owned()]);
        for good in [
            "https://billing.stripe.com/p/session/x",
            "https://BILLING.stripe.com/x",
            "http://127.0.0.1:4242/p/session/x",
        ] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in [
            "",
            "billing.stripe.com",
            "http://billing.stripe.com/x",
            "https://billing.stripe.com:443/x",
            "https://billing.stripe.com:8443/x",
            "https://user@billing.stripe.com/x",
            "https://u:p@billing.stripe.com/x",
            "https://evil.com/x",
            "https://billing.stripe.com.evil.com/x",
            "https://billing.stripe.com\\@evil.com/",
            "https:\\\\billing.stripe.com/x",
            "https:/billing.stripe.com/x",
            "https://billing.stripe.com/\r\nx",
            "javascript:alert(1)",
            "http://127.0.0.1:4243/x",
            "http://user@127.0.0.1:4242/x",
            "https://127.0.0.1:4242/x",
            "https://xbilling.stripe.com/",
            "https:///billing.stripe.com/x",
            "https:///billing.stripe.com:8443/x",
            "https:////billing.stripe.com/x",
            "https://@billing.stripe.com/x",
            "https://b%69lling.stripe.com/x",
            "https://billing.stripe.com./x",
            "https://billing.stripe\u{3002}com/x",
            "http:///127.0.0.1:4242/x",
            "http://127.1:4242/x",
        ] {
            assert!(!hosts.allow(bad), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_one_whole_json_object() {
        for bad in ["", "[]", "null", "<html>", "{\"id\":", "{}{}", "\"x\""] {
            assert_eq!(object(bad.as_bytes()).unwrap_err().reason(), Reason::StripeProtocol, "{bad}");
        }
    }
}
