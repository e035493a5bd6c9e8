//! What Stripe's refusals mean. Its texts stay here: they are read only where Stripe gives nothing else, and never passed on.
//!
//! Shape: <https://docs.stripe.com/api/errors>, codes: <https://docs.stripe.com/error-codes>.

use serde::Deserialize;

use crate::{
    adapters::stripe::transport::Answer,
    portal::{Flow, Reason, Refusal},
};

/// Which request was refused.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    Customer,
    Session(&'a Flow),
}

#[derive(Default, Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Default, Deserialize)]
struct Body {
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl Body {
    /// A body that is no error of Stripe's says nothing more than its status.
    fn of(answer: &Answer) -> Self {
        serde_json::from_slice::<Envelope>(&answer.body).unwrap_or_default().error
    }

    fn code_is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the error is about a parameter; the text decides only where no parameter is named.
    fn is_about(&self, parameter: &str) -> bool {
        match &self.param {
            Some(param) => param == parameter || param.starts_with(&format!("{parameter}[")),
            None => self.message.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains(parameter)),
        }
    }
}

/// Whether a 429 means that Stripe is busy with the same object.
pub(super) fn is_lock_timeout(answer: &Answer) -> bool {
    Body::of(answer).code_is("lock_timeout")
}

/// The refusal that an answer other than 200 means.
pub(super) fn refusal(answer: &Answer, asked: Asked<'_>) -> Refusal {
    let body = Body::of(answer);
    let reason = reason(answer.status.as_u16(), &body, asked);
    let about = match asked {
        Asked::Customer => "the customer",
        Asked::Session(_) => "the session",
    };
    let request_id = answer.request_id.as_deref().unwrap_or("none");
    let cause = format!("Stripe refuses {about} with {} (Stripe's request id: {request_id})", answer.status);
    let refusal = Refusal::because(reason, cause);
    match (reason, asked) {
        (Reason::FlowInvalid, Asked::Session(flow)) => refusal.at(flow.name()),
        (Reason::ReturnUrlNotAllowed, _) => refusal.at("return_url"),
        (Reason::LocaleInvalid, _) => refusal.at("locale"),
        _ => refusal,
    }
}

fn reason(status: u16, body: &Body, asked: Asked<'_>) -> Reason {
    if (400..500).contains(&status) && body.code_is("livemode_mismatch") {
        return Reason::StripeCredentials;
    }
    match status {
        401 | 403 => Reason::StripeCredentials,
        409 => Reason::StripeConflict,
        429 if body.code_is("lock_timeout") => Reason::StripeConflict,
        429 => Reason::StripeRateLimited,
        500..=599 => Reason::StripeUnavailable,
        400 | 404 => about_a_parameter(status, body, asked),
        _ => Reason::StripeProtocol,
    }
}

fn about_a_parameter(status: u16, body: &Body, asked: Asked<'_>) -> Reason {
    let missing = body.code_is("resource_missing");
    match asked {
        Asked::Customer if missing => Reason::BillingAccountMissingAtStripe,
        Asked::Session(_) if missing && body.param.as_deref() == Some("customer") => {
            Reason::BillingAccountMissingAtStripe
        }
        Asked::Session(flow) if *flow != Flow::Home && body.is_about("flow_data") => Reason::FlowInvalid,
        Asked::Session(_) if status == 400 && body.is_about("configuration") => Reason::PortalNotConfigured,
        Asked::Session(_) if status == 400 && body.is_about("return_url") => Reason::ReturnUrlNotAllowed,
        Asked::Session(_) if status == 400 && body.is_about("locale") => Reason::LocaleInvalid,
        Asked::Customer | Asked::Session(_) => Reason::StripeProtocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason_of(status: u16, json: &str, flow: Option<&Flow>) -> Reason {
        let answer = Answer {
            status: http::StatusCode::from_u16(status).unwrap(),
            should_retry: None,
            replayed: false,
            request_id: None,
            body: json.to_owned().into(),
        };
        refusal(&answer, flow.map_or(Asked::Customer, Asked::Session)).reason()
    }

    #[test]
    fn each_documented_answer_has_its_reason() {
        use Reason as R;
        let cancel = Flow::PaymentMethodUpdate;
        let no_default = r#"{"error":{"type":"invalid_request_error","message":"No configuration provided and your test mode default configuration has not been created. …"}}"#;
        for (status, json, flow, reason) in [
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
            (400, no_default, Some(&cancel), R::PortalNotConfigured),
            (
                400,
                r#"{"error":{"code":"resource_missing","param":"configuration"}}"#,
                Some(&Flow::Home),
                R::PortalNotConfigured,
            ),
            (
                400,
                r#"{"error":{"param":"flow_data[subscription_cancel][subscription]"}}"#,
                Some(&cancel),
                R::FlowInvalid,
            ),
            (404, r#"{"error":{"code":"resource_missing","param":"flow_data[type]"}}"#, Some(&cancel), R::FlowInvalid),
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
            assert_eq!(reason_of(status, json, flow), reason, "{status} {json}");
        }
    }
}
