//! `GET /v1/billing_portal/configurations` and `/{id}`:
//! <https://docs.stripe.com/api/customer_portal/configurations>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    expand,
    form::Form,
    list::Page,
    model::{Configuration, Feature, Mode},
    parameters,
    state::{State, other_mode_with},
};

/// Lists configurations, newest first like every list at Stripe.
pub(crate) fn list(state: &State, mode: Mode, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::CONFIGURATIONS)?;
    let (active, is_default) = (form.boolean("active")?, form.boolean("is_default")?);
    let expanded = expand::requested(&form, "data.", expand::CONFIGURATION)?;
    let page = Page::of(&form)?;
    let mut found: Vec<&Configuration> = state
        .configurations
        .iter()
        .filter(|((other, _), _)| *other == mode)
        .map(|(_, configuration)| configuration)
        .filter(|found| active.is_none_or(|active| active == found.active))
        .filter(|found| is_default.is_none_or(|is_default| is_default == state.is_default(found)))
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.added.map(|added| added.position)));
    let objects = found.iter().map(|found| (found.id.as_str(), object(state, found, &expanded))).collect();
    page.select("/v1/billing_portal/configurations", "configuration", objects)
}

pub(crate) fn retrieve(state: &State, mode: Mode, id: &str, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::CONFIGURATION)?;
    let expanded = expand::requested(&form, "", expand::CONFIGURATION)?;
    match state.configurations.get(&(mode, id.to_owned())) {
        Some(found) => Ok(object(state, found, &expanded)),
        None => {
            let other_mode = other_mode_with(&state.configurations, mode, id);
            Err(Error::missing(404, "configuration", id, "configuration", other_mode))
        }
    }
}

/// Returns a configuration with every documented member. `expanded` names the members that are returned only on request.
pub(crate) fn object(state: &State, configuration: &Configuration, expanded: &[&str]) -> Value {
    let metadata: serde_json::Map<String, Value> =
        configuration.metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let login_page = configuration.login_page.then(|| {
        let mode = if configuration.mode == Mode::Test { "test_" } else { "" };
        format!("{}/p/login/{mode}{}", state.portal_origin, configuration.id.trim_start_matches("bpc_"))
    });
    json!({
        "id": configuration.id,
        "object": "billing_portal.configuration",
        "active": configuration.active,
        "application": null,
        "business_profile": {"headline": null, "privacy_policy_url": null, "terms_of_service_url": null},
        "created": configuration.added.map_or(0, |added| added.created),
        "default_return_url": null,
        "features": features(configuration, expanded),
        "is_default": state.is_default(configuration),
        "livemode": configuration.mode == Mode::Live,
        "login_page": {"enabled": configuration.login_page, "url": login_page},
        "metadata": metadata,
        "name": configuration.name,
        "updated": configuration.added.map_or(0, |added| added.updated),
    })
}

fn features(configuration: &Configuration, expanded: &[&str]) -> Value {
    let enabled = |feature| !configuration.disabled.contains(&feature);
    let updates: &[&str] = if configuration.prices.is_empty() { &[] } else { &["price", "quantity"] };
    let mut update = json!({
        "billing_cycle_anchor": "unchanged",
        "default_allowed_updates": updates,
        "enabled": enabled(Feature::SubscriptionUpdate),
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    });
    if let Some(update) = update.as_object_mut().filter(|_| expanded.contains(&expand::PRODUCTS)) {
        update.insert("products".to_owned(), products(configuration));
    }
    json!({
        "customer_update": {"allowed_updates": configuration.allowed_updates, "enabled": enabled(Feature::CustomerUpdate)},
        "invoice_history": {"enabled": enabled(Feature::InvoiceHistory)},
        "payment_method_update": {
            "enabled": enabled(Feature::PaymentMethodUpdate),
            "payment_method_configuration": null,
        },
        "subscription_cancel": {
            "cancellation_reason": {"enabled": false, "feedback_options": null, "options": ["too_expensive", "other"]},
            "enabled": enabled(Feature::SubscriptionCancel),
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": update,
    })
}

/// Returns one product with all prices: the simulated account has no products.
fn products(configuration: &Configuration) -> Value {
    if configuration.prices.is_empty() {
        return json!([]);
    }
    let quantity = json!({"enabled": true, "maximum": null, "minimum": 1});
    json!([{"adjustable_quantity": quantity, "prices": configuration.prices, "product": "prod_Simulated"}])
}
