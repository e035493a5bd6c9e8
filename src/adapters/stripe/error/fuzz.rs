//! Stripe's error responses. Nothing of their text may reach a log or a caller.

use super::*;
use crate::{adapters::stripe::headers, fuzz, portal::flow::SubscriptionId};

/// The first line of the input is the status. Headers follow, then an empty line and the body.
#[test]
fn stripe_error() {
    let flow = Flow::SubscriptionCancel(SubscriptionId::parse("sub_1", "").unwrap());
    fuzz::run("stripe_error", |input| {
        let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
        let (head, body) = input.split_at(end);
        let Ok(status) = StatusCode::from_bytes(head.get(..3).unwrap_or_default()) else { return };
        let fields = fuzz::headers(head);
        let response = StripeResponse {
            status,
            should_retry: headers::should_retry(&fields),
            replayed: headers::is_replayed(&fields),
            rate_limited: headers::rate_limited_reason(&fields),
            request_id: headers::request_id(&fields),
            body: body.to_owned().into(),
        };
        assert!(response.replayed || fields.get_all("idempotent-replayed").iter().all(|value| value == "false"));
        for request in [
            StripeRequest::Read,
            StripeRequest::Change,
            StripeRequest::CreateSession(&Flow::Home),
            StripeRequest::CreateSession(&flow),
        ] {
            check_refusal(&refusal(&response, request), &response, request);
        }
    });
}

fn check_refusal(refusal: &Refusal, response: &StripeResponse, request: StripeRequest<'_>) {
    let reason = refusal.reason();
    match response.status.as_u16() {
        401 | 403 => assert_eq!(reason, Reason::StripeCredentials),
        500..=599 => assert_eq!(reason, Reason::StripeUnavailable),
        400 | 402 | 404..=499 => {}
        _ => assert_eq!(reason, Reason::StripeProtocol),
    }
    // Only a session with a flow can be refused because of the flow, and only a field of the request is named.
    let field = refusal.violation().map(|(field, rule)| {
        assert_eq!(rule, "was refused by Stripe");
        field
    });
    let named = match (reason, request) {
        (Reason::ReturnUrlNotAllowed, StripeRequest::CreateSession(Flow::Home)) => Some("return_url"),
        (Reason::ReturnUrlNotAllowed, StripeRequest::CreateSession(_)) if field == Some("completed_url") => field,
        (Reason::ReturnUrlNotAllowed, StripeRequest::CreateSession(_)) => Some("return_url"),
        (Reason::LocaleInvalid, StripeRequest::CreateSession(_)) => Some("locale"),
        (Reason::FlowInvalid, StripeRequest::CreateSession(Flow::SubscriptionCancel(_))) => Some("subscription_cancel"),
        (Reason::PortalNotConfigured, StripeRequest::CreateSession(_)) => None,
        (other, _) => {
            assert!(
                other == Reason::BillingAccountMissingAtStripe || other.as_str().starts_with("STRIPE_"),
                "{other:?}"
            );
            None
        }
    };
    assert_eq!(field, named);
    // What is logged has the form of an id and of a permission. Seeds have capital letters in the texts that must not be logged.
    let logged = refusal.to_string().replace(response.request_id.as_deref().unwrap_or("none"), "");
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" _-:;,()'<>.".contains(&byte);
    assert!(logged.len() <= 300 && logged.bytes().all(allowed) && !logged.contains("SECRET"), "{logged}");
}
