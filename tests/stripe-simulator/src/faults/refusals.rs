//! Faults by which Stripe refuses, with Stripe's codes: <https://docs.stripe.com/error-codes>.

use serde_json::json;

use crate::{
    endpoint::Endpoint,
    error::Error,
    faults::effect::{Asked, Refusal},
    model::Mode,
    wire::Answer,
};

type Refused = Option<Refusal>;

/// Whatever was asked for.
fn always(error: Error) -> Refused {
    Some(Refusal::Error(error))
}

/// Only where a session was asked for.
fn of_session(asked: &Asked, error: Error) -> Refused {
    asked.is_for(Endpoint::Sessions).then_some(Refusal::Error(error))
}

/// As each endpoint tells of a customer that it does not find.
fn missing(asked: &Asked, elsewhere: Option<Mode>) -> Refused {
    let id = asked.customer.as_deref()?;
    let (status, param) = if asked.is_for(Endpoint::Sessions) { (400, "customer") } else { (404, "id") };
    always(Error::missing(status, "customer", id, param, elsewhere))
}

pub(crate) fn customer_missing(asked: &Asked) -> Refused {
    missing(asked, None)
}

pub(crate) fn customer_of_other_mode(asked: &Asked) -> Refused {
    missing(asked, asked.mode.map(Mode::other))
}

pub(crate) fn customer_deleted(asked: &Asked) -> Refused {
    if !asked.is_for(Endpoint::Customers) {
        return missing(asked, None);
    }
    let deleted = json!({"id": asked.customer, "object": "customer", "deleted": true});
    Some(Refusal::Deleted(Answer { status: 200, headers: Vec::new(), body: deleted.to_string().into_bytes() }))
}

pub(crate) fn livemode_mismatch(_: &Asked) -> Refused {
    let message = "Test and live mode API keys, requests, and objects are only available within the mode they are in.";
    always(Error::invalid(400, message).code("livemode_mismatch"))
}

pub(crate) fn configuration_missing(asked: &Asked) -> Refused {
    of_session(asked, Error::missing(400, "configuration", "bpc_Gone", "configuration", None))
}

pub(crate) fn configuration_inactive(asked: &Asked) -> Refused {
    of_session(asked, Error::configuration_inactive())
}

pub(crate) fn no_configuration(asked: &Asked) -> Refused {
    of_session(asked, Error::no_configuration(asked.mode.unwrap_or(Mode::Test)))
}

pub(crate) fn flow_subscription_missing(asked: &Asked) -> Refused {
    of_session(asked, no_subscription(400))
}

pub(crate) fn flow_not_found(asked: &Asked) -> Refused {
    of_session(asked, no_subscription(404))
}

fn no_subscription(status: u16) -> Error {
    Error::missing(status, "subscription", "sub_Gone", "flow_data[subscription_cancel][subscription]", None)
}

pub(crate) fn flow_disabled(asked: &Asked) -> Refused {
    let message =
        "This customer cannot be updated because the customer update feature in the portal configuration is disabled.";
    of_session(asked, Error::invalid(400, message).param("flow_data[type]").while_executing())
}

pub(crate) fn return_url_invalid(asked: &Asked) -> Refused {
    of_session(asked, Error::invalid(400, "Not a valid URL").code("url_invalid").param("return_url"))
}

pub(crate) fn locale_invalid(asked: &Asked) -> Refused {
    of_session(asked, Error::one_of("locale", &crate::parameters::LOCALES))
}

pub(crate) fn parameter_unknown(_: &Asked) -> Refused {
    always(Error::parameter_unknown("unheard_of"))
}

pub(crate) fn unauthorized(_: &Asked) -> Refused {
    always(Error::invalid(401, "Expired API Key provided: sk_test_************************").code("api_key_expired"))
}

pub(crate) fn request_failed(_: &Asked) -> Refused {
    always(Error::card("Your card was declined.").code("card_declined"))
}

pub(crate) fn forbidden(asked: &Asked) -> Refused {
    let message = format!(
        "The provided key 'rk_test_************************' does not have the required permissions for this endpoint on account '{}'.",
        asked.account
    );
    always(Error::invalid(403, message))
}

pub(crate) fn not_found(asked: &Asked) -> Refused {
    always(Error::unrecognized(&asked.method, &asked.path))
}

pub(crate) fn conflict(_: &Asked) -> Refused {
    always(Error::key_in_use("the key of this request"))
}

pub(crate) fn lock_timeout(_: &Asked) -> Refused {
    let message = "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.";
    always(Error::invalid(429, message).code("lock_timeout"))
}

pub(crate) fn rate_limit(_: &Asked) -> Refused {
    let message =
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.";
    always(Error::invalid(429, message).code("rate_limit"))
}

pub(crate) fn internal(_: &Asked) -> Refused {
    always(Error::api(500).while_executing())
}

pub(crate) fn unavailable(_: &Asked) -> Refused {
    always(Error::api(503))
}
