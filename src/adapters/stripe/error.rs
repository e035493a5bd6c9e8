//! Maps Stripe's error responses to refusals. Stripe's messages are read only if the response does not name a
//! parameter, and they are never passed on.
//!
//! Format: <https://docs.stripe.com/api/errors>. Codes: <https://docs.stripe.com/error-codes>.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;

use crate::{
    adapters::stripe::{permission::Permission, transport::StripeResponse},
    portal::{Flow, Reason, Refusal},
};

/// The request that Stripe refused.
#[derive(Clone, Copy)]
pub(super) enum StripeRequest<'a> {
    /// Reads a customer, the account or a portal configuration.
    Read,
    /// Creates a session with this flow.
    CreateSession(&'a Flow),
    /// Changes an object, for a tool beside the service.
    Change,
}

#[derive(Default, Deserialize)]
struct ErrorResponse {
    error: StripeError,
}

#[derive(Default, Deserialize)]
struct StripeError {
    #[serde(rename = "type")]
    kind: Option<String>,
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
            None => self.message_contains(parameter),
        }
    }

    /// Returns whether the portal is not configured. With a flow, only Stripe's texts for a missing configuration count, because its texts
    /// about flows mention the configuration as well.
    fn is_about_configuration(&self, flow: &Flow) -> bool {
        const MISSING: [&str; 3] = [
            "no configuration provided",
            "default configuration has not been created",
            // Stripe's text until 2022.
            "save your customer portal settings",
        ];
        let has_known_text = self.param.is_none() && MISSING.into_iter().any(|text| self.message_contains(text));
        has_known_text || ((self.param.is_some() || *flow == Flow::Home) && self.is_about("configuration"))
    }

    /// Returns whether a refused session can only be about its flow: Stripe names no other parameter of the request.
    fn is_about_flow(&self) -> bool {
        let other = ["customer", "configuration", "return_url", "locale"];
        self.kind.as_deref() == Some("invalid_request_error")
            && !self.param.as_deref().is_some_and(|param| other.contains(&param))
            && !self.message_contains("no such customer")
    }

    fn message_contains(&self, text: &str) -> bool {
        self.message.as_ref().is_some_and(|message| message.to_ascii_lowercase().contains(text))
    }
}

/// Returns whether a 429 means that another request has locked the same object at Stripe.
pub(super) fn is_lock_timeout(response: &StripeResponse) -> bool {
    StripeError::from_response(response).has_code("lock_timeout")
}

/// What is logged about an error response. The name of the permission is the only text of Stripe in it.
#[derive(Debug)]
struct ErrorStatus {
    status: StatusCode,
    request_id: Option<String>,
    rate_limited: Option<&'static str>,
    missing_permission: Option<Permission>,
}

impl fmt::Display for ErrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (Stripe request id: {}", self.status, self.request_id.as_deref().unwrap_or("none"))?;
        if let Some(limit) = self.rate_limited {
            write!(f, ", rate limit: {limit}")?;
        }
        if let Some(permission) = &self.missing_permission {
            write!(f, ", missing permission: {permission}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ErrorStatus {}

/// Returns the permission that the key lacks, if Stripe names it.
pub(super) fn missing_permission(response: &StripeResponse) -> Option<Permission> {
    let is_forbidden = response.status == StatusCode::FORBIDDEN;
    let message = StripeError::from_response(response).message.filter(|_| is_forbidden)?;
    Permission::in_message(&message)
}

/// Returns the refusal for a response with a status other than 200.
pub(super) fn refusal(response: &StripeResponse, request: StripeRequest<'_>) -> Refusal {
    let (reason, field) = classify(response.status.as_u16(), &StripeError::from_response(response), request);
    let refused = match request {
        StripeRequest::Read => "read",
        StripeRequest::CreateSession(_) => "session",
        StripeRequest::Change => "change",
    };
    let refusal = Refusal::because(reason, format!("Stripe refused the {refused} request")).caused_by(ErrorStatus {
        status: response.status,
        request_id: response.request_id.clone(),
        rate_limited: response.rate_limited,
        missing_permission: missing_permission(response),
    });
    match field {
        Some(field) => refusal.at(field, "was refused by Stripe"),
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
        400..=499 => return classify_by_parameter(status, error, request),
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
        StripeRequest::Read | StripeRequest::Change if is_missing && [400, 404].contains(&status) => {
            (Reason::BillingAccountMissingAtStripe, None)
        }
        StripeRequest::CreateSession(_)
            if is_missing && [400, 404].contains(&status) && error.param.as_deref() == Some("customer") =>
        {
            (Reason::BillingAccountMissingAtStripe, None)
        }
        StripeRequest::CreateSession(flow)
            if *flow != Flow::Home && is_bad_request_about("flow_data[after_completion]") =>
        {
            (Reason::ReturnUrlNotAllowed, Some("completed_url"))
        }
        StripeRequest::CreateSession(flow)
            if *flow != Flow::Home && [400, 404].contains(&status) && error.is_about("flow_data") =>
        {
            (Reason::FlowInvalid, Some(flow.name()))
        }
        StripeRequest::CreateSession(flow) if status == 400 && error.is_about_configuration(flow) => {
            (Reason::PortalNotConfigured, None)
        }
        StripeRequest::CreateSession(_) if is_bad_request_about("return_url") => {
            (Reason::ReturnUrlNotAllowed, Some("return_url"))
        }
        StripeRequest::CreateSession(_) if is_bad_request_about("locale") => (Reason::LocaleInvalid, Some("locale")),
        // Stripe's other reasons to refuse a flow ("already set to be canceled", a price that is not in the configuration, and so on)
        // have no parameter and no code.
        StripeRequest::CreateSession(flow) if *flow != Flow::Home && error.is_about_flow() => {
            (Reason::FlowInvalid, Some(flow.name()))
        }
        StripeRequest::Read | StripeRequest::CreateSession(_) | StripeRequest::Change => (Reason::StripeProtocol, None),
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
