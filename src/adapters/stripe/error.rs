//! Maps Stripe's error responses to refusals. Stripe's messages are read only if the response does not name a
//! parameter, and they are never passed on.
//!
//! Format: <https://docs.stripe.com/api/errors>. Codes: <https://docs.stripe.com/error-codes>.

use serde::Deserialize;

use crate::{
    adapters::stripe::transport::StripeResponse,
    portal::{Flow, Reason, Refusal},
};

/// The request that Stripe refused.
#[derive(Clone, Copy)]
pub(super) enum StripeRequest<'a> {
    /// Reads a customer, the account or a portal configuration.
    Read,
    /// Creates a session with this flow.
    CreateSession(&'a Flow),
}

#[derive(Default, Deserialize)]
struct ErrorResponse {
    error: StripeError,
}

#[derive(Default, Deserialize)]
struct StripeError {
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl StripeError {
    /// Parses a response. If the body is not an error object, all fields are empty, and only the status is used.
    fn from_response(response: &StripeResponse) -> Self {
        serde_json::from_slice::<ErrorResponse>(&response.body).unwrap_or_default().error
    }

    fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Returns whether the error is about a parameter. The message is read only if the error does not name a parameter.
    fn is_about(&self, parameter: &str) -> bool {
        match &self.param {
            Some(param) => param == parameter || param.starts_with(&format!("{parameter}[")),
            None => self.message.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains(parameter)),
        }
    }
}

/// Returns whether a 429 means that another request has locked the same object at Stripe.
pub(super) fn is_lock_timeout(response: &StripeResponse) -> bool {
    StripeError::from_response(response).has_code("lock_timeout")
}

/// Returns the refusal for a response with a status other than 200.
pub(super) fn refusal(response: &StripeResponse, request: StripeRequest<'_>) -> Refusal {
    let (reason, field) = classify(response.status.as_u16(), &StripeError::from_response(response), request);
    let refused = match request {
        StripeRequest::Read => "read",
        StripeRequest::CreateSession(_) => "session",
    };
    let request_id = response.request_id.as_deref().unwrap_or("none");
    let cause =
        format!("Stripe refused the {refused} request with {} (Stripe request id: {request_id})", response.status);
    let refusal = Refusal::because(reason, cause);
    match field {
        Some(field) => refusal.at(field),
        None => refusal,
    }
}

/// Returns the reason, and the field of the call's request that Stripe refused.
fn classify(status: u16, error: &StripeError, request: StripeRequest<'_>) -> (Reason, Option<&'static str>) {
    if (400..500).contains(&status) && error.has_code("livemode_mismatch") {
        return (Reason::StripeCredentials, None);
    }
    let reason = match status {
        401 | 403 => Reason::StripeCredentials,
        409 => Reason::StripeConflict,
        429 if error.has_code("lock_timeout") => Reason::StripeConflict,
        429 => Reason::StripeRateLimited,
        500..=599 => Reason::StripeUnavailable,
        400 | 404 => return classify_by_parameter(status, error, request),
        _ => Reason::StripeProtocol,
    };
    (reason, None)
}

fn classify_by_parameter(
    status: u16,
    error: &StripeError,
    request: StripeRequest<'_>,
) -> (Reason, Option<&'static str>) {
    let is_missing = error.has_code("resource_missing");
    let is_bad_request_about = |parameter: &str| status == 400 && error.is_about(parameter);
    match request {
        StripeRequest::Read if is_missing => (Reason::BillingAccountMissingAtStripe, None),
        StripeRequest::CreateSession(_) if is_missing && error.param.as_deref() == Some("customer") => {
            (Reason::BillingAccountMissingAtStripe, None)
        }
        StripeRequest::CreateSession(flow) if *flow != Flow::Home && error.is_about("flow_data") => {
            (Reason::FlowInvalid, Some(flow.name()))
        }
        StripeRequest::CreateSession(_) if is_bad_request_about("configuration") => (Reason::PortalNotConfigured, None),
        StripeRequest::CreateSession(_) if is_bad_request_about("return_url") => {
            (Reason::ReturnUrlNotAllowed, Some("return_url"))
        }
        StripeRequest::CreateSession(_) if is_bad_request_about("locale") => (Reason::LocaleInvalid, Some("locale")),
        StripeRequest::Read | StripeRequest::CreateSession(_) => (Reason::StripeProtocol, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason_of(status: u16, json: &str, flow: Option<&Flow>) -> Reason {
        let response = StripeResponse {
            status: http::StatusCode::from_u16(status).unwrap(),
            should_retry: None,
            replayed: false,
            request_id: None,
            body: json.to_owned().into(),
        };
        refusal(&response, flow.map_or(StripeRequest::Read, StripeRequest::CreateSession)).reason()
    }

    #[test]
    fn maps_each_documented_error_to_its_reason() {
        use Reason as R;
        let flow = Flow::PaymentMethodUpdate;
        let no_default = r#"{"error":{"type":"invalid_request_error","message":"No configuration provided and your test mode default configuration has not been created. …"}}"#;
        for (status, json, requested, reason) in [
            (401, "{}", None, R::StripeCredentials),
            (403, "<html>", None, R::StripeCredentials),
            (400, r#"{"error":{"code":"livemode_mismatch"}}"#, None, R::StripeCredentials),
            (404, r#"{"error":{"code":"resource_missing","param":"id"}}"#, None, R::BillingAccountMissingAtStripe),
            (
                400,
                r#"{"error":{"code":"resource_missing","param":"customer"}}"#,
                Some(&Flow::Home),
                R::BillingAccountMissingAtStripe,
            ),
            (400, no_default, Some(&Flow::Home), R::PortalNotConfigured),
            (400, no_default, Some(&flow), R::PortalNotConfigured),
            (
                400,
                r#"{"error":{"code":"resource_missing","param":"configuration"}}"#,
                Some(&Flow::Home),
                R::PortalNotConfigured,
            ),
            (400, r#"{"error":{"param":"flow_data[subscription_cancel][subscription]"}}"#, Some(&flow), R::FlowInvalid),
            (404, r#"{"error":{"code":"resource_missing","param":"flow_data[type]"}}"#, Some(&flow), R::FlowInvalid),
            (
                400,
                r#"{"error":{"param":"return_url","message":"configuration locale"}}"#,
                Some(&Flow::Home),
                R::ReturnUrlNotAllowed,
            ),
            (400, r#"{"error":{"param":"locale"}}"#, Some(&Flow::Home), R::LocaleInvalid),
            (409, "", Some(&Flow::Home), R::StripeConflict),
            (429, r#"{"error":{"code":"lock_timeout"}}"#, Some(&Flow::Home), R::StripeConflict),
            (429, r#"{"error":{"code":"rate_limit"}}"#, Some(&Flow::Home), R::StripeRateLimited),
            (500, "", None, R::StripeUnavailable),
            (503, "", None, R::StripeUnavailable),
            (402, "{}", None, R::StripeProtocol),
            (302, "", None, R::StripeProtocol),
            (201, "{}", None, R::StripeProtocol),
            (400, r#"{"error":{"param":"elsewhere","message":"configuration"}}"#, Some(&Flow::Home), R::StripeProtocol),
        ] {
            assert_eq!(reason_of(status, json, requested), reason, "{status} {json}");
        }
    }
}
