//! `POST /v1/billing_portal/sessions`, without flows.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Account, FORM, SESSIONS, refusal};
use crate::{Configuration, Mode};

#[tokio::test]
async fn session_has_every_documented_member() {
    let account = Account::new().await;
    let session = account.post("customer=cus_A&return_url=https%3A%2F%2Fapp.test%2F&locale=pt-BR").await.json();
    let object = session.as_object().unwrap();
    assert!(object["id"].as_str().unwrap().starts_with("bps_1"));
    assert!(object["created"].as_u64().unwrap() > 1_700_000_000);
    let url = format!("{}/p/session/test_", account.stripe.base_url());
    assert!(object["url"].as_str().unwrap().starts_with(&url));
    let mut rest = object.clone();
    rest.retain(|name, _| !["id", "created", "url"].contains(&name.as_str()));
    let expected = json!({
        "object": "billing_portal.session", "configuration": "bpc_1", "customer": "cus_A", "customer_account": null,
        "flow": null, "livemode": false, "locale": "pt-BR", "on_behalf_of": null, "return_url": "https://app.test/",
    });
    assert_eq!(Value::Object(rest), expected);
    let live = account.post_in(Mode::Live, "customer=cus_L", &[]).await.json();
    assert_eq!((&live["livemode"], &live["locale"], &live["return_url"]), (&json!(true), &json!(null), &json!(null)));
    assert!(live["url"].as_str().unwrap().contains("/p/session/live_"));
}

#[tokio::test]
async fn each_session_has_unique_url() {
    let account = Account::new().await;
    let mut urls = HashSet::new();
    for _ in 0..20 {
        urls.insert(account.post("customer=cus_A").await.json()["url"].as_str().unwrap().to_owned());
    }
    assert_eq!(urls.len(), 20);
}

#[tokio::test]
async fn refuses_invalid_parameters() {
    let account = Account::new().await;
    for (body, code, param) in [
        ("", "parameter_missing", "customer"),
        ("return_url=https://a.test/", "parameter_missing", "customer"),
        ("customer=", "parameter_invalid_empty", "customer"),
        ("customer=cus_A&customer=cus_A", "", "customer"),
        ("customer[id]=cus_A", "", "customer[id]"),
        ("customer=cus_A&coupon=x", "parameter_unknown", "coupon"),
        ("customer=cus_A&Locale=de", "parameter_unknown", "Locale"),
        ("customer=cus_A&locale=xx", "", "locale"),
        ("customer=cus_A&locale=DE", "", "locale"),
        ("customer=cus_A&on_behalf_of=acct_1", "", "on_behalf_of"),
        ("customer=cus_A&customer_account=acct_1", "", "customer_account"),
        ("customer=cus_A&expand=url", "", "expand"),
        ("customer=cus_A&return_url[", "", "return_url["),
        ("customer=cus_A&return_url=%zz", "", ""),
    ] {
        assert_eq!(account.post(body).await.refusal(), refusal(400, code, param), "{body}");
    }
    assert_eq!(account.post("customer=cus_A&locale=").await.json()["locale"], json!(null));
    assert_eq!(account.post("customer=cus_A&x=1").await.message(), "Received unknown parameter: x");
    assert_eq!(account.post("").await.message(), "Missing required param: customer.");
}

#[tokio::test]
async fn parses_query_like_body() {
    let account = Account::new().await;
    let bearer = account.bearer(Mode::Test);
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    for (query, code, param) in [("x=1", "parameter_unknown", "x"), ("customer=cus_A", "", "customer")] {
        let response = account.send("POST", &format!("{SESSIONS}?{query}"), &headers, "customer=cus_A").await;
        assert_eq!(response.refusal(), refusal(400, code, param));
    }
}

