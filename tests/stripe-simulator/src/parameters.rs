//! All parameters of API version 2026-09-30.endive, by full name; `[]` represents any index.
//!
//! Source: <https://docs.stripe.com/api>. The tests in `clients/` compare them with the declarations of Stripe's library.

/// Parameters of `GET /v1/customers/{id}`.
pub(crate) const CUSTOMER: &[&str] = &["expand[]"];

/// Parameters of `POST /v1/customers/{id}` that are simulated; `[*]` represents any key. The tests in `clients/` list the
/// others.
pub(crate) const CUSTOMER_UPDATE: &[&str] = &["email", "expand[]", "metadata", "metadata[*]", "name"];

/// Parameters of `GET /v1/subscriptions` that are simulated.
pub(crate) const SUBSCRIPTIONS: &[&str] = &["customer", "ending_before", "limit", "starting_after", "status"];

/// Values of `status` for subscriptions.
pub(crate) const SUBSCRIPTION_STATUSES: [&str; 10] = [
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

/// Parameters of `GET /v1/checkout/sessions` that are simulated.
pub(crate) const CHECKOUT_SESSIONS: &[&str] = &["customer", "ending_before", "limit", "starting_after", "status"];

/// Values of `status` for checkout sessions.
pub(crate) const CHECKOUT_STATUSES: [&str; 3] = ["complete", "expired", "open"];

/// Parameters of `GET /v1/events` that are simulated.
pub(crate) const EVENTS: &[&str] = &[
    "created",
    "created[gt]",
    "created[gte]",
    "created[lt]",
    "created[lte]",
    "ending_before",
    "limit",
    "starting_after",
    "type",
    "types[]",
];

/// Parameters of `GET /v1/account`.
pub(crate) const ACCOUNT: &[&str] = &["expand[]"];

/// Parameters of `GET /v1/billing_portal/configurations/{id}`.
pub(crate) const CONFIGURATION: &[&str] = &["expand[]"];

/// Parameters of `GET /v1/billing_portal/configurations`.
pub(crate) const CONFIGURATIONS: &[&str] =
    &["active", "ending_before", "expand[]", "is_default", "limit", "starting_after"];

/// Parameters of `POST /v1/billing_portal/sessions`.
pub(crate) const SESSION: &[&str] = &[
    "configuration",
    "customer",
    "customer_account",
    "expand[]",
    "flow_data[type]",
    "flow_data[after_completion][type]",
    "flow_data[after_completion][redirect][return_url]",
    "flow_data[after_completion][hosted_confirmation][custom_message]",
    "flow_data[subscription_cancel][subscription]",
    "flow_data[subscription_cancel][retention][type]",
    "flow_data[subscription_cancel][retention][coupon_offer][coupon]",
    "flow_data[subscription_update][subscription]",
    "flow_data[subscription_update_confirm][subscription]",
    "flow_data[subscription_update_confirm][items][][id]",
    "flow_data[subscription_update_confirm][items][][price]",
    "flow_data[subscription_update_confirm][items][][quantity]",
    "flow_data[subscription_update_confirm][discounts][][coupon]",
    "flow_data[subscription_update_confirm][discounts][][promotion_code]",
    "locale",
    "on_behalf_of",
    "return_url",
];

/// Values of `locale`.
pub(crate) const LOCALES: [&str; 47] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-SG", "es",
    "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl",
    "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];
