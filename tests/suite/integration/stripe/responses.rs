//! Integration: wrong and failed responses from Stripe. Each has its documented reason and releases no URL. The audit names
//! a session that was created.

use serde_json::{Value, json};
use stripe_simulator::{Answer, Mode};
use tonic::Code;

use crate::support::{
    World,
    stripe::{SESSIONS, alter, refusal_reason, respond_with},
};

fn set_member(name: &'static str, value: Value) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let mut json = answer.json();
        json[name] = value.clone();
        answer.with_json(&json)
    }
}

fn without_member(name: &'static str) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove(name);
        answer.with_json(&json)
    }
}

#[tokio::test]
async fn customer_that_does_not_name_tenant_is_refused() {
    let world = World::start().await;
    for (fault, expected) in [
        (alter("/v1/customers", set_member("metadata", json!({"tenant_id": "globex"}))), "MAPPING_INTEGRITY"),
        (alter("/v1/customers", set_member("metadata", json!({"tenant_id": "ACME"}))), "MAPPING_INTEGRITY"),
        (alter("/v1/customers", set_member("metadata", json!({}))), "TENANT_PROOF_MISSING"),
        (alter("/v1/customers", set_member("metadata", json!({"tenant_id": ""}))), "TENANT_PROOF_MISSING"),
        (alter("/v1/customers", set_member("metadata", json!({"tenant_id": 7}))), "TENANT_PROOF_MISSING"),
        (alter("/v1/customers", without_member("metadata")), "TENANT_PROOF_MISSING"),
        (alter("/v1/customers", set_member("id", json!("cus_B"))), "STRIPE_RESPONSE_REJECTED"),
        (alter("/v1/customers", set_member("object", json!("account"))), "STRIPE_RESPONSE_REJECTED"),
        (alter("/v1/customers", set_member("livemode", json!(true))), "STRIPE_RESPONSE_REJECTED"),
        (alter("/v1/customers", without_member("livemode")), "STRIPE_PROTOCOL"),
        (alter("/v1/customers", without_member("id")), "STRIPE_PROTOCOL"),
        (alter("/v1/customers", set_member("deleted", json!(true))), "BILLING_ACCOUNT_MISSING_AT_STRIPE"),
    ] {
        assert_eq!(refusal_reason(&world, fault).await, expected);
        // The session was created concurrently, and is recorded although it was not released.
        let record = world.audit().pop().unwrap();
        assert!(record["session"].as_str().unwrap().starts_with("bps_"), "{record}");
        assert!(record["stripe_request_id"].as_str().unwrap().starts_with("req_"), "{record}");
        assert_eq!(record["customer"], "cus_A");
    }
    let mismatch = world.audit().into_iter().find(|record| record["reason"] == "MAPPING_INTEGRITY").unwrap();
    assert_eq!(mismatch["detail"], "customer_of_another_tenant");
}

#[tokio::test]
async fn swapped_tenants_get_mapping_integrity() {
    let world = World::start().await;
    world.sql(
        "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_B' WHERE tenant_id = 'acme';
         UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'globex'",
    );
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "MAPPING_INTEGRITY");
    let greta = world.issuer.token("greta", "globex", "owner");
    assert_eq!(world.open(&greta).await.unwrap_err().reason, "MAPPING_INTEGRITY");
}

#[tokio::test]
async fn session_that_differs_from_request_is_rejected() {
    let world = World::start().await;
    for (name, value) in [
        ("object", json!("checkout.session")),
        ("id", json!("cs_1")),
        ("customer", json!("cus_B")),
        ("livemode", json!(true)),
        ("return_url", json!("https://evil.test/")),
        ("on_behalf_of", json!("acct_1")),
        ("after_expiration", json!({"recovery": {}})),
        ("flow", json!({"type": "payment_method_update"})),
        ("url", json!("https://evil.test/p/session/x")),
        ("url", json!("http://billing.stripe.com/p/session/x")),
        ("url", json!("")),
        ("url", json!(format!("https://billing.stripe.com/{}", "a".repeat(60_000)))),
        ("url", json!("https://billing.stripe.com/\"><script>")),
    ] {
        assert_eq!(
            refusal_reason(&world, alter(SESSIONS, set_member(name, value.clone()))).await,
            "STRIPE_RESPONSE_REJECTED",
            "{name}: {value}"
        );
    }
}

/// Inserts text after the first brace of a body.
fn insert(text: &'static str) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let body = String::from_utf8(answer.body.clone()).unwrap().replacen('{', &format!("{{{text},"), 1);
        Answer { body: body.into(), ..answer }
    }
}

