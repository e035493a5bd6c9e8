//! Which fault befalls which request, how often, and what a repeated request finds.

use super::{Account, Told};
use crate::{Customer, Endpoint, Fault, Injection, Mode};

async fn keyed(account: &Account, key: &str) -> Told {
    account.post_in(Mode::Test, "customer=cus_A", &[("idempotency-key", key)]).await
}

#[test]
fn every_fault_has_a_name_that_parses_and_a_line_that_says_what_it_does() {
    for fault in Fault::ALL {
        assert_eq!(fault.to_string().parse(), Ok(*fault));
        assert!(fault.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        assert!(fault.description().ends_with('.') && !fault.description().starts_with(' '), "{fault}");
        // The id that names it names no other.
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
fn an_injection_reads_as_it_is_written() {
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
async fn a_fault_keeps_to_its_endpoint_and_its_number_of_requests() {
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
async fn a_customer_brings_its_fault_by_metadata_by_id_or_as_told_and_befalls_no_other() {
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
    assert_eq!(account.get("/v1/customers/cus_U").await.message(), "there is no fault 'unheard-of'");
    // Told anew, it begins anew.
    account.stripe.add_customer(Customer::new("cus_M").metadata("simulator_fault", "status-503 first=1"));
    assert_eq!(account.post("customer=cus_M").await.status, 503);
    assert_eq!(account.post("customer=cus_M").await.status, 200);
    // Once a customer's fault is over, the others' may come.
    account.stripe.inject(Fault::Status401);
    assert_eq!(account.get("/v1/customers/cus_M").await.status, 401);
    assert_eq!(account.get("/v1/customers/cus_T").await.status, 504);
}

#[tokio::test]
async fn stripe_says_whether_to_try_again_only_when_it_is_told_to() {
    let account = Account::new().await;
    for fault in [Fault::Status409, Fault::LockTimeout, Fault::Status429, Fault::Status500, Fault::Status502] {
        for should_retry in [None, Some(true), Some(false)] {
            let injection = Injection::from(fault);
            account.stripe.inject(should_retry.map_or(injection, |should_retry| injection.should_retry(should_retry)));
            let told = account.get("/v1/customers/cus_A").await;
            let expected = should_retry.map_or(String::new(), |should_retry| should_retry.to_string());
            assert_eq!(told.header("stripe-should-retry"), expected, "{fault}");
            account.stripe.clear_faults();
        }
    }
}

#[tokio::test]
async fn a_repeated_request_finds_the_work_done_undone_or_failed() {
    let account = Account::new().await;
    // What was lost on the way back was done: the repeated request is told of it.
    for fault in [Fault::Status502, Fault::Status504, Fault::Html, Fault::TruncatedJson, Fault::OtherCustomer] {
        account.stripe.inject(Injection::from(fault).first(1));
        keyed(&account, fault.name()).await;
        let again = keyed(&account, fault.name()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{fault}");
        assert_eq!(again.json()["customer"], "cus_A");
    }
    // What was refused before any work was not.
    for fault in [Fault::Status401, Fault::Status403, Fault::Status409, Fault::RateLimit, Fault::Status503] {
        account.stripe.inject(Injection::from(fault).first(1));
        assert_ne!(keyed(&account, fault.name()).await.status, 200);
        let again = keyed(&account, fault.name()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, ""), "{fault}");
    }
    // And what failed in the middle stays so under its key.
    account.stripe.inject(Injection::from(Fault::Status500).first(1));
    assert_eq!(keyed(&account, "failed").await.status, 500);
    let again = keyed(&account, "failed").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (500, "true"));
    assert_eq!(keyed(&account, "another").await.status, 200);
}

#[tokio::test]
async fn another_customers_session_opens_that_customers_portal() {
    let account = Account::new().await;
    account.stripe.inject(Fault::OtherCustomer);
    let told = account.post("customer=cus_A").await.json();
    assert_eq!(told["customer"], "cus_B");
    assert_eq!(account.stripe.customer_of(told["url"].as_str().unwrap()).as_deref(), Some("cus_B"));
}

#[tokio::test]
async fn a_request_without_a_good_key_is_refused_honestly_unless_something_befalls_it_on_the_way() {
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
