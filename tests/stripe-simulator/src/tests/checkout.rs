//! `GET /v1/checkout/sessions`.

use serde_json::json;

use super::{Account, refusal};
use crate::{CheckoutSession, Mode};

const PATH: &str = "/v1/checkout/sessions";

#[tokio::test]
async fn list_has_the_sessions_of_the_customer_newest_first() {
    let account = Account::new().await;
    for session in [
        CheckoutSession::new("cs_1", "cus_A").client_reference_id("acme"),
        CheckoutSession::new("cs_2", "cus_A").metadata("org", "acme"),
        CheckoutSession::new("cs_B", "cus_B"),
        CheckoutSession::new("cs_L", "cus_L").mode(Mode::Live),
    ] {
        account.stripe.add_checkout_session(session);
    }
    for (query, ids, has_more) in [
        ("", json!(["cs_B", "cs_2", "cs_1"]), false),
        ("customer=cus_A&limit=1", json!(["cs_2"]), true),
        ("customer=cus_A&limit=1&starting_after=cs_2", json!(["cs_1"]), false),
        ("customer=cus_A&status=complete", json!(["cs_2", "cs_1"]), false),
        ("customer=cus_A&status=open", json!([]), false),
    ] {
        let list = account.get(&format!("{PATH}?{query}")).await.json();
        let found: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!((json!(found), &list["has_more"], &list["url"]), (ids, &json!(has_more), &json!(PATH)), "{query}");
    }
    let list = account.get(&format!("{PATH}?customer=cus_A")).await.json();
    assert_eq!(list["data"][1]["client_reference_id"], "acme");
    assert_eq!(list["data"][0]["metadata"], json!({"org": "acme"}));
}

#[tokio::test]
async fn refuses_unknown_values() {
    let account = Account::new().await;
    for (query, expected) in [
        ("customer=cus_X", refusal(400, "resource_missing", "customer")),
        ("status=paid", refusal(400, "", "status")),
        ("starting_after=cs_X", refusal(400, "resource_missing", "starting_after")),
        ("client_reference_id=acme", refusal(400, "parameter_unknown", "client_reference_id")),
    ] {
        assert_eq!(account.get(&format!("{PATH}?{query}")).await.refusal(), expected, "{query}");
    }
}
