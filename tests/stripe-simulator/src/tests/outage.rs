//! Refused connections and invalid certificates.

use tokio::net::TcpStream;

use super::caller::{Caller, Outcome, PROTOCOLS};
use crate::{Customer, Fault, Injection};

const CERTIFICATES: [(Fault, &str); 3] = [
    (Fault::CertificateExpired, "Expired"),
    (Fault::CertificateOfOtherName, "NotValidForName"),
    (Fault::CertificateOfUnknownCa, "UnknownIssuer"),
];

fn is_success(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Response { status: 200, .. })
}

#[tokio::test]
async fn connections_are_refused_until_fault_is_cleared() {
    for protocol in PROTOCOLS {
        let caller = Caller::new(protocol).await;
        assert!(is_success(&caller.read("cus_A").await));
        let address = caller.stripe.base_url().rsplit_once('/').unwrap().1;
        caller.stripe.inject(Fault::ConnectionRefused);
        caller.stripe.inject(Fault::ConnectionRefused);
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        // The pooled connection fails first. The next request needs a new connection.
        assert!(!is_success(&caller.read("cus_A").await));
        let Outcome::Failed(error) = caller.read("cus_A").await else { panic!("{protocol:?}") };
        assert!(error.contains("ConnectionRefused"), "{error}");
        caller.stripe.clear_faults();
        assert!(is_success(&caller.read("cus_A").await), "{protocol:?}");
    }
}

#[tokio::test]
async fn certificate_fault_breaks_new_and_open_connections() {
    for protocol in [PROTOCOLS[2], PROTOCOLS[3]] {
        for (fault, expected) in CERTIFICATES {
            let caller = Caller::new(protocol).await;
            assert!(is_success(&caller.read("cus_A").await));
            caller.stripe.inject(fault);
            // This request may still find the pooled connection, which the fault has closed.
            assert!(!is_success(&caller.read("cus_A").await));
            let Outcome::Failed(error) = caller.read("cus_A").await else { panic!("{fault}") };
            assert!(error.contains(expected), "{fault}: {error}");
            caller.stripe.clear_faults();
            assert!(is_success(&caller.read("cus_A").await), "{fault}");
        }
    }
}

#[tokio::test]
async fn first_limits_certificate_fault_to_handshakes() {
    let mut caller = Caller::new(PROTOCOLS[2]).await;
    caller.stripe.inject(Injection::from(Fault::CertificateExpired).first(2));
    for success in [false, false, true, true] {
        caller.reconnect();
        assert_eq!(is_success(&caller.read("cus_A").await), success);
    }
}

#[tokio::test]
async fn later_connection_fault_replaces_earlier_one() {
    let caller = Caller::new(PROTOCOLS[3]).await;
    caller.stripe.inject(Fault::ConnectionRefused);
    caller.stripe.inject(Fault::CertificateExpired);
    let Outcome::Failed(error) = caller.read("cus_A").await else { panic!("no fault") };
    assert!(error.contains("Expired"), "{error}");
    caller.stripe.inject(Fault::ConnectionRefused);
    let Outcome::Failed(error) = caller.read("cus_A").await else { panic!("no fault") };
    assert!(error.contains("ConnectionRefused"), "{error}");
}

#[tokio::test]
async fn certificate_fault_without_tls_closes_connection() {
    let caller = Caller::new(PROTOCOLS[0]).await;
    caller.stripe.inject(Fault::CertificateExpired);
    assert!(!is_success(&caller.read("cus_A").await));
    caller.stripe.clear_faults();
    assert!(is_success(&caller.read("cus_A").await));
}

#[tokio::test]
async fn outage_of_customer_affects_all_requests_and_ends_automatically() {
    let caller = Caller::new(PROTOCOLS[2]).await;
    for (fault, expected) in [(Fault::ConnectionRefused, "ConnectionRefused"), CERTIFICATES[0]] {
        caller.stripe.add_customer(Customer::new("cus_M").fault(fault));
        assert!(!is_success(&caller.read("cus_M").await), "{fault}");
        let Outcome::Failed(error) = caller.read("cus_A").await else { panic!("{fault}") };
        assert!(error.contains(expected), "{fault}: {error}");
        while !is_success(&caller.read("cus_A").await) {
            tokio::task::yield_now().await;
        }
    }
}
