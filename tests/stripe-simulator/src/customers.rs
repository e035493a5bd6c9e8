//! `GET /v1/customers/{id}` and `POST /v1/customers/{id}`: <https://docs.stripe.com/api/customers/retrieve>,
//! <https://docs.stripe.com/api/customers/update>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    expand,
    form::Form,
    model::{Customer, Mode},
    parameters,
    state::{State, other_mode_with},
};

pub(crate) fn retrieve(state: &State, mode: Mode, id: &str, query: &str) -> Result<Value, Error> {
    let form = Form::parse(query, parameters::CUSTOMER)?;
    let expanded = expand::requested(&form, "", expand::CUSTOMER)?;
    let Some(customer) = state.customers.get(&(mode, id.to_owned())) else {
        return Err(Error::missing(404, "customer", id, "id", other_mode_with(&state.customers, mode, id)));
    };
    if customer.deleted {
        return Ok(json!({"id": id, "object": "customer", "deleted": true}));
    }
    Ok(expanded_object(customer, &expanded))
}

/// Stripe's limits: <https://docs.stripe.com/api/metadata>.
const MAX_KEYS: usize = 50;
const MAX_KEY_LENGTH: usize = 40;
const MAX_VALUE_LENGTH: usize = 500;

pub(crate) fn update(state: &mut State, mode: Mode, id: &str, form: &Form) -> Result<Value, Error> {
    let expanded = expand::requested(form, "", expand::CUSTOMER)?;
    let other_mode = other_mode_with(&state.customers, mode, id);
    let found = state.customers.get_mut(&(mode, id.to_owned()));
    let Some(customer) = found.filter(|customer| !customer.deleted) else {
        return Err(Error::missing(404, "customer", id, "id", other_mode));
    };
    let metadata = updated_metadata(&customer.metadata, form)?;
    // An empty value removes what it is for.
    let updated = |before: &Option<String>, name: &str| {
        form.get(name).map_or_else(|| before.clone(), |text| (!text.is_empty()).then(|| text.to_owned()))
    };
    (customer.name, customer.email) = (updated(&customer.name, "name"), updated(&customer.email, "email"));
    customer.metadata = metadata;
    Ok(expanded_object(customer, &expanded))
}

fn updated_metadata(before: &[(String, String)], form: &Form) -> Result<Vec<(String, String)>, Error> {
    let mut metadata = match form.get("metadata") {
        None => before.to_vec(),
        Some("") => Vec::new(),
        Some(_) => return Err(Error::not_a("object", "metadata")),
    };
    for (key, value) in form.entries("metadata") {
        // Stripe documents only the limits, not these messages.
        let refused = |what: &str, limit: usize| {
            let message = format!("Metadata {what} can be at most {limit} characters long.");
            Err(Error::invalid(400, message).param(&format!("metadata[{key}]")))
        };
        if key.chars().count() > MAX_KEY_LENGTH {
            return refused("keys", MAX_KEY_LENGTH);
        }
        if value.chars().count() > MAX_VALUE_LENGTH {
            return refused("values", MAX_VALUE_LENGTH);
        }
        metadata.retain(|(other, _)| other != key);
        if !value.is_empty() {
            metadata.push((key.to_owned(), value.to_owned()));
        }
    }
    if metadata.len() > MAX_KEYS {
        return Err(Error::invalid(400, format!("Metadata can have at most {MAX_KEYS} keys.")).param("metadata"));
    }
    Ok(metadata)
}

fn expanded_object(customer: &Customer, expanded: &[&str]) -> Value {
    let mut object = object(customer);
    for (member, value) in expandable(&customer.id) {
        if let Some(object) = object.as_object_mut().filter(|_| expanded.contains(&member)) {
            object.insert(member.to_owned(), value);
        }
    }
    object
}

/// Returns the members that are returned only on request.
fn expandable(id: &str) -> [(&'static str, Value); 5] {
    let list = |name: &str| json!({"object": "list", "data": [], "has_more": false, "url": format!("/v1/customers/{id}/{name}")});
    let tax = json!({"automatic_tax": "not_collecting", "ip_address": null, "location": null, "provider": "stripe"});
    [
        ("cash_balance", Value::Null),
        ("invoice_credit_balance", json!({})),
        ("sources", list("sources")),
        ("tax", tax),
        ("tax_ids", list("tax_ids")),
    ]
}

pub(crate) fn object(customer: &Customer) -> Value {
    let metadata: serde_json::Map<String, Value> =
        customer.metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    json!({
        "id": customer.id,
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": 1_700_000_000,
        "currency": "usd",
        "customer_account": null,
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": customer.email,
        "invoice_prefix": "0000000",
        "invoice_settings": {"custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null},
        "livemode": customer.mode == Mode::Live,
        "metadata": metadata,
        "name": customer.name,
        "next_invoice_sequence": 1,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}
