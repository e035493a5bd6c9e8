//! Faults that interrupt a response, with both HTTP versions, plain and over TLS.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::caller::{Caller, End, Outcome, PROTOCOLS};
use crate::{Customer, Fault, Mode};

/// Returns a caller for each protocol, with a customer for each fault.
async fn callers() -> Vec<Caller> {
    let mut callers = Vec::new();
    for protocol in PROTOCOLS {
        let caller = Caller::new(protocol).await;
        for fault in Fault::ALL {
            caller.stripe.add_customer(Customer::new(&format!("cus_Fault{}", fault.camel_case())));
        }
        callers.push(caller);
    }
    callers
}

#[tokio::test]
async fn serves_both_http_versions_plain_and_over_tls() {
    for protocol in PROTOCOLS {
        let caller = Caller::new(protocol).await;
        assert_eq!(caller.stripe.base_url().starts_with("https://127.0.0.1:"), protocol.tls);
        assert_eq!(caller.stripe.ca_pem().is_some(), protocol.tls);
        let Outcome::Response { status, end, .. } = caller.open("cus_A").await else { panic!("{protocol:?}") };
        assert_eq!((status, end), (200, End::Whole), "{protocol:?}");
        let Outcome::Response { status, .. } = caller.read("cus_A").await else { panic!("{protocol:?}") };
        assert_eq!(status, 200, "{protocol:?}");
    }
}

#[tokio::test]
async fn hanging_response_has_no_head() {
    for caller in callers().await {
        let outcome = timeout(Duration::from_millis(50), caller.read("cus_FaultHang")).await;
        assert!(outcome.is_err(), "{outcome:?}");
        // Other requests are not affected.
        assert!(matches!(caller.read("cus_A").await, Outcome::Response { status: 200, .. }));
    }
}

#[tokio::test]
async fn response_that_hangs_in_its_body_has_a_head_and_the_first_half() {
    for caller in callers().await {
        let path = "/v1/customers/cus_FaultHangInBody";
        let Outcome::Response { status, body, end, .. } = caller.send("GET", path, String::new(), 1).await else {
            panic!("no head");
        };
        assert_eq!((status, end), (200, End::Unread));
        assert!(body.starts_with(br#"{"id":"cus_FaultHangInBody""#) && !body.ends_with(b"}"));
        let whole = timeout(Duration::from_millis(50), caller.send("GET", path, String::new(), body.len() + 1)).await;
        assert!(whole.is_err(), "{whole:?}");
    }
}

#[tokio::test]
async fn dripping_body_follows_head_one_byte_at_a_time() {
    for caller in callers().await {
        let path = "/v1/customers/cus_FaultBodyDrips";
        let Outcome::Response { status, body, end, .. } = caller.send("GET", path, String::new(), 2).await else {
            panic!("no head");
        };
        assert_eq!((status, body.as_slice(), end), (200, b"  ".as_slice(), End::Unread));
    }
}

#[tokio::test]
async fn reset_before_or_in_head_fails_request() {
    for caller in callers().await {
        for customer in ["cus_FaultReset", "cus_FaultResetInHead"] {
            let outcome = caller.read(customer).await;
            let Outcome::Failed(error) = &outcome else { panic!("{outcome:?}") };
            assert!(error.contains("ConnectionReset"), "{customer}: {error}");
            assert!(matches!(caller.read("cus_A").await, Outcome::Response { status: 200, .. }));
        }
    }
}

#[tokio::test]
async fn reset_in_body_follows_head_and_part_of_body() {
    for caller in callers().await {
        let outcome = caller.read("cus_FaultResetInBody").await;
        let Outcome::Response { status: 200, body, end: End::Broken(error), .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert!(error.contains("ConnectionReset"), "{error}");
        let begin = br#"{"id":"cus_FaultResetInBody""#;
        assert!(body.starts_with(begin) && serde_json::from_slice::<serde_json::Value>(body).is_err());
        assert!(matches!(caller.read("cus_A").await, Outcome::Response { status: 200, .. }));
    }
}

#[tokio::test]
async fn reset_in_head_sends_part_of_head() {
    let caller = Caller::new(PROTOCOLS[0]).await;
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

/// Sends the request twice over one connection, the second time after the first response, and returns what was received
/// and whether the connection was reset.
async fn send_twice(fault: Fault) -> (String, bool) {
    let caller = Caller::new(PROTOCOLS[0]).await;
    caller.stripe.inject(fault);
    let address = caller.stripe.base_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /v1/customers/cus_A HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "{fault}");
    }
    // Fails if the connection is closed already.
    drop(stream.write_all(request.as_bytes()).await);
    let is_reset = stream.read_to_end(&mut received).await.is_err();
    (String::from_utf8(received).unwrap(), is_reset)
}

#[tokio::test]
async fn used_connection_is_reset_at_next_request_or_closed_before_it() {
    let (received, is_reset) = send_twice(Fault::ResetReused).await;
    assert_eq!((received.matches("HTTP/1.1").count(), is_reset), (1, true));
    let (received, _) = send_twice(Fault::ClosedAfterResponse).await;
    assert_eq!(received.matches("HTTP/1.1").count(), 1);
    assert!(!received.contains("connection: close"), "{received}");
}

#[tokio::test]
async fn request_with_lost_response_was_processed() {
    let caller = Caller::new(PROTOCOLS[1]).await;
    caller.stripe.inject("reset-in-body first=1".parse::<crate::Injection>().unwrap());
    assert!(matches!(caller.open("cus_A").await, Outcome::Response { end: End::Broken(_), .. }));
    assert!(matches!(caller.open("cus_A").await, Outcome::Response { end: End::Whole, .. }));
    assert_eq!(caller.stripe.requests().len(), 2);
}
