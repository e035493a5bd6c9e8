//! `GET /v1/account`, the account of the key: <https://docs.stripe.com/api/accounts/retrieve>.

use serde_json::{Value, json};

use crate::{error::Error, expand, form::Form, parameters, state::State};

/// Returns the members that an account can read of itself. The account has no mode: keys of both modes get the same object.
pub(crate) fn retrieve(state: &State, query: &str) -> Result<Value, Error> {
    expand::requested(&Form::parse(query, parameters::ACCOUNT)?, "", expand::ACCOUNT)?;
    Ok(json!({
        "id": state.account_id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null,
            "estimated_worker_count": null,
            "mcc": "5734",
            "minority_owned_business_designation": null,
            "name": state.account_name,
            "product_description": null,
            "specified_commercial_transactions_act_url": null,
            "support_address": null,
            "support_email": null,
            "support_phone": null,
            "support_url": null,
            "url": null,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": true,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": true,
        "email": "billing@example.com",
        "metadata": {},
        "payouts_enabled": true,
        "settings": settings(&state.account_name),
        "type": "standard",
    }))
}

fn settings(name: &str) -> Value {
    json!({
        "branding": {"icon": null, "logo": null, "primary_color": null, "secondary_color": null},
        "card_issuing": {"tos_acceptance": {"date": null, "ip": null}},
        "card_payments": {
            "decline_on": {"avs_failure": false, "cvc_failure": false},
            "statement_descriptor_prefix": null,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
        "dashboard": {"display_name": name, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": null, "hosted_payment_method_save": "offer"},
        "payments": {
            "statement_descriptor": null,
            "statement_descriptor_kana": null,
            "statement_descriptor_kanji": null,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
        "payouts": {
            "debit_negative_balances": false,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": null,
        },
        "sepa_debit_payments": {},
    })
}
