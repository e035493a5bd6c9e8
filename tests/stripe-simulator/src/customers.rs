//! `GET /v1/customers/{id}`: <https://docs.stripe.com/api/customers/retrieve>.

use serde_json::{Value, json};

use crate::{
    error::Error,
    form::Form,
    model::{Customer, Mode},
    parameters,
    state::{State, elsewhere},
};

pub(crate) fn retrieve(state: &State, mode: Mode, id: &str, query: &str) -> Result<Value, Error> {
    Form::parse(query, parameters::CUSTOMER)?;
    let Some(customer) = state.customers.get(&(mode, id.to_owned())) else {
        return Err(Error::missing(404, "customer", id, "id", elsewhere(&state.customers, mode, id)));
    };
    if customer.deleted {
        return Ok(json!({"id": id, "object": "customer", "deleted": true}));
    }
    Ok(object(customer))
}

fn object(customer: &Customer) -> Value {
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
