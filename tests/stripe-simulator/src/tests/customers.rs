//! `GET /v1/customers/{id}` and `POST /v1/customers/{id}`.

use serde_json::json;

use super::{Account, refusal};
use crate::{Customer, Endpoint, Fault, Injection, Mode};

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

#[tokio::test]
async fn update_merges_metadata_and_removes_what_is_empty() {
    let account = Account::new().await;
    for (body, metadata) in [
        ("metadata[plan]=pro", json!({"tenant_id": "acme", "plan": "pro"})),
        ("metadata%5Btenant_id%5D=globex&metadata[0]=zero", json!({"plan": "pro", "0": "zero", "tenant_id": "globex"})),
        ("metadata[0]=&metadata[plan]=&metadata[never]=", json!({"tenant_id": "globex"})),
        ("metadata=&metadata[a]=b", json!({"a": "b"})),
        ("", json!({"a": "b"})),
        ("metadata=", json!({})),
    ] {
        let response = account.update("cus_A", body, &[]).await;
        assert_eq!((response.status, &response.json()["metadata"]), (200, &metadata), "{body}");
        assert_eq!(response.json(), account.get("/v1/customers/cus_A").await.json(), "{body}");
    }
    let response = account.update("cus_A", "name=&email=x@y.z&expand[]=tax", &[]).await.json();
    assert_eq!((&response["name"], &response["email"]), (&json!(null), &json!("x@y.z")));
    assert!(response["tax"].is_object());
}

#[tokio::test]
async fn refused_update_changes_nothing() {
    let account = Account::new().await;
    account.stripe.add_customer(Customer::new("cus_D").deleted(true));
    let before = account.get("/v1/customers/cus_A").await.json();
    let long = |key: usize, value: usize| format!("metadata[x]=y&metadata[{}]={}", "k".repeat(key), "v".repeat(value));
    for allowed in [long(40, 500), long(40, 0), "metadata[x]=&metadata=".to_owned()] {
        assert_eq!(account.update("cus_A", &allowed, &[]).await.status, 200, "{allowed}");
        account.update("cus_A", "metadata=&metadata[tenant_id]=acme", &[]).await;
    }
    let many: Vec<String> = (0..50).map(|number| format!("metadata[k{number}]=v")).collect();
    for (customer, body, expected) in [
        ("cus_A", long(41, 1), refusal(400, "", &format!("metadata[{}]", "k".repeat(41)))),
        ("cus_A", long(40, 501), refusal(400, "", &format!("metadata[{}]", "k".repeat(40)))),
        ("cus_A", many.join("&"), refusal(400, "", "metadata")),
        ("cus_A", "metadata=x".to_owned(), refusal(400, "", "metadata")),
        ("cus_A", "metadata[a][b]=x".to_owned(), refusal(400, "", "metadata[a][b]")),
        ("cus_A", "metadata[a]=x&tenant_id=y".to_owned(), refusal(400, "parameter_unknown", "tenant_id")),
        ("cus_D", "metadata[a]=x".to_owned(), refusal(404, "resource_missing", "id")),
        ("cus_X", "metadata[a]=x".to_owned(), refusal(404, "resource_missing", "id")),
        ("cus_L", "metadata[a]=x".to_owned(), refusal(404, "resource_missing", "id")),
    ] {
        assert_eq!(account.update(customer, &body, &[]).await.refusal(), expected, "{body}");
    }
    assert_eq!(account.get("/v1/customers/cus_A").await.json(), before);
}

#[tokio::test]
async fn update_has_an_idempotency_key_of_its_own() {
    let account = Account::new().await;
    let key = [("idempotency-key", "k")];
    account.update("cus_A", "metadata[a]=1", &key).await;
    account.update("cus_A", "metadata[a]=2", &[]).await;
    let replayed = account.update("cus_A", "metadata[a]=1", &key).await;
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.json()["metadata"]["a"]), ("true", &json!("1")));
    assert_eq!(account.get("/v1/customers/cus_A").await.json()["metadata"]["a"], "2", "a replay changes nothing");
    assert_eq!(account.update("cus_B", "metadata[a]=1", &key).await.json()["error"]["type"], "idempotency_error");
}

#[tokio::test]
async fn faults_apply_to_updates_and_lists() {
    let account = Account::new().await;
    let lists = ["/v1/subscriptions?customer=cus_A", "/v1/checkout/sessions?customer=cus_A"];
    account.stripe.add_customer(Customer::new("cus_A").fault(Fault::CustomerDeleted));
    assert_eq!(account.update("cus_A", "", &[]).await.refusal(), refusal(404, "resource_missing", "id"));
    for list in lists {
        assert_eq!(account.get(list).await.status, 200, "the objects of a deleted customer are listed");
    }
    account.stripe.add_customer(Customer::new("cus_A").fault(Fault::CustomerMissing));
    for list in lists {
        assert_eq!(account.get(list).await.refusal(), refusal(400, "resource_missing", "customer"), "{list}");
    }
    account.stripe.add_customer(Customer::new("cus_A").fault(Fault::OtherCustomer));
    assert_eq!(account.update("cus_A", "metadata[a]=b", &[]).await.json()["id"], "cus_B");
    for endpoint in Endpoint::ALL {
        let text = format!("status-503 on={}", endpoint.name());
        assert_eq!(text.parse(), Ok(Injection::from(Fault::Status503).on(endpoint)));
    }
    account
        .stripe
        .add_customer(Customer::new("cus_A").fault(Injection::from(Fault::Status503).on(Endpoint::CustomerUpdates)));
    assert_eq!(account.get("/v1/customers/cus_A").await.status, 200);
    assert_eq!(account.update("cus_A", "", &[]).await.status, 503);
}
