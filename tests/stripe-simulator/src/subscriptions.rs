//! `GET /v1/subscriptions`: <https://docs.stripe.com/api/subscriptions/list>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::Form,
    list::{self, Page},
    model::{Item, Mode, Subscription},
    parameters,
    state::State,
};

/// Lists subscriptions, newest first. Without a status, canceled ones are left out.
pub(crate) fn list(state: &State, mode: Mode, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::SUBSCRIPTIONS)?;
    let customer = list::customer(state, mode, &form)?;
    let status = form.optional("status")?;
    if status.is_some_and(|status| !parameters::SUBSCRIPTION_STATUSES.contains(&status)) {
        return Err(Error::one_of("status", &parameters::SUBSCRIPTION_STATUSES));
    }
    let has_status = |found: &Subscription| match status {
        Some("all") => true,
        Some("ended") => ["canceled", "incomplete_expired"].contains(&found.status.as_str()),
        Some(status) => found.status == status,
        None => found.status != "canceled",
    };
    let page = Page::of(&form)?;
    let mut found: Vec<&Subscription> = state
        .subscriptions
        .values()
        .filter(|found| found.mode == mode && has_status(found))
        .filter(|found| customer.is_none_or(|customer| found.customer == customer))
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.position));
    let objects = found.into_iter().map(|found| (found.id.as_str(), object(found))).collect();
    page.select("/v1/subscriptions", "subscription", objects)
}

const CREATED: u64 = 1_700_000_000;
const PERIOD_END: u64 = 1_702_592_000;

/// The documented members of a subscription that are always null here.
const NULL_MEMBERS: [&str; 25] = [
    "application",
    "application_fee_percent",
    "billing_cycle_anchor_config",
    "billing_thresholds",
    "cancel_at",
    "customer_account",
    "days_until_due",
    "default_payment_method",
    "default_source",
    "description",
    "latest_invoice",
    "managed_payments",
    "next_pending_invoice_item_invoice",
    "on_behalf_of",
    "pause_collection",
    "payment_settings",
    "pending_invoice_item_interval",
    "pending_setup_intent",
    "pending_update",
    "schedule",
    "test_clock",
    "transfer_data",
    "trial_end",
    "trial_settings",
    "trial_start",
];

fn object(subscription: &Subscription) -> Value {
    let Subscription { id, customer, mode, items, status, metadata, .. } = subscription;
    let items: Vec<Value> = items.iter().map(|item| item_object(item, subscription)).collect();
    let ended = (status == "canceled").then_some(PERIOD_END);
    let mut object = json!({
        "id": id,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
        "billing_cycle_anchor": CREATED,
        "billing_mode": {"flexible": null, "type": "classic"},
        "billing_schedules": [],
        "cancel_at_period_end": false,
        "canceled_at": ended,
        "cancellation_details": {"comment": null, "feedback": null, "feedback_option": null, "reason": null},
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "usd",
        "customer": customer,
        "default_tax_rates": [],
        "discounts": [],
        "ended_at": ended,
        "invoice_settings": {
            "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": {"type": "self"},
        },
        "items": {
            "object": "list", "data": items, "has_more": false, "url": format!("/v1/subscription_items?subscription={id}"),
        },
        "livemode": *mode == Mode::Live,
        "metadata": list::metadata(metadata),
        "start_date": CREATED,
        "status": status,
    });
    list::add_nulls(&mut object, &NULL_MEMBERS);
    object
}

fn item_object(item: &Item, subscription: &Subscription) -> Value {
    let livemode = subscription.mode == Mode::Live;
    let plan = json!({
        "id": item.price, "object": "plan", "active": true, "amount": null, "amount_decimal": null,
        "billing_scheme": "per_unit", "created": CREATED, "currency": "usd", "interval": "month", "interval_count": 1,
        "livemode": livemode, "metadata": {}, "meter": null, "nickname": null, "product": "prod_Simulated",
        "tiers_mode": null, "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
    });
    let price = json!({
        "id": item.price, "object": "price", "active": true, "billing_scheme": "per_unit", "created": CREATED,
        "currency": "usd", "custom_unit_amount": null, "livemode": livemode, "lookup_key": null, "metadata": {},
        "nickname": null, "product": "prod_Simulated",
        "recurring": {
            "interval": "month", "interval_count": 1, "meter": null, "trial_period_days": null, "usage_type": "licensed",
        },
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null, "type": "recurring",
        "unit_amount": null, "unit_amount_decimal": null,
    });
    json!({
        "id": item.id, "object": "subscription_item", "billing_thresholds": null, "created": CREATED,
        "current_period_end": PERIOD_END, "current_period_start": CREATED, "current_trial": null, "discounts": [],
        "metadata": {}, "plan": plan, "price": price, "quantity": item.quantity, "subscription": subscription.id,
        "tax_rates": [],
    })
}
