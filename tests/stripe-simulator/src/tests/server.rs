//! Connections, recorded requests and the `Tamper` hook.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Version},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use tokio::time::timeout;

use super::{Account, FORM, SESSIONS};
use crate::{Answer, Mode, Tamper};

#[tokio::test]
async fn serves_http_2_with_prior_knowledge() {
    let account = Account::new().await;
    assert_eq!(account.get("/v1/customers/cus_A").await.status, 200);
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::get(format!("{}/v1/customers/cus_A", account.stripe.base_url()));
    let request = request.header("authorization", account.bearer(Mode::Test)).body(Body::empty()).unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_2, 200));
}

#[tokio::test]
async fn dropping_simulator_closes_open_connections() {
    let account = Account::new().await;
    assert_eq!(account.get("/v1/customers/cus_A").await.status, 200);
    let Account { stripe, client } = account;
    let (url, key) = (format!("{}/v1/customers/cus_A", stripe.base_url()), stripe.secret_key(Mode::Test).to_owned());
    stripe.tamper(Some(Arc::new(|_, _| Box::pin(pending()))));
    let request = || {
        let request = Request::get(&url).header("authorization", format!("Bearer {key}"));
        client.request(request.body(Body::empty()).unwrap())
    };
    let interrupted = tokio::spawn(request());
    while stripe.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    drop(stripe);
    let interrupted = timeout(Duration::from_secs(5), interrupted).await;
    assert!(interrupted.is_ok_and(|response| response.unwrap().is_err()));
    assert!(request().await.is_err());
}

#[tokio::test]
async fn records_requests_in_order_without_keys() {
    let account = Account::new().await;
    account.get("/v1/customers/cus_A?expand[]=tax").await;
    account.post_in(Mode::Test, "customer=cus_A", &[("Idempotency-Key", "k"), ("x", "1"), ("x", "2")]).await;
    account.send("GET", "/v1/customers/cus_A", &[("authorization", account.stripe.secret_key(Mode::Test))], "").await;
    let requests = account.stripe.requests();
    let [read, write, bare] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((read.method.as_str(), read.path.as_str()), ("GET", "/v1/customers/cus_A?expand[]=tax"));
    assert_eq!((write.method.as_str(), write.path.as_str(), write.body.as_str()), ("POST", SESSIONS, "customer=cus_A"));
    assert_eq!((write.header("idempotency-key"), write.header("content-type")), (Some("k"), Some(FORM)));
    assert_eq!((write.header("authorization"), write.header("x")), (Some("Bearer"), None));
    assert_eq!(bare.header("authorization"), Some(""));
    assert!(!format!("{requests:?}").contains(account.stripe.secret_key(Mode::Test)));
    account.stripe.forget_requests();
    account.stripe.record_requests(false);
    account.get("/v1/customers/cus_A").await;
    assert!(account.stripe.requests().is_empty());
    account.stripe.record_requests(true);
    account.get("/v1/customers/cus_A").await;
    assert_eq!(account.stripe.requests().len(), 1);
}

#[tokio::test]
async fn tamper_can_change_and_withhold_responses_and_be_removed() {
    let account = Account::new().await;
    let change: Tamper = Arc::new(|request, answer: Answer| {
        Box::pin(async move {
            let mut json = answer.json();
            json["id"] = json!(request.path);
            Answer { status: 299, ..answer }.with_json(&json)
        })
    });
    account.stripe.tamper(Some(change));
    let response = account.get("/v1/customers/cus_A").await;
    assert_eq!((response.status, &response.json()["id"]), (299, &json!("/v1/customers/cus_A")));
    assert!(response.header("request-id").starts_with("req_"));
    account.stripe.tamper(Some(Arc::new(|_, _| Box::pin(pending()))));
    assert!(timeout(Duration::from_millis(50), account.get("/v1/customers/cus_A")).await.is_err());
    account.stripe.tamper(None);
    assert_eq!(account.get("/v1/customers/cus_A").await.status, 200);
}

#[tokio::test]
async fn refuses_too_large_body() {
    let account = Account::new().await;
    let response = account.post(&format!("customer={}", "x".repeat(2 * 1024 * 1024))).await;
    assert_eq!(response.status, 413);
}
