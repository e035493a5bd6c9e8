//! Integration: a Stripe that lies or fails. Each answer has its reason, no lie is ever released, and a session that was
//! made is named in the audit.

use std::sync::Arc;

use serde_json::{Value, json};
use stripe_simulator::{Answer, Mode, RecordedRequest, Simulator, Tamper};
use tokio::sync::{Notify, Semaphore};
use tonic::Code;

use crate::support::{World, world::home};

pub(crate) const SESSIONS: &str = "/v1/billing_portal/sessions";

/// Changes the answers to one endpoint.
pub(crate) fn on(path: &'static str, change: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request: RecordedRequest, answer| {
        let answer = if request.path.starts_with(path) { change(answer) } else { answer };
        Box::pin(async move { answer })
    })
}

fn member(name: &'static str, value: Value) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let mut json = answer.json();
        json[name] = value.clone();
        answer.with_json(&json)
    }
}

fn without(name: &'static str) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove(name);
        answer.with_json(&json)
    }
}

pub(crate) fn status(status: u16, json: Value) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| Answer { status, ..answer }.with_json(&json)
}

/// Holds every answer back until permits are added; tells when Stripe was asked.
pub(crate) fn hold(stripe: &Simulator) -> (Arc<Notify>, Arc<Semaphore>) {
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let held = (Arc::clone(&asked), Arc::clone(&release));
    stripe.tamper(Some(Arc::new(move |_, answer| {
        let (asked, release) = (Arc::clone(&held.0), Arc::clone(&held.1));
        Box::pin(async move {
            asked.notify_one();
            release.acquire().await.unwrap().forget();
            answer
        })
    })));
    (asked, release)
}

/// Opens as olivia against a fault and returns the reason; a refusal releases nothing, and no other text leaves.
pub(crate) async fn reason(world: &World, fault: Tamper) -> String {
    world.stripe.tamper(Some(fault));
    let told = world.open(&world.olivia()).await.unwrap_err();
    let line = world.audit().pop().unwrap();
    assert_eq!((line["reason"].as_str(), &line["released"]), (Some(told.reason.as_str()), &json!(false)));
    assert!(!told.text.contains("secret text"));
    told.reason
}

#[tokio::test]
async fn a_customer_that_does_not_name_the_tenant_proves_nothing() {
    let world = World::start().await;
    for (lie, expected) in [
        (on("/v1/customers", member("metadata", json!({"tenant_id": "globex"}))), "MAPPING_INTEGRITY"),
        (on("/v1/customers", member("metadata", json!({"tenant_id": "ACME"}))), "MAPPING_INTEGRITY"),
        (on("/v1/customers", member("metadata", json!({}))), "TENANT_PROOF_MISSING"),
        (on("/v1/customers", member("metadata", json!({"tenant_id": ""}))), "TENANT_PROOF_MISSING"),
        (on("/v1/customers", member("metadata", json!({"tenant_id": 7}))), "TENANT_PROOF_MISSING"),
        (on("/v1/customers", without("metadata")), "TENANT_PROOF_MISSING"),
        (on("/v1/customers", member("id", json!("cus_B"))), "STRIPE_RESPONSE_REJECTED"),
        (on("/v1/customers", member("object", json!("account"))), "STRIPE_RESPONSE_REJECTED"),
        (on("/v1/customers", member("livemode", json!(true))), "STRIPE_RESPONSE_REJECTED"),
        (on("/v1/customers", without("livemode")), "STRIPE_PROTOCOL"),
        (on("/v1/customers", without("id")), "STRIPE_PROTOCOL"),
        (on("/v1/customers", member("deleted", json!(true))), "BILLING_ACCOUNT_MISSING_AT_STRIPE"),
    ] {
        assert_eq!(reason(&world, lie).await, expected);
        // The session was made at the same time, and is named although it was not released.
        let line = world.audit().pop().unwrap();
        assert!(line["session"].as_str().unwrap().starts_with("bps_"), "{line}");
        assert!(line["stripe_request_id"].as_str().unwrap().starts_with("req_"), "{line}");
        assert_eq!(line["customer"], "cus_A");
    }
    let told = world.audit().into_iter().find(|line| line["reason"] == "MAPPING_INTEGRITY").unwrap();
    assert_eq!(told["detail"], "customer_of_another_tenant");
}

