use super::*;

fn reason_of(status: u16, json: &str, flow: Option<&Flow>) -> Reason {
    let response = StripeResponse {
        status: http::StatusCode::from_u16(status).unwrap(),
        should_retry: None,
        replayed: false,
        rate_limited: None,
        request_id: None,
        body: json.to_owned().into(),
    };
    refusal(&response, flow.map_or(StripeRequest::Read, StripeRequest::CreateSession)).reason()
}

#[test]
fn cause_of_a_429_names_the_limit() {
    let response = StripeResponse {
        status: http::StatusCode::TOO_MANY_REQUESTS,
        should_retry: None,
        replayed: false,
        rate_limited: Some("endpoint-rate"),
        request_id: Some("req_1".to_owned()),
        body: "{}".into(),
    };
    let refusal = refusal(&response, StripeRequest::Read);
    assert_eq!(refusal.reason(), Reason::StripeRateLimited);
    assert!(refusal.to_string().contains("(Stripe request id: req_1, rate limit: endpoint-rate)"), "{refusal}");
}

#[test]
fn maps_each_documented_error_to_its_reason() {
    use Reason as R;
    let flow = Flow::PaymentMethodUpdate;
    let no_default = r#"{"error":{"type":"invalid_request_error","message":"No configuration provided and your test mode default configuration has not been created. …"}}"#;
    let older_no_default = r#"{"error":{"type":"invalid_request_error","message":"You can’t create a portal session in test mode until you save your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal."}}"#;
    let already_canceled =
        r#"{"error":{"type":"invalid_request_error","message":"The subscription is already set to be canceled."}}"#;
    let price_not_in_configuration =
        r#"{"error":{"type":"invalid_request_error","message":"The price is not in the portal configuration."}}"#;
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
        (400, r#"{"error":{"param":"configuration"}}"#, Some(&flow), R::PortalNotConfigured),
        (400, price_not_in_configuration, Some(&Flow::Home), R::PortalNotConfigured),
        (400, r#"{"error":{"param":"flow_data[subscription_cancel][subscription]"}}"#, Some(&flow), R::FlowInvalid),
        (404, r#"{"error":{"code":"resource_missing","param":"flow_data[type]"}}"#, Some(&flow), R::FlowInvalid),
        (
            400,
            r#"{"error":{"param":"flow_data[after_completion][redirect][return_url]"}}"#,
            Some(&flow),
            R::ReturnUrlNotAllowed,
        ),
        (
            400,
            r#"{"error":{"param":"return_url","message":"configuration locale"}}"#,
            Some(&Flow::Home),
            R::ReturnUrlNotAllowed,
        ),
        (400, older_no_default, Some(&Flow::Home), R::PortalNotConfigured),
        (400, older_no_default, Some(&flow), R::PortalNotConfigured),
        (400, already_canceled, Some(&flow), R::FlowInvalid),
        (400, already_canceled, Some(&Flow::Home), R::StripeProtocol),
        (400, price_not_in_configuration, Some(&flow), R::FlowInvalid),
        (400, r#"{"error":{"type":"invalid_request_error","param":"customer"}}"#, Some(&flow), R::StripeProtocol),
        (400, r#"{"error":{"type":"api_error"}}"#, Some(&flow), R::StripeProtocol),
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
