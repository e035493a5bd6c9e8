//! Flows of `POST /v1/billing_portal/sessions`.

use serde_json::{Value, json};

use super::{Account, refusal};
use crate::{Configuration, Feature};

const CONFIRM: &str =
    "flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=sub_A";
const ITEMS: &str = "flow_data[subscription_update_confirm][items]";

fn cancel(subscription: &str) -> String {
    format!("flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]={subscription}")
}

async fn flow(account: &Account, parameters: &str) -> Value {
    let response = account.post(&format!("customer=cus_A&{parameters}")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()["flow"].take()
}

#[tokio::test]
async fn each_flow_has_every_documented_member() {
    let account = Account::new().await;
    let flows = [
        ("flow_data[type]=payment_method_update".to_owned(), "payment_method_update", Value::Null),
        ("flow_data[type]=customer_update".to_owned(), "customer_update", json!({})),
        (cancel("sub_A"), "subscription_cancel", json!({"retention": null, "subscription": "sub_A"})),
        (cancel("sub_A").replace("_cancel", "_update"), "subscription_update", json!({"subscription": "sub_A"})),
        (
            format!("{CONFIRM}&{ITEMS}[0][id]=si_A&{ITEMS}[0][price]=price_2&{ITEMS}[0][quantity]=3"),
            "subscription_update_confirm",
            json!({"discounts": null, "items": [{"id": "si_A", "price": "price_2", "quantity": 3}], "subscription": "sub_A"}),
        ),
    ];
    for (parameters, kind, details) in flows {
        let mut expected = json!({
            "after_completion": {"hosted_confirmation": null, "redirect": null, "type": "portal_homepage"},
            "customer_update": null, "subscription_cancel": null, "subscription_update": null,
            "subscription_update_confirm": null, "type": kind,
        });
        if !details.is_null() {
            expected[kind] = details;
        }
        assert_eq!(flow(&account, &parameters).await, expected);
    }
    let pushed = flow(&account, &format!("{CONFIRM}&{ITEMS}[][id]=si_A&{ITEMS}[][quantity]=0")).await;
    let items = json!([{"id": "si_A", "price": null, "quantity": 0}]);
    assert_eq!(pushed["subscription_update_confirm"]["items"], items);
}

#[tokio::test]
async fn session_returns_after_completion_of_flow() {
    let account = Account::new().await;
    let after = "flow_data[type]=payment_method_update&flow_data[after_completion]";
    let redirect = format!("{after}[type]=redirect&flow_data[after_completion][redirect][return_url]=https://a.test/");
    let redirected = flow(&account, &redirect).await;
    let expected =
        json!({"hosted_confirmation": null, "redirect": {"return_url": "https://a.test/"}, "type": "redirect"});
    assert_eq!(redirected["after_completion"], expected);
    let confirmed = format!(
        "{after}[type]=hosted_confirmation&flow_data[after_completion][hosted_confirmation][custom_message]=Bye"
    );
    let confirmed = flow(&account, &confirmed).await;
    assert_eq!(confirmed["after_completion"]["hosted_confirmation"], json!({"custom_message": "Bye"}));
    for (parameters, code, param) in [
        ("[type]=home", "", "[type]"),
        ("[type]=redirect", "parameter_missing", "[redirect][return_url]"),
        ("[redirect][return_url]=https://a.test/", "parameter_missing", "[type]"),
        ("[type]=portal_homepage&flow_data[after_completion][redirect][return_url]=https://a.test/", "", "[redirect]"),
        (
            "[type]=redirect&flow_data[after_completion][redirect][return_url]=x",
            "url_invalid",
            "[redirect][return_url]",
        ),
    ] {
        let response = account.post(&format!("customer=cus_A&{after}{parameters}")).await;
        assert_eq!(
            response.refusal(),
            refusal(400, code, &format!("flow_data[after_completion]{param}")),
            "{parameters}"
        );
    }
}

#[tokio::test]
async fn refuses_malformed_flow() {
    let account = Account::new().await;
    for (parameters, code, param) in [
        ("flow_data=x".to_owned(), "", "flow_data"),
        ("flow_data[]=x".to_owned(), "parameter_unknown", "flow_data[]"),
        ("flow_data[type]=".to_owned(), "parameter_invalid_empty", "flow_data[type]"),
        ("flow_data[type]=other".to_owned(), "", "flow_data[type]"),
        ("flow_data[type][x]=other".to_owned(), "", "flow_data[type][x]"),
        ("flow_data[customer_update][x]=1".to_owned(), "parameter_unknown", "flow_data[customer_update][x]"),
        (
            "flow_data[type]=subscription_cancel".to_owned(),
            "parameter_missing",
            "flow_data[subscription_cancel][subscription]",
        ),
        (
            cancel("sub_A").replace("[type]=subscription_cancel", "[type]=customer_update"),
            "",
            "flow_data[subscription_cancel]",
        ),
        (
            format!("{}&flow_data[subscription_update][subscription]=sub_A", cancel("sub_A")),
            "",
            "flow_data[subscription_update]",
        ),
        ("flow_data[subscription_cancel][subscription]=sub_A".to_owned(), "parameter_missing", "flow_data[type]"),
        (format!("{CONFIRM}&{ITEMS}=x"), "", ITEMS),
        (format!("{CONFIRM}&{ITEMS}[id]=si_A"), "", ITEMS),
        (CONFIRM.to_owned(), "", ITEMS),
        (
            format!("{CONFIRM}&{ITEMS}[0][price]=price_2"),
            "parameter_missing",
            "flow_data[subscription_update_confirm][items][0][id]",
        ),
        (format!("{CONFIRM}&{ITEMS}[0][id]=si_A&{ITEMS}[1][id]=si_B"), "", ITEMS),
        (format!("{CONFIRM}&{ITEMS}[1][id]=si_A"), "", ITEMS),
        (format!("{CONFIRM}&{ITEMS}[0][id]=si_A&{ITEMS}[][quantity]=1"), "", ITEMS),
    ] {
        let response = account.post(&format!("customer=cus_A&{parameters}")).await;
        assert_eq!(response.refusal(), refusal(400, code, param), "{parameters}");
    }
}

#[tokio::test]
async fn quantity_must_be_an_integer() {
    let account = Account::new().await;
    for quantity in ["many", "-1", "%2B1", "1.5", "99999999999999999999"] {
        let body = format!("customer=cus_A&{CONFIRM}&{ITEMS}[0][id]=si_A&{ITEMS}[0][quantity]={quantity}");
        let param = format!("{ITEMS}[0][quantity]");
        assert_eq!(
            account.post(&body).await.refusal(),
            refusal(400, "parameter_invalid_integer", &param),
            "{quantity}"
        );
    }
}

#[tokio::test]
async fn refuses_subscription_item_or_price_not_available_to_customer() {
    let account = Account::new().await;
    let subscription = "flow_data[subscription_cancel][subscription]";
    for id in ["sub_X", "sub_B", "sub_L"] {
        let response = account.post(&format!("customer=cus_A&{}", cancel(id))).await;
        assert_eq!(response.refusal(), refusal(400, "resource_missing", subscription), "{id}");
        assert!(response.message().starts_with(&format!("No such subscription: '{id}'")));
        assert_eq!(response.message().contains("exists in live mode"), id == "sub_L");
    }
    let response = account.post(&format!("customer=cus_A&{CONFIRM}&{ITEMS}[0][id]=si_B")).await;
    assert_eq!(response.refusal(), refusal(400, "resource_missing", &format!("{ITEMS}[0][id]")));
    let response =
        account.post(&format!("customer=cus_A&{CONFIRM}&{ITEMS}[0][id]=si_A&{ITEMS}[0][price]=price_1")).await;
    assert_eq!(response.refusal(), refusal(400, "", &format!("{ITEMS}[0][price]")));
    let two = cancel("sub_two").replace("_cancel", "_update");
    let response = account.post(&format!("customer=cus_A&{two}")).await;
    assert_eq!(response.refusal(), refusal(400, "", "flow_data[subscription_update][subscription]"));
    flow(&account, &cancel("sub_two")).await;
}

#[tokio::test]
async fn coupon_parameters_are_known_but_coupons_are_missing() {
    let account = Account::new().await;
    let retention = "flow_data[subscription_cancel][retention]";
    let response = account.post(&format!("customer=cus_A&{}&{retention}[type]=coupon_offer", cancel("sub_A"))).await;
    assert_eq!(response.refusal(), refusal(400, "parameter_missing", &format!("{retention}[coupon_offer][coupon]")));
    let response = account
        .post(&format!(
            "customer=cus_A&{}&{retention}[type]=coupon_offer&{retention}[coupon_offer][coupon]=half",
            cancel("sub_A")
        ))
        .await;
    assert_eq!(response.refusal(), refusal(400, "resource_missing", &format!("{retention}[coupon_offer][coupon]")));
    let discount = "flow_data[subscription_update_confirm][discounts][0]";
    for member in ["coupon", "promotion_code"] {
        let response =
            account.post(&format!("customer=cus_A&{CONFIRM}&{ITEMS}[0][id]=si_A&{discount}[{member}]=half")).await;
        assert_eq!(response.refusal(), refusal(400, "resource_missing", &format!("{discount}[{member}]")));
    }
}

#[tokio::test]
async fn refuses_flow_of_disabled_feature() {
    let account = Account::new().await;
    for (feature, parameters) in [
        (Feature::PaymentMethodUpdate, "flow_data[type]=payment_method_update".to_owned()),
        (Feature::CustomerUpdate, "flow_data[type]=customer_update".to_owned()),
        (Feature::SubscriptionCancel, cancel("sub_A")),
        (Feature::SubscriptionUpdate, cancel("sub_A").replace("_cancel", "_update")),
        (Feature::SubscriptionUpdate, format!("{CONFIRM}&{ITEMS}[0][id]=si_A")),
    ] {
        account.stripe.add_configuration(Configuration::new("bpc_less").without(feature));
        let response = account.post(&format!("customer=cus_A&configuration=bpc_less&{parameters}")).await;
        assert_eq!(response.refusal(), refusal(400, "", "flow_data[type]"), "{parameters}");
        assert!(response.message().ends_with("feature in the portal configuration is disabled."));
    }
}
