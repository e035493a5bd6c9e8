//! `GET /v1/subscriptions`.

use serde_json::json;

use super::{Account, refusal};
use crate::{Mode, Subscription};

/// Returns the IDs of a page, and whether there are more.
async fn page(account: &Account, query: &str) -> (Vec<String>, bool) {
    let list = account.get(&format!("/v1/subscriptions?{query}")).await.json();
    assert_eq!((&list["object"], &list["url"]), (&json!("list"), &json!("/v1/subscriptions")), "{list}");
    let ids = list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
    (ids.collect(), list["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn list_has_the_subscriptions_of_the_customer_newest_first() {
    let account = Account::new().await;
    account.stripe.add_subscription(Subscription::new("sub_old", "cus_B").status("canceled").metadata("org", "b"));
    for (query, ids, has_more) in [
        ("customer=cus_A", ["sub_two", "sub_A"].as_slice(), false),
        ("customer=cus_A&limit=1", &["sub_two"], true),
        ("customer=cus_A&limit=1&starting_after=sub_two", &["sub_A"], false),
        ("customer=cus_B", &["sub_B"], false),
        ("customer=cus_B&status=all", &["sub_old", "sub_B"], false),
        ("customer=cus_B&status=ended", &["sub_old"], false),
        ("status=active", &["sub_two", "sub_B", "sub_A"], false),
    ] {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(page(&account, query).await, (ids, has_more), "{query}");
    }
    account.stripe.delete_customer(Mode::Test, "cus_B");
    let list = account.get("/v1/subscriptions?customer=cus_B&status=canceled").await.json();
    let found = &list["data"][0];
    assert_eq!((&found["metadata"], &found["customer"]), (&json!({"org": "b"}), &json!("cus_B")));
}

#[tokio::test]
async fn refuses_unknown_values() {
    let account = Account::new().await;
    for (query, expected) in [
        ("customer=cus_X", refusal(400, "resource_missing", "customer")),
        ("customer=cus_L", refusal(400, "resource_missing", "customer")),
        ("customer=", refusal(400, "parameter_invalid_empty", "customer")),
        ("status=any", refusal(400, "", "status")),
        ("limit=101", refusal(400, "", "limit")),
        ("starting_after=sub_X", refusal(400, "resource_missing", "starting_after")),
        ("x=1", refusal(400, "parameter_unknown", "x")),
    ] {
        assert_eq!(account.get(&format!("/v1/subscriptions?{query}")).await.refusal(), expected, "{query}");
    }
}
