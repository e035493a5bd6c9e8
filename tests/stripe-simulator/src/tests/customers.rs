//! `GET /v1/customers/{id}`.

use serde_json::json;

use super::{Account, refusal};
use crate::{Customer, Mode};

#[tokio::test]
async fn retrieve_returns_metadata_and_mode() {
    let account = Account::new().await;
    let response = account.get("/v1/customers/cus_A?expand[]=tax&expand[]=sources").await;
    let customer = response.json();
    assert_eq!(response.status, 200);
    assert!(response.header("request-id").starts_with("req_"));
    assert_eq!(response.header("content-type"), "application/json");
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
    // Expandable members are present only on request.
    let plain = account.get("/v1/customers/cus_A").await.json();
    for name in ["tax", "sources"] {
        assert!(plain.get(name).is_none() && customer[name].is_object(), "{name}");
    }
    account.stripe.add_customer(Customer::new("cus_A").metadata("tenant_id", "globex"));
    assert_eq!(account.get("/v1/customers/cus_A").await.json()["metadata"], json!({"tenant_id": "globex"}));
}

#[tokio::test]
async fn unknown_customer_error_links_to_request_log() {
    let account = Account::new().await;
    let response = account.get("/v1/customers/cus_X").await;
    assert_eq!(response.refusal(), refusal(404, "resource_missing", "id"));
    assert_eq!(response.message(), "No such customer: 'cus_X'");
    let error = &response.json()["error"];
    assert_eq!(error["doc_url"], "https://stripe.com/docs/error-codes/resource-missing");
    let log = format!("https://dashboard.stripe.com/test/logs/{}?t=", response.header("request-id"));
    assert!(error["request_log_url"].as_str().unwrap().starts_with(&log));
}

#[tokio::test]
async fn error_mentions_customer_of_other_mode() {
    let account = Account::new().await;
    assert_eq!(
        account.get("/v1/customers/cus_L").await.message(),
        "No such customer: 'cus_L'; a similar object exists in live mode, but a test mode key was used to make this request."
    );
    let response =
        account.send("GET", "/v1/customers/cus_A", &[("authorization", &account.bearer(Mode::Live))], "").await;
    assert_eq!(
        response.message(),
        "No such customer: 'cus_A'; a similar object exists in test mode, but a live mode key was used to make this request."
    );
}

#[tokio::test]
async fn deleted_customer_is_returned_as_deleted() {
    let account = Account::new().await;
    account.stripe.delete_customer(Mode::Test, "cus_A");
    let response = account.get("/v1/customers/cus_A").await;
    assert_eq!(
        (response.status, response.json()),
        (200, json!({"id": "cus_A", "object": "customer", "deleted": true}))
    );
}

#[tokio::test]
async fn refuses_unknown_query_parameters() {
    let account = Account::new().await;
    for (query, code, param) in [
        ("x=1", "parameter_unknown", "x"),
        ("expand=tax", "", "expand"),
        ("expand[0][x]=1", "", "expand[0][x]"),
        ("expand[]=email", "", ""),
    ] {
        let response = account.get(&format!("/v1/customers/cus_A?{query}")).await;
        assert_eq!(response.refusal(), refusal(400, code, param), "{query}");
    }
}