#[tokio::test]
async fn two_swapped_tenants_open_nothing() {
    let world = World::start().await;
    world
        .sql(
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_B' WHERE tenant_id = 'acme';
              UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'globex'",
        )
        .await;
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "MAPPING_INTEGRITY");
    let greta = world.issuer.token("greta", "globex", "owner");
    assert_eq!(world.open(&greta).await.unwrap_err().reason, "MAPPING_INTEGRITY");
}

#[tokio::test]
async fn a_session_that_answers_another_question_is_rejected() {
    let world = World::start().await;
    for (name, lie) in [
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
    ] {
        assert_eq!(
            reason(&world, on(SESSIONS, member(name, lie.clone()))).await,
            "STRIPE_RESPONSE_REJECTED",
            "{name}: {lie}"
        );
    }
}

#[tokio::test]
async fn what_is_no_answer_of_stripes_is_not_understood() {
    let world = World::start().await;
    for name in ["object", "id", "customer", "livemode", "return_url", "flow", "url"] {
        assert_eq!(reason(&world, on(SESSIONS, without(name))).await, "STRIPE_PROTOCOL", "{name}");
    }
    let body = |body: &'static str| move |answer| Answer { body: body.into(), ..answer };
    for text in ["<html>secret text</html>", "", "[]", "{\"id\":", "{}{}"] {
        assert_eq!(reason(&world, on(SESSIONS, body(text))).await, "STRIPE_PROTOCOL", "{text}");
        assert_eq!(reason(&world, on("/v1/customers", body(text))).await, "STRIPE_PROTOCOL", "{text}");
    }
    let large = |answer: Answer| Answer { body: vec![b' '; 65 * 1024], ..answer };
    assert_eq!(reason(&world, on(SESSIONS, large)).await, "STRIPE_PROTOCOL");
    let redirect = |answer: Answer| Answer {
        status: 302,
        headers: vec![("location".to_owned(), "https://evil.test/".to_owned())],
        ..answer
    };
    assert_eq!(reason(&world, on(SESSIONS, redirect)).await, "STRIPE_PROTOCOL");
    assert_eq!(
        reason(&world, on(SESSIONS, status(402, json!({"error": {"message": "secret text"}})))).await,
        "STRIPE_PROTOCOL"
    );
}

#[tokio::test]
async fn stripes_own_refusals_have_their_reasons() {
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
        assert_eq!(reason(&world, on(SESSIONS, status(code, json))).await, expected);
    }
    world.stripe.tamper(None);
    world.stripe.remove_configurations(Mode::Test);
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "PORTAL_NOT_CONFIGURED");
    world.stripe.delete_customer(Mode::Test, "cus_A");
    let told = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((told.code, told.reason.as_str()), (Code::FailedPrecondition, "BILLING_ACCOUNT_MISSING_AT_STRIPE"));
}

#[tokio::test]
async fn another_tenants_subscription_is_refused_by_stripe() {
    use billing_portal::grpc::proto::create_portal_session_request::{Flow, SubscriptionCancel};
    let world = World::start().await;
    let flow = Some(Flow::SubscriptionCancel(SubscriptionCancel { subscription_id: "sub_B".to_owned() }));
    let message = billing_portal::grpc::proto::CreatePortalSessionRequest { flow, ..home() };
    let told = world.open_with(&world.olivia(), message).await.unwrap_err();
    assert_eq!((told.reason.as_str(), told.field.as_deref()), ("FLOW_INVALID", Some("subscription_cancel")));
}

#[tokio::test]
async fn an_old_answer_to_a_new_key_is_rejected() {
    let world = World::start().await;
    let replayed = |mut answer: Answer| {
        answer.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
        answer
    };
    assert_eq!(reason(&world, on(SESSIONS, replayed)).await, "STRIPE_RESPONSE_REJECTED");
}
