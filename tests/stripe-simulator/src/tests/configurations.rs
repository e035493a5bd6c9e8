//! `GET /v1/billing_portal/configurations` and `/{id}`.

use serde_json::{Value, json};

use super::{Account, SESSIONS, refusal};
use crate::{Configuration, Feature, Mode};

const PATH: &str = "/v1/billing_portal/configurations";

/// Returns the IDs of a page, and whether there are more.
async fn page(account: &Account, query: &str) -> (Vec<String>, bool) {
    let list = account.get(&format!("{PATH}?{query}")).await.json();
    assert_eq!((&list["object"], &list["url"]), (&json!("list"), &json!(PATH)), "{list}");
    let ids = list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
    (ids.collect(), list["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn retrieve_returns_every_documented_member() {
    let account = Account::new().await;
    let configuration = Configuration::new("bpc_full").name("Full").price("price_2").metadata("team", "billing");
    let configuration = configuration.allowed_updates(&["email"]).login_page(true).without(Feature::InvoiceHistory);
    account.stripe.add_configuration(configuration.active(false));
    let mut retrieved = account.get(&format!("{PATH}/bpc_full")).await.json();
    let times = [retrieved["created"].take(), retrieved["updated"].take()].map(|time| time.as_u64().unwrap());
    assert!(times.iter().all(|time| *time > 1_700_000_000), "{times:?}");
    let url = format!("{}/p/login/test_full", account.stripe.base_url());
    let expected = json!({
        "id": "bpc_full", "object": "billing_portal.configuration", "active": false, "application": null,
        "business_profile": {"headline": null, "privacy_policy_url": null, "terms_of_service_url": null},
        "created": null, "default_return_url": null,
        "features": {
            "customer_update": {"allowed_updates": ["email"], "enabled": true},
            "invoice_history": {"enabled": false},
            "payment_method_update": {"enabled": true, "payment_method_configuration": null},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": false, "feedback_options": null, "options": ["too_expensive", "other"]},
                "enabled": true, "mode": "at_period_end", "proration_behavior": "none",
            },
            "subscription_update": {
                "billing_cycle_anchor": "unchanged", "default_allowed_updates": ["price", "quantity"], "enabled": true,
                "proration_behavior": "none", "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": false, "livemode": false, "login_page": {"enabled": true, "url": url},
        "metadata": {"team": "billing"}, "name": "Full", "updated": null,
    });
    assert_eq!(retrieved, expected);
    let products = account.get(&format!("{PATH}/bpc_full?expand[]=features.subscription_update.products")).await.json();
    assert_eq!(products["features"]["subscription_update"]["products"][0]["prices"], json!(["price_2"]));
}

#[tokio::test]
async fn list_is_newest_first_and_limited_to_mode() {
    let account = Account::new().await;
    account.stripe.add_configuration(Configuration::new("bpc_live").mode(Mode::Live));
    account.stripe.add_configuration(Configuration::new("bpc_2").active(false));
    let all = ["bpc_2", "bpc_1", "bpc_default"].map(str::to_owned);
    assert_eq!(page(&account, "").await, (all.to_vec(), false));
    assert_eq!(page(&account, "active=true").await.0, all[1..]);
    assert_eq!(page(&account, "active=false").await.0, all[..1]);
    // The later default replaced the first one.
    assert_eq!(page(&account, "is_default=true").await.0, all[1..2]);
    assert_eq!(page(&account, "is_default=false&active=true").await.0, all[2..]);
    // A replaced configuration keeps its position.
    account.stripe.add_configuration(Configuration::new("bpc_default"));
    assert_eq!(page(&account, "").await.0, all);
    account.stripe.remove_configurations(Mode::Test);
    assert_eq!(page(&account, "").await, (Vec::new(), false));
}

#[tokio::test]
async fn list_is_paginated_in_both_directions() {
    let account = Account::new().await;
    account.stripe.remove_configurations(Mode::Test);
    for number in 1..=12 {
        account.stripe.add_configuration(Configuration::new(&format!("bpc_{number}")));
    }
    let ids =
        |range: std::ops::RangeInclusive<u32>| range.rev().map(|number| format!("bpc_{number}")).collect::<Vec<_>>();
    assert_eq!(page(&account, "").await, (ids(3..=12), true));
    assert_eq!(page(&account, "limit=100").await, (ids(1..=12), false));
    assert_eq!(page(&account, "limit=5&starting_after=bpc_8").await, (ids(3..=7), true));
    assert_eq!(page(&account, "limit=5&starting_after=bpc_3").await, (ids(1..=2), false));
    assert_eq!(page(&account, "limit=5&ending_before=bpc_7").await, (ids(8..=12), false));
    assert_eq!(page(&account, "limit=2&ending_before=bpc_7").await, (ids(8..=9), true));
    assert_eq!(page(&account, "starting_after=bpc_1").await, (Vec::new(), false));
}

#[tokio::test]
async fn list_refuses_invalid_parameters() {
    let account = Account::new().await;
    for (query, code, param) in [
        ("limit=0", "", "limit"),
        ("limit=101", "", "limit"),
        ("limit=ten", "parameter_invalid_integer", "limit"),
        ("limit=", "parameter_invalid_empty", "limit"),
        ("active=yes", "", "active"),
        ("is_default=1", "", "is_default"),
        ("starting_after=bpc_X", "resource_missing", "starting_after"),
        ("ending_before=bpc_X", "resource_missing", "ending_before"),
        ("starting_after=bpc_1&ending_before=bpc_1", "parameters_exclusive", "ending_before"),
        ("customer=cus_A", "parameter_unknown", "customer"),
        ("expand[]=application", "", ""),
        ("expand[]=data.url", "", ""),
    ] {
        let response = account.get(&format!("{PATH}?{query}")).await;
        assert_eq!(response.refusal(), refusal(400, code, param), "{query}");
    }
    assert_eq!(account.get(&format!("{PATH}?expand[]=data.application")).await.status, 200);
}

#[tokio::test]
async fn retrieve_refuses_unknown_configuration_and_other_mode() {
    let account = Account::new().await;
    account.stripe.add_configuration(Configuration::new("bpc_live").mode(Mode::Live));
    let response = account.get(&format!("{PATH}/bpc_X")).await;
    assert_eq!(response.refusal(), refusal(404, "resource_missing", "configuration"));
    assert_eq!(response.message(), "No such configuration: 'bpc_X'");
    let response = account.get(&format!("{PATH}/bpc_live")).await;
    assert!(response.message().contains("a similar object exists in live mode"), "{}", response.text);
    assert_eq!(account.get(&format!("{PATH}/")).await.status, 404);
    assert_eq!(account.get(&format!("{PATH}/bpc_1?expand[]=products")).await.refusal(), refusal(400, "", ""));
}

#[tokio::test]
async fn session_expands_configuration_on_request() {
    let account = Account::new().await;
    let expanded = account.post("customer=cus_A&expand[]=configuration").await.json();
    assert_eq!(expanded["configuration"], account.get(&format!("{PATH}/bpc_1")).await.json());
    let products = "configuration.features.subscription_update.products";
    let nested = account.post(&format!("customer=cus_A&expand[]={products}")).await.json();
    assert!(nested["configuration"]["features"]["subscription_update"]["products"].is_array());
    for path in ["url", "configuration.id", "data.configuration"] {
        let response = account.post(&format!("customer=cus_A&expand[]={path}")).await;
        assert_eq!((response.status, response.message()), (400, format!("This property cannot be expanded ({path}).")));
    }
    assert_eq!(account.get(SESSIONS).await.status, 404);
    assert_eq!(account.post("customer=cus_A").await.json()["configuration"], Value::from("bpc_1"));
}
