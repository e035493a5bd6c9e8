//! The choice of the fault for a request, and the results of repeated requests.

use super::{Account, Response};
use crate::{Customer, Endpoint, Fault, Injection, Mode};

async fn post_with_key(account: &Account, key: &str) -> Response {
    account.post_in(Mode::Test, "customer=cus_A", &[("idempotency-key", key)]).await
}

#[test]
fn every_fault_has_a_name_and_a_description() {
    for fault in Fault::ALL {
        assert_eq!(fault.to_string().parse(), Ok(*fault));
        assert!(fault.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        assert!(fault.description().ends_with('.') && !fault.description().starts_with(' '), "{fault}");
        // A customer ID that names the fault does not select another fault.
        for id in [format!("cus_Fault{}", fault.camel_case()), format!("cus_Fault{}x2", fault.camel_case())] {
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            assert_eq!(Fault::of_customer_id(&id), Some(*fault), "{id}");
        }
    }
    for id in ["cus_A", "cus_Fault", "cus_FaultHang2", "cus_Faulthang", "cus_FaultUnheardOf"] {
        assert_eq!(Fault::of_customer_id(id), None, "{id}");
    }
}

#[test]
fn injection_round_trips_through_text() {
    for text in ["hang", "status-503 on=sessions first=2 should-retry=true", "status-500 should-retry=false"] {
        assert_eq!(text.parse::<Injection>().unwrap().to_string(), text);
    }
    let built = Injection::from(Fault::Status503).on(Endpoint::Sessions).first(2).should_retry(true);
    assert_eq!("status-503 should-retry=true  first=2 on=sessions".parse(), Ok(built));
    for bad in [
        "",
        "Hang",
        "hang on",
        "hang on=invoices",
        "hang first=-1",
        "hang should-retry=maybe",
        "hang at=1",
        "on=sessions",
    ] {
        assert!(bad.parse::<Injection>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn fault_is_limited_to_endpoint_and_number_of_requests() {
    let account = Account::new().await;
    account.stripe.inject(Injection::from(Fault::Status503).on(Endpoint::Sessions).first(2));
    account.stripe.inject(Injection::from(Fault::Status502).first(1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((account.get("/v1/customers/cus_A").await.status, account.post("customer=cus_A").await.status));
    }
    assert_eq!(seen, [(502, 503), (200, 503), (200, 200), (200, 200)]);
    account.stripe.inject(Fault::Status401);
    for path in ["/v1/account", "/v1/billing_portal/configurations", "/v1/customers/cus_A", "/v1/nowhere"] {
        assert_eq!(account.get(path).await.status, 401, "{path}");
    }
    account.stripe.clear_faults();
    assert_eq!(account.get("/v1/account").await.status, 200);
}

#[tokio::test]
async fn fault_of_customer_applies_only_to_that_customer() {
    let account = Account::new().await;
    account.stripe.add_customer(Customer::new("cus_M").metadata("simulator_fault", "status-503 first=1"));
    account.stripe.add_customer(Customer::new("cus_T").metadata("simulator_fault", "hang").fault(Fault::Status504));
    account.stripe.add_customer(Customer::new("cus_FaultStatus409x1"));
    account.stripe.add_customer(Customer::new("cus_U").metadata("simulator_fault", "unheard-of"));
    for (customer, status) in [
        ("cus_M", 503),
        ("cus_M", 200),
        ("cus_T", 504),
        ("cus_T", 504),
        ("cus_FaultStatus409x1", 409),
        ("cus_FaultStatus500", 500),
        ("cus_FaultUnheardOf", 404),
        ("cus_U", 500),
        ("cus_A", 200),
    ] {
        assert_eq!(account.get(&format!("/v1/customers/{customer}")).await.status, status, "{customer}");
    }
    assert_eq!(account.get("/v1/customers/cus_U").await.message(), "unknown fault 'unheard-of'");
    // Adding the customer again resets the count.
    account.stripe.add_customer(Customer::new("cus_M").metadata("simulator_fault", "status-503 first=1"));
    assert_eq!(account.post("customer=cus_M").await.status, 503);
    assert_eq!(account.post("customer=cus_M").await.status, 200);
    // Injected faults apply when the customer's own fault no longer applies.
    account.stripe.inject(Fault::Status401);
    assert_eq!(account.get("/v1/customers/cus_M").await.status, 401);
    assert_eq!(account.get("/v1/customers/cus_T").await.status, 504);
}

#[tokio::test]
async fn should_retry_header_is_present_only_if_configured() {
    let account = Account::new().await;
    for fault in [Fault::Status409, Fault::LockTimeout, Fault::Status429, Fault::Status500, Fault::Status502] {
        for should_retry in [None, Some(true), Some(false)] {
            let injection = Injection::from(fault);
            account.stripe.inject(should_retry.map_or(injection, |should_retry| injection.should_retry(should_retry)));
            let response = account.get("/v1/customers/cus_A").await;
            let expected = should_retry.map_or(String::new(), |should_retry| should_retry.to_string());
            assert_eq!(response.header("stripe-should-retry"), expected, "{fault}");
            account.stripe.clear_faults();
        }
    }
}

#[tokio::test]
async fn repeated_request_is_replayed_or_executed_depending_on_fault() {
    let account = Account::new().await;
    // These faults affect the response only: the request was processed, so it is replayed.
    for fault in [Fault::Status502, Fault::Status504, Fault::Html, Fault::TruncatedJson, Fault::OtherCustomer] {
        account.stripe.inject(Injection::from(fault).first(1));
        post_with_key(&account, fault.name()).await;
        let again = post_with_key(&account, fault.name()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{fault}");
        assert_eq!(again.json()["customer"], "cus_A");
    }
    // These faults refuse the request before it is processed.
    for fault in [Fault::Status401, Fault::Status403, Fault::Status409, Fault::RateLimit, Fault::Status503] {
        account.stripe.inject(Injection::from(fault).first(1));
        assert_ne!(post_with_key(&account, fault.name()).await.status, 200);
        let again = post_with_key(&account, fault.name()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, ""), "{fault}");
    }
    // A failure during processing is kept for the key.
    account.stripe.inject(Injection::from(Fault::Status500).first(1));
    assert_eq!(post_with_key(&account, "failed").await.status, 500);
    let again = post_with_key(&account, "failed").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (500, "true"));
    assert_eq!(post_with_key(&account, "another").await.status, 200);
}

#[tokio::test]
async fn session_of_other_customer_opens_portal_of_that_customer() {
    let account = Account::new().await;
    account.stripe.inject(Fault::OtherCustomer);
    let session = account.post("customer=cus_A").await.json();
    assert_eq!(session["customer"], "cus_B");
    assert_eq!(account.stripe.customer_of(session["url"].as_str().unwrap()).as_deref(), Some("cus_B"));
}

#[tokio::test]
async fn invalid_key_is_refused_unless_fault_replaces_response() {
    let account = Account::new().await;
    account.stripe.add_customer(Customer::new("cus_M").fault(Fault::Status503));
    account.stripe.inject(Fault::OtherMode);
    let wrong = [("authorization", "Bearer sk_test_wrong")];
    for path in ["/v1/customers/cus_M", "/v1/customers/cus_A"] {
        assert_eq!(account.send("GET", path, &wrong, "").await.status, 401, "{path}");
    }
    account.stripe.clear_faults();
    account.stripe.inject(Fault::Status504);
    assert_eq!(account.send("GET", "/v1/customers/cus_A", &wrong, "").await.status, 504);
}
