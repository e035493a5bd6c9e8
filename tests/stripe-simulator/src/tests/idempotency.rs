//! Idempotency keys.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use super::{Account, FORM, Response, refusal};
use crate::{Customer, Mode};

async fn post(account: &Account, key: &str, body: &str) -> Response {
    account.post_in(Mode::Test, body, &[("idempotency-key", key)]).await
}

fn is_idempotency_error(response: &Response, status: u16) -> bool {
    response.status == status && response.json()["error"]["type"] == "idempotency_error"
}

#[tokio::test]
async fn same_request_is_replayed() {
    let account = Account::new().await;
    let first = post(&account, "k", "customer=cus_A&locale=de").await;
    assert_eq!((first.status, first.header("idempotency-key")), (200, "k"));
    assert_eq!((first.header("idempotent-replayed"), first.header("original-request")), ("", ""));
    // The order and the escaping of parameters do not matter.
    let second = post(&account, "k", "locale=de&customer=cus%5FA").await;
    assert_eq!((second.status, &second.text), (200, &first.text));
    assert_eq!((second.header("idempotency-key"), second.header("idempotent-replayed")), ("k", "true"));
    assert_eq!(second.header("original-request"), first.header("request-id"));
    assert_ne!(second.header("request-id"), first.header("request-id"));
    assert_ne!(post(&account, "other", "customer=cus_A&locale=de").await.text, first.text);
}

#[tokio::test]
async fn refuses_key_of_another_request() {
    let account = Account::new().await;
    post(&account, "k", "customer=cus_A").await;
    for body in ["customer=cus_B", "customer=cus_A&locale=de", "customer=", "x=1"] {
        let response = post(&account, "k", body).await;
        assert!(is_idempotency_error(&response, 400), "{body}: {}", response.text);
        assert_eq!(
            response.message(),
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than 'k' if you meant to execute a different request."
        );
    }
    let headers = [("authorization", &*account.bearer(Mode::Test)), ("content-type", FORM), ("idempotency-key", "k")];
    let response = account.send("POST", "/v1/customers", &headers, "customer=cus_A").await;
    assert!(is_idempotency_error(&response, 400));
    assert!(response.message().contains("('/v1/customers' vs '/v1/billing_portal/sessions')"));
}

#[tokio::test]
async fn keeps_error_of_endpoint_but_not_of_malformed_request() {
    let account = Account::new().await;
    let first = post(&account, "k1", "customer=cus_X").await;
    account.stripe.add_customer(Customer::new("cus_X"));
    let again = post(&account, "k1", "customer=cus_X").await;
    assert_eq!(again.refusal(), refusal(400, "resource_missing", "customer"));
    assert_eq!((again.header("idempotent-replayed"), &again.text), ("true", &first.text));
    for body in ["customer=", "customer=cus_A&x=1", "customer=cus_A&locale=xx"] {
        assert_eq!(post(&account, "k2", body).await.status, 400);
    }
    assert_eq!(post(&account, "k2", "customer=cus_A").await.status, 200);
}

#[tokio::test]
async fn modes_do_not_share_keys_and_reads_ignore_keys() {
    let account = Account::new().await;
    account.stripe.add_customer(Customer::new("cus_A").mode(Mode::Live));
    let test = post(&account, "k", "customer=cus_A").await;
    let live = account.post_in(Mode::Live, "customer=cus_A", &[("idempotency-key", "k")]).await;
    assert_eq!((live.status, live.header("idempotent-replayed")), (200, ""));
    assert_ne!(live.text, test.text);
    for _ in 0..2 {
        let headers = [("authorization", &*account.bearer(Mode::Test)), ("idempotency-key", "k")];
        let response = account.send("GET", "/v1/customers/cus_A", &headers, "").await;
        assert_eq!(
            (response.status, response.header("idempotency-key"), response.header("idempotent-replayed")),
            (200, "", "")
        );
    }
}

#[tokio::test]
async fn refuses_empty_too_long_and_duplicate_keys() {
    let account = Account::new().await;
    assert_eq!(post(&account, &"k".repeat(255), "customer=cus_A").await.status, 200);
    for key in ["", &"k".repeat(256)] {
        assert!(is_idempotency_error(&post(&account, key, "customer=cus_A").await, 400));
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    assert!(is_idempotency_error(&account.post_in(Mode::Test, "customer=cus_A", &twice).await, 400));
}

#[tokio::test]
async fn key_in_progress_conflicts_and_is_replayed_afterwards() {
    let account = Account::new().await;
    let (received, release) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let shared = (Arc::clone(&received), Arc::clone(&release));
    account.stripe.tamper(Some(Arc::new(move |_, answer| {
        let (received, release) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
        Box::pin(async move {
            received.notify_one();
            release.acquire().await.unwrap().forget();
            answer
        })
    })));
    let (first, concurrent) = tokio::join!(post(&account, "k", "customer=cus_A"), async {
        received.notified().await;
        account.stripe.tamper(None);
        let concurrent = post(&account, "k", "customer=cus_A").await;
        release.add_permits(1);
        concurrent
    });
    assert_eq!((first.status, concurrent.status), (200, 409));
    assert!(is_idempotency_error(&concurrent, 409));
    assert_eq!(concurrent.json()["error"]["code"], "idempotency_key_in_use");
    assert_eq!(post(&account, "k", "customer=cus_A").await.text, first.text);
}

#[tokio::test]
async fn changed_or_lost_response_is_replayed_unchanged() {
    let account = Account::new().await;
    account.stripe.tamper(Some(Arc::new(|_, answer| Box::pin(async { crate::Answer { status: 503, ..answer } }))));
    assert_eq!(post(&account, "changed", "customer=cus_A").await.status, 503);
    account.stripe.tamper(Some(Arc::new(|_, _| Box::pin(async { panic!("the response is lost") }))));
    assert_eq!(post(&account, "lost", "customer=cus_A").await.status, 500);
    account.stripe.tamper(None);
    for key in ["changed", "lost"] {
        let response = post(&account, key, "customer=cus_A").await;
        assert_eq!((response.status, response.header("idempotent-replayed")), (200, "true"), "{key}");
    }
}