#[tokio::test]
async fn response_with_duplicate_members_is_rejected() {
    let world = World::start().await;
    for text in [
        r#""id":"cus_A""#,
        r#""deleted":true,"deleted":false"#,
        r#""m\u0065tadata":{"tenant_id":"acme"}"#,
        r#""x":{"tenant_id":"acme","tenant_id":"globex"}"#,
        r#""x":[{"a":1,"a":2}]"#,
    ] {
        let fault = alter("/v1/customers", insert(text));
        assert_eq!(refusal_reason(&world, fault).await, "STRIPE_RESPONSE_REJECTED", "{text}");
    }
    for text in [r#""customer":"cus_A""#, r#""x":{"url":1,"url":2}"#] {
        assert_eq!(refusal_reason(&world, alter(SESSIONS, insert(text))).await, "STRIPE_RESPONSE_REJECTED", "{text}");
        let record = world.audit().pop().unwrap();
        assert!(record["session"].as_str().unwrap().starts_with("bps_"), "the created session is named: {record}");
    }
}

/// Adds response headers.
fn with_headers(name: &'static str, values: &'static [&'static str]) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |mut answer| {
        answer.headers.extend(values.iter().map(|value| (name.to_owned(), (*value).to_owned())));
        answer
    }
}

#[tokio::test]
async fn replayed_response_is_rejected_unless_stripe_says_exactly_false() {
    let world = World::start().await;
    for values in [&["true"][..], &["TRUE"], &[""], &["1"], &["true, true"], &["false", "true"], &["false", "false"]] {
        let fault = alter(SESSIONS, with_headers("idempotent-replayed", values));
        assert_eq!(refusal_reason(&world, fault).await, "STRIPE_RESPONSE_REJECTED", "{values:?}");
    }
    world.stripe.tamper(Some(alter(SESSIONS, with_headers("idempotent-replayed", &["false"]))));
    world.open(&world.olivia()).await.unwrap();
}

#[tokio::test]
async fn malformed_response_gets_stripe_protocol() {
    let world = World::start().await;
    for name in ["object", "id", "customer", "livemode", "return_url", "flow", "url"] {
        assert_eq!(refusal_reason(&world, alter(SESSIONS, without_member(name))).await, "STRIPE_PROTOCOL", "{name}");
    }
    let body = |body: &'static str| move |answer| Answer { body: body.into(), ..answer };
    for text in ["<html>secret text</html>", "", "[]", "{\"id\":", "{}{}"] {
        assert_eq!(refusal_reason(&world, alter(SESSIONS, body(text))).await, "STRIPE_PROTOCOL", "{text}");
        assert_eq!(refusal_reason(&world, alter("/v1/customers", body(text))).await, "STRIPE_PROTOCOL", "{text}");
    }
    let large = |answer: Answer| Answer { body: vec![b' '; 65 * 1024], ..answer };
    assert_eq!(refusal_reason(&world, alter(SESSIONS, large)).await, "STRIPE_PROTOCOL");
    let redirect = |answer: Answer| Answer {
        status: 302,
        headers: vec![("location".to_owned(), "https://evil.test/".to_owned())],
        ..answer
    };
    assert_eq!(refusal_reason(&world, alter(SESSIONS, redirect)).await, "STRIPE_PROTOCOL");
    assert_eq!(
        refusal_reason(&world, alter(SESSIONS, respond_with(402, json!({"error": {"message": "secret text"}})))).await,
        "STRIPE_PROTOCOL"
    );
}

#[tokio::test]
async fn stripe_errors_have_documented_reasons() {
    let world = World::start().await;
    let error = |code: &str, param: &str| json!({"error": {"code": code, "param": param, "message": "secret text", "type": "invalid_request_error"}});
    for (code, json, expected) in [
        (401, json!({"error": {}}), "STRIPE_CREDENTIALS"),
        (403, json!({"error": {}}), "STRIPE_CREDENTIALS"),
        (400, error("livemode_mismatch", ""), "STRIPE_CREDENTIALS"),
        (400, error("resource_missing", "customer"), "BILLING_ACCOUNT_MISSING_AT_STRIPE"),
        (400, error("resource_missing", "configuration"), "PORTAL_NOT_CONFIGURED"),
        (400, error("url_invalid", "return_url"), "RETURN_URL_NOT_ALLOWED"),
        (400, error("", "locale"), "LOCALE_INVALID"),
        (429, error("rate_limit", ""), "STRIPE_RATE_LIMITED"),
        (429, error("lock_timeout", ""), "STRIPE_CONFLICT"),
        (409, error("", ""), "STRIPE_CONFLICT"),
        (500, json!({}), "STRIPE_UNAVAILABLE"),
    ] {
        assert_eq!(refusal_reason(&world, alter(SESSIONS, respond_with(code, json))).await, expected);
    }
    world.stripe.tamper(None);
    world.stripe.remove_configurations(Mode::Test);
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "PORTAL_NOT_CONFIGURED");
    world.stripe.delete_customer(Mode::Test, "cus_A");
    let refusal = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::FailedPrecondition, "BILLING_ACCOUNT_MISSING_AT_STRIPE")
    );
}

#[tokio::test]
async fn replayed_response_to_new_key_is_rejected() {
    let world = World::start().await;
    let replayed = |mut answer: Answer| {
        answer.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
        answer
    };
    assert_eq!(refusal_reason(&world, alter(SESSIONS, replayed)).await, "STRIPE_RESPONSE_REJECTED");
}
