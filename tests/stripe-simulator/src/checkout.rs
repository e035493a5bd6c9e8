//! `GET /v1/checkout/sessions`: <https://docs.stripe.com/api/checkout/sessions/list>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::Form,
    list::{self, Page},
    model::{CheckoutSession, Mode},
    parameters,
    state::State,
};

/// Lists checkout sessions, newest first.
pub(crate) fn list(state: &State, mode: Mode, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::CHECKOUT_SESSIONS)?;
    let customer = list::customer(state, mode, &form)?;
    let status = form.optional("status")?;
    if status.is_some_and(|status| !parameters::CHECKOUT_STATUSES.contains(&status)) {
        return Err(Error::one_of("status", &parameters::CHECKOUT_STATUSES));
    }
    let page = Page::of(&form)?;
    let mut found: Vec<&CheckoutSession> = state
        .checkout_sessions
        .values()
        // Every simulated session was completed.
        .filter(|found| found.mode == mode && status.is_none_or(|status| status == "complete"))
        .filter(|found| customer.is_none_or(|customer| found.customer == customer))
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.position));
    let objects = found.into_iter().map(|found| (found.id.as_str(), object(found))).collect();
    page.select("/v1/checkout/sessions", "checkout session", objects)
}

/// The documented members of a session that are always null here.
const NULL_MEMBERS: [&str; 35] = [
    "adaptive_pricing",
    "after_expiration",
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "billing_address_collection",
    "cancel_url",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer_account",
    "customer_creation",
    "customer_details",
    "customer_email",
    "integration_identifier",
    "invoice",
    "invoice_creation",
    "locale",
    "managed_payments",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "payment_method_options",
    "permissions",
    "recovered_from",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "url",
    "wallet_options",
];

fn object(session: &CheckoutSession) -> Value {
    let mut object = json!({
        "id": session.id,
        "object": "checkout.session",
        "amount_subtotal": 1_000,
        "amount_total": 1_000,
        "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
        "client_reference_id": session.client_reference_id,
        "created": 1_700_000_000,
        "currency": "usd",
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
        },
        "customer": session.customer,
        "discounts": [],
        "expires_at": 1_700_086_400,
        "livemode": session.mode == Mode::Live,
        "metadata": list::metadata(&session.metadata),
        "mode": "subscription",
        "payment_method_collection": "always",
        "payment_method_types": ["card"],
        "payment_status": "paid",
        "shipping_options": [],
        "status": "complete",
        "success_url": "https://app.test/done",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    });
    list::add_nulls(&mut object, &NULL_MEMBERS);
    object
}
