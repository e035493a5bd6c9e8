//! `GET /v1/events`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Account, refusal};
use crate::{Fault, Injection, Mode};

const PATH: &str = "/v1/events";

/// Creates a session for each customer, and returns the ids of the sessions.
async fn sessions(account: &Account, customers: &[&str]) -> Vec<Value> {
    let mut ids = Vec::new();
    for customer in customers {
        ids.push(account.post(&format!("customer={customer}")).await.json()["id"].clone());
    }
    ids
}

/// Returns the ids of the sessions in a list, and `has_more`.
async fn page(account: &Account, query: &str) -> (Vec<Value>, bool) {
    let list = account.get(&format!("{PATH}?{query}")).await.json();
    assert_eq!((&list["object"], &list["url"]), (&json!("list"), &json!(PATH)), "{query}: {list}");
    let data = list["data"].as_array().unwrap();
    (data.iter().map(|event| event["data"]["object"]["id"].clone()).collect(), list["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn event_has_the_session_and_the_request_that_created_it() {
    let account = Account::new().await;
    let body = "customer=cus_A&return_url=https://app.test/&expand[]=configuration";
    let created = account.post_in(Mode::Test, body, &[("idempotency-key", "k")]).await;
    let replayed = account.post_in(Mode::Test, body, &[("idempotency-key", "k")]).await;
    assert_eq!(replayed.json()["id"], created.json()["id"]);
    let mut session = created.json();
    // An event has no expanded members.
    session["configuration"] = json!("bpc_1");
    let list = account.get(PATH).await.json();
    let event = &list["data"][0];
    assert!(event["id"].as_str().unwrap().starts_with("evt_") && event["created"].is_u64(), "{event}");
    let expected = json!({
        "id": event["id"], "object": "event", "api_version": "2026-09-30.endive", "created": event["created"],
        "data": {"object": session}, "livemode": false, "pending_webhooks": 0,
        "request": {"id": created.header("request-id"), "idempotency_key": "k"},
        "type": "billing_portal.session.created",
    });
    assert_eq!(list, json!({"object": "list", "data": [expected], "has_more": false, "url": PATH}));
}

#[tokio::test]
async fn only_a_session_that_was_created_has_an_event_in_its_mode() {
    let account = Account::new().await;
    assert_eq!(account.post("customer=cus_X").await.status, 400);
    account.stripe.inject(Injection::from(Fault::Status503).first(1));
    assert_eq!(account.post("customer=cus_A").await.status, 503);
    assert_eq!(page(&account, "").await, (vec![], false));
    let live = account.post_in(Mode::Live, "customer=cus_L", &[]).await.json();
    assert_eq!(page(&account, "").await, (vec![], false));
    let bearer = account.bearer(Mode::Live);
    let list = account.send("GET", PATH, &[("authorization", &bearer)], "").await.json();
    let event = &list["data"][0];
    assert_eq!((&event["data"]["object"]["id"], &event["livemode"]), (&live["id"], &json!(true)));
}

#[tokio::test]
async fn list_is_newest_first_and_filtered_by_type_and_time() {
    let account = Account::new().await;
    let ids = sessions(&account, &["cus_A", "cus_B", "cus_A"]).await;
    account.stripe.age_events(Duration::from_secs(3_600));
    let list = account.get(PATH).await.json();
    let (middle, time) = (list["data"][1]["id"].as_str().unwrap(), list["data"][0]["created"].as_u64().unwrap());
    let (all, none) = ((vec![ids[2].clone(), ids[1].clone(), ids[0].clone()], false), (vec![], false));
    for (query, expected) in [
        ("type=billing_portal.session.created".to_owned(), all.clone()),
        ("type=billing_portal.*".to_owned(), all.clone()),
        ("types[]=charge.succeeded&types[]=billing_portal.session.created".to_owned(), all.clone()),
        ("type=charge.succeeded".to_owned(), none.clone()),
        ("limit=1".to_owned(), (vec![ids[2].clone()], true)),
        (format!("limit=1&starting_after={middle}"), (vec![ids[0].clone()], false)),
        (format!("ending_before={middle}"), (vec![ids[2].clone()], false)),
        (format!("created[gte]={}", time - 60), all.clone()),
        (format!("created[gt]={time}"), none.clone()),
        (format!("created[lte]={time}&created[gt]={}", time - 60), all),
        (format!("created[lt]={}", time - 60), none.clone()),
        (format!("created={}", time - 60), none),
    ] {
        assert_eq!(page(&account, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn refuses_unknown_values() {
    let account = Account::new().await;
    let many = (0..21).map(|index| format!("types[]=t{index}")).collect::<Vec<_>>().join("&");
    for (query, expected) in [
        ("starting_after=evt_X", refusal(400, "resource_missing", "starting_after")),
        ("limit=101", refusal(400, "", "limit")),
        ("created[gte]=yesterday", refusal(400, "parameter_invalid_integer", "created[gte]")),
        ("created[since]=1", refusal(400, "", "created[since]")),
        ("type=a&types[]=b", refusal(400, "parameters_exclusive", "type")),
        ("type=", refusal(400, "parameter_invalid_empty", "type")),
        ("customer=cus_A", refusal(400, "parameter_unknown", "customer")),
        (&many, refusal(400, "", "types")),
    ] {
        assert_eq!(account.get(&format!("{PATH}?{query}")).await.refusal(), expected, "{query}");
    }
}
