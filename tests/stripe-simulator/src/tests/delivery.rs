//! What befalls an answer on its way, in both versions of HTTP, plain and over TLS.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::caller::{Caller, End, Outcome, WAYS};
use crate::{Customer, Fault, Mode};

/// A caller on each way, with a customer for each fault.
async fn callers() -> Vec<Caller> {
    let mut callers = Vec::new();
    for way in WAYS {
        let caller = Caller::new(way).await;
        for fault in Fault::ALL {
            caller.stripe.add_customer(Customer::new(&format!("cus_Fault{}", fault.camel_case())));
        }
        callers.push(caller);
    }
    callers
}

#[tokio::test]
async fn https_is_served_in_both_versions_to_whoever_trusts_the_ca() {
    for way in WAYS {
        let caller = Caller::new(way).await;
        assert_eq!(caller.stripe.base_url().starts_with("https://127.0.0.1:"), way.tls);
        assert_eq!(caller.stripe.ca_pem().is_some(), way.tls);
        let Outcome::Answer { status, end, .. } = caller.open("cus_A").await else { panic!("{way:?}") };
        assert_eq!((status, end), (200, End::Whole), "{way:?}");
        let Outcome::Answer { status, .. } = caller.read("cus_A").await else { panic!("{way:?}") };
        assert_eq!(status, 200, "{way:?}");
    }
}

#[tokio::test]
async fn an_answer_that_hangs_has_no_head() {
    for caller in callers().await {
        let answer = timeout(Duration::from_millis(50), caller.read("cus_FaultHang")).await;
        assert!(answer.is_err(), "{answer:?}");
        // It takes nothing else with it.
        assert!(matches!(caller.read("cus_A").await, Outcome::Answer { status: 200, .. }));
    }
}

#[tokio::test]
async fn a_body_that_drips_has_a_head_and_comes_a_byte_at_a_time() {
    for caller in callers().await {
        let path = "/v1/customers/cus_FaultBodyDrips";
        let Outcome::Answer { status, body, end, .. } = caller.send("GET", path, String::new(), 2).await else {
            panic!("no head");
        };
        assert_eq!((status, body.as_slice(), end), (200, b"  ".as_slice(), End::Unread));
    }
}

#[tokio::test]
async fn a_reset_is_one_before_the_head_or_in_it() {
    for caller in callers().await {
        for customer in ["cus_FaultReset", "cus_FaultResetInHead"] {
            let outcome = caller.read(customer).await;
            let Outcome::NoAnswer(error) = &outcome else { panic!("{outcome:?}") };
            assert!(error.contains("ConnectionReset"), "{customer}: {error}");
            assert!(matches!(caller.read("cus_A").await, Outcome::Answer { status: 200, .. }));
        }
    }
}

#[tokio::test]
async fn a_reset_in_the_body_comes_after_the_head_and_a_part() {
    for caller in callers().await {
        let outcome = caller.read("cus_FaultResetInBody").await;
        let Outcome::Answer { status: 200, body, end: End::Broken(error), .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert!(error.contains("ConnectionReset"), "{error}");
        let begin = br#"{"id":"cus_FaultResetInBody""#;
        assert!(body.starts_with(begin) && serde_json::from_slice::<serde_json::Value>(body).is_err());
        assert!(matches!(caller.read("cus_A").await, Outcome::Answer { status: 200, .. }));
    }
}

#[tokio::test]
async fn a_reset_in_the_head_leaves_a_part_of_it_on_the_wire() {
    let caller = Caller::new(WAYS[0]).await;
    caller.stripe.inject(Fault::ResetInHead);
    let address = caller.stripe.base_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let key = caller.stripe.secret_key(Mode::Test);
    let request = format!("GET /v1/customers/cus_A HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(String::from_utf8(read).unwrap(), "HTTP/1.1 200 OK\r\ncon");
}

#[tokio::test]
async fn what_is_lost_on_its_way_was_done() {
    let caller = Caller::new(WAYS[1]).await;
    caller.stripe.inject("reset-in-body first=1".parse::<crate::Injection>().unwrap());
    assert!(matches!(caller.open("cus_A").await, Outcome::Answer { end: End::Broken(_), .. }));
    assert!(matches!(caller.open("cus_A").await, Outcome::Answer { end: End::Whole, .. }));
    assert_eq!(caller.stripe.requests().len(), 2);
}
