//! `GET /v1/customers/{id}`: <https://docs.stripe.com/api/customers/retrieve>.

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
    let mut object = object(customer);
    for (member, value) in expandable(id) {
        if let Some(object) = object.as_object_mut().filter(|_| expanded.contains(&member)) {
            object.insert(member.to_owned(), value);
        }
    }
    Ok(object)
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