#[tokio::test]
async fn refuses_body_that_is_not_a_form() {
    let account = Account::new().await;
    let bearer = account.bearer(Mode::Test);
    for content_type in ["application/json", "text/plain; charset=utf-8", "multipart/form-data", ""] {
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        let response = account.send("POST", SESSIONS, &headers, "customer=cus_A").await;
        assert_eq!(response.refusal(), refusal(400, "", ""), "{content_type}");
        assert!(response.message().starts_with("Invalid request"), "{content_type}");
    }
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    assert_eq!(account.send("POST", SESSIONS, &headers, "customer=cus_A").await.status, 200);
}

#[tokio::test]
async fn refuses_customer_that_is_missing_deleted_or_of_other_mode() {
    let account = Account::new().await;
    account.stripe.delete_customer(Mode::Test, "cus_B");
    for (customer, text) in [
        ("cus_X", "No such customer: 'cus_X'"),
        ("cus_B", "No such customer: 'cus_B'"),
        (
            "cus_L",
            "No such customer: 'cus_L'; a similar object exists in live mode, but a test mode key was used to make this request.",
        ),
    ] {
        let response = account.post(&format!("customer={customer}")).await;
        assert_eq!(response.refusal(), refusal(400, "resource_missing", "customer"));
        assert_eq!(response.message(), text);
    }
}

#[tokio::test]
async fn return_url_must_be_absolute_and_https_in_live_mode() {
    let account = Account::new().await;
    for url in [
        "nowhere",
        "/billing",
        "//app.test/",
        "https:app.test",
        "https:///app.test",
        "https://",
        "http://%20/",
        "javascript:alert(1)",
        "ftp://app.test/",
        "https://app.test/%0A",
        " https://app.test/",
        "https:%5C%5Capp.test",
    ] {
        let response = account.post(&format!("customer=cus_A&return_url={url}")).await;
        assert_eq!(response.refusal(), refusal(400, "url_invalid", "return_url"), "{url}");
        assert_eq!(response.message(), "Not a valid URL");
    }
    let empty = account.post("customer=cus_A&return_url=").await;
    assert_eq!(empty.refusal(), refusal(400, "parameter_invalid_empty", "return_url"));
    assert_eq!(account.post("customer=cus_A&return_url=http://localhost:3000/x").await.status, 200);
    let response = account.post_in(Mode::Live, "customer=cus_L&return_url=http://app.test/", &[]).await;
    assert_eq!(response.refusal(), refusal(400, "url_invalid", "return_url"));
    assert_eq!(account.post_in(Mode::Live, "customer=cus_L&return_url=https://app.test/", &[]).await.status, 200);
}

#[tokio::test]
async fn uses_given_configuration_or_default_of_mode() {
    let account = Account::new().await;
    account.stripe.add_configuration(Configuration::new("bpc_off").active(false));
    account.stripe.add_configuration(Configuration::new("bpc_live").mode(Mode::Live));
    for (id, code) in [
        ("bpc_X", "resource_missing"),
        ("bpc_live", "resource_missing"),
        ("bpc_off", ""),
        ("", "parameter_invalid_empty"),
    ] {
        let response = account.post(&format!("customer=cus_A&configuration={id}")).await;
        assert_eq!(response.refusal(), refusal(400, code, "configuration"), "{id}");
    }
    account.stripe.add_configuration(Configuration::new("bpc_2").default_of_mode(true));
    assert_eq!(account.post("customer=cus_A").await.json()["configuration"], "bpc_2");
    assert_eq!(account.post("customer=cus_A&configuration=bpc_1").await.json()["configuration"], "bpc_1");
}

#[tokio::test]
async fn refuses_without_active_default_configuration() {
    let account = Account::new().await;
    account.stripe.add_configuration(Configuration::new("bpc_1").default_of_mode(true).active(false));
    assert_eq!(account.post("customer=cus_A").await.refusal(), refusal(400, "", ""));
    account.stripe.remove_configurations(Mode::Test);
    let response = account.post("customer=cus_A").await;
    assert_eq!(response.refusal(), refusal(400, "", ""));
    assert_eq!(
        response.message(),
        "No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal."
    );
    assert_eq!(account.post_in(Mode::Live, "customer=cus_L", &[]).await.status, 200);
}
