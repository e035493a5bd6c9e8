//! `GET /v1/customers/{id}`.

use serde_json::json;

use super::{Account, refusal};
use crate::{Customer, Mode};

#[tokio::test]
async fn a_customer_is_told_with_its_metadata_and_mode() {
    let account = Account::new().await;
    let told = account.get("/v1/customers/cus_A?expand[]=tax&expand[]=sources").await;
    let customer = told.json();
    assert_eq!(told.status, 200);
    assert!(told.header("request-id").starts_with("req_"));
    assert_eq!(told.header("content-type"), "application/json");
    for (name, value) in [
        ("id", json!("cus_A")),
        ("object", json!("customer")),
        ("name", json!("Ann & <Co>")),
        ("email", json!("a@b.c")),
        ("livemode", json!(false)),
        ("metadata", json!({"tenant_id": "acme"})),
    ] {
        assert_eq!(customer[name], value, "{name}");
    }
    assert!(customer.get("deleted").is_none());
    // What is not told unasked, is told when it is asked for.
    let plain = account.get("/v1/customers/cus_A").await.json();
    for name in ["tax", "sources"] {
        assert!(plain.get(name).is_none() && customer[name].is_object(), "{name}");
    }
    account.stripe.add_customer(Customer::new("cus_A").metadata("tenant_id", "globex"));
    assert_eq!(account.get("/v1/customers/cus_A").await.json()["metadata"], json!({"tenant_id": "globex"}));
}

#[tokio::test]
async fn an_unknown_customer_is_missing_with_the_place_to_look_it_up() {
    let account = Account::new().await;
    let told = account.get("/v1/customers/cus_X").await;
    assert_eq!(told.refusal(), refusal(404, "resource_missing", "id"));
    assert_eq!(told.message(), "No such customer: 'cus_X'");
    let error = &told.json()["error"];
    assert_eq!(error["doc_url"], "https://stripe.com/docs/error-codes/resource-missing");
    let log = format!("https://dashboard.stripe.com/test/logs/{}?t=", told.header("request-id"));
    assert!(error["request_log_url"].as_str().unwrap().starts_with(&log));
}

#[tokio::test]
async fn a_customer_of_the_other_mode_is_missing_and_stripe_says_so() {
    let account = Account::new().await;
    assert_eq!(
        account.get("/v1/customers/cus_L").await.message(),
        "No such customer: 'cus_L'; a similar object exists in live mode, but a test mode key was used to make this request."
    );
    let told = account.send("GET", "/v1/customers/cus_A", &[("authorization", &account.bearer(Mode::Live))], "").await;
    assert_eq!(
        told.message(),
        "No such customer: 'cus_A'; a similar object exists in test mode, but a live mode key was used to make this request."
    );
}

#[tokio::test]
async fn a_deleted_customer_is_found_as_deleted() {
    let account = Account::new().await;
    account.stripe.delete_customer(Mode::Test, "cus_A");
    let told = account.get("/v1/customers/cus_A").await;
    assert_eq!((told.status, told.json()), (200, json!({"id": "cus_A", "object": "customer", "deleted": true})));
}

#[tokio::test]
async fn a_query_that_stripe_does_not_know_is_refused() {
    let account = Account::new().await;
    for (query, code, param) in [
        ("x=1", "parameter_unknown", "x"),
        ("expand=tax", "", "expand"),
        ("expand[0][x]=1", "", "expand[0][x]"),
        ("expand[]=email", "", ""),
    ] {
        let told = account.get(&format!("/v1/customers/cus_A?{query}")).await;
        assert_eq!(told.refusal(), refusal(400, code, param), "{query}");
    }
}
