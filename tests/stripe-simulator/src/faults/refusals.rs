//! Faults that refuse a request with one of Stripe's error codes: <https://docs.stripe.com/error-codes>.

use serde_json::json;

use crate::{
    endpoint::Endpoint,
    error::Error,
    faults::effect::{Refusal, RequestInfo},
    model::Mode,
    wire::Answer,
};

type Refused = Option<Refusal>;

/// Refuses requests to every endpoint.
fn always(error: Error) -> Refused {
    Some(Refusal::Error(error))
}

/// Refuses only requests for a session.
fn for_session(request: &RequestInfo, error: Error) -> Refused {
    request.is_for(Endpoint::Sessions).then_some(Refusal::Error(error))
}

/// Refuses an unknown customer as each endpoint does.
fn missing(request: &RequestInfo, other_mode: Option<Mode>) -> Refused {
    let id = request.customer.as_deref()?;
    let is_in_path = request.is_for(Endpoint::Customers) || request.is_for(Endpoint::CustomerUpdates);
    let (status, param) = if is_in_path { (404, "id") } else { (400, "customer") };
    always(Error::missing(status, "customer", id, param, other_mode))
}

pub(crate) fn customer_missing(request: &RequestInfo) -> Refused {
    missing(request, None)
}

pub(crate) fn customer_of_other_mode(request: &RequestInfo) -> Refused {
    missing(request, request.mode.map(Mode::other))
}

pub(crate) fn customer_deleted(request: &RequestInfo) -> Refused {
    // The objects of a deleted customer are still listed.
    if request.is_for(Endpoint::Subscriptions) || request.is_for(Endpoint::CheckoutSessions) {
        return None;
    }
    if !request.is_for(Endpoint::Customers) {
        return missing(request, None);
    }
    let deleted = json!({"id": request.customer, "object": "customer", "deleted": true});
    Some(Refusal::Deleted(Answer { status: 200, headers: Vec::new(), body: deleted.to_string().into_bytes() }))
}

pub(crate) fn livemode_mismatch(_: &RequestInfo) -> Refused {
    let message = "Test and live mode API keys, requests, and objects are only available within the mode they are in.";
    always(Error::invalid(400, message).code("livemode_mismatch"))
}

pub(crate) fn configuration_missing(request: &RequestInfo) -> Refused {
    for_session(request, Error::missing(400, "configuration", "bpc_Gone", "configuration", None))
}

pub(crate) fn configuration_inactive(request: &RequestInfo) -> Refused {
    for_session(request, Error::configuration_inactive())
}

pub(crate) fn no_configuration(request: &RequestInfo) -> Refused {
    for_session(request, Error::no_configuration(request.mode.unwrap_or(Mode::Test)))
}

pub(crate) fn flow_subscription_missing(request: &RequestInfo) -> Refused {
    for_session(request, no_subscription(400))
}

pub(crate) fn flow_not_found(request: &RequestInfo) -> Refused {
    for_session(request, no_subscription(404))
}

fn no_subscription(status: u16) -> Error {
    Error::missing(status, "subscription", "sub_Gone", "flow_data[subscription_cancel][subscription]", None)
}

pub(crate) fn flow_disabled(request: &RequestInfo) -> Refused {
    let message =
        "This customer cannot be updated because the customer update feature in the portal configuration is disabled.";
    for_session(request, Error::invalid(400, message).param("flow_data[type]").while_executing())
}

pub(crate) fn return_url_invalid(request: &RequestInfo) -> Refused {
    for_session(request, Error::invalid(400, "Not a valid URL").code("url_invalid").param("return_url"))
}

pub(crate) fn locale_invalid(request: &RequestInfo) -> Refused {
    for_session(request, Error::one_of("locale", &crate::parameters::LOCALES))
}

pub(crate) fn parameter_unknown(_: &RequestInfo) -> Refused {
    always(Error::parameter_unknown("unheard_of"))
}

pub(crate) fn unauthorized(_: &RequestInfo) -> Refused {
    always(Error::invalid(401, "Expired API Key provided: sk_test_************************").code("api_key_expired"))
}

pub(crate) fn request_failed(_: &RequestInfo) -> Refused {
    always(Error::card("Your card was declined.").code("card_declined"))
}

pub(crate) fn forbidden(request: &RequestInfo) -> Refused {
    let message = format!(
        "The provided key 'rk_test_************************' does not have the required permissions for this endpoint on account '{}'.",
        request.account
    );
    always(Error::invalid(403, message))
}

pub(crate) fn not_found(request: &RequestInfo) -> Refused {
    always(Error::unrecognized(&request.method, &request.path))
}

pub(crate) fn conflict(_: &RequestInfo) -> Refused {
    always(Error::key_in_use("the key of this request"))
}

pub(crate) fn lock_timeout(_: &RequestInfo) -> Refused {
    let message = "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.";
    always(Error::invalid(429, message).code("lock_timeout"))
}

pub(crate) fn rate_limit(_: &RequestInfo) -> Refused {
    let message =
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.";
    always(Error::invalid(429, message).code("rate_limit"))
}

pub(crate) fn internal(_: &RequestInfo) -> Refused {
    always(Error::api(500).while_executing())
}

pub(crate) fn unavailable(_: &RequestInfo) -> Refused {
    always(Error::api(503))
}
