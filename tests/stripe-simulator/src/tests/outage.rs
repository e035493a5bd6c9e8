//! Connections that are refused, and certificates that nobody should trust.

use tokio::net::TcpStream;

use super::caller::{Caller, Outcome, WAYS};
use crate::{Customer, Fault, Injection};

const CERTIFICATES: [(Fault, &str); 3] = [
    (Fault::CertificateExpired, "Expired"),
    (Fault::CertificateOfOtherName, "NotValidForName"),
    (Fault::CertificateOfUnknownCa, "UnknownIssuer"),
];

fn is_honest(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer { status: 200, .. })
}

#[tokio::test]
async fn refused_connections_are_refused_until_the_fault_is_cleared() {
    for way in WAYS {
        let caller = Caller::new(way).await;
        assert!(is_honest(&caller.read("cus_A").await));
        let address = caller.stripe.base_url().rsplit_once('/').unwrap().1;
        caller.stripe.inject(Fault::ConnectionRefused);
        caller.stripe.inject(Fault::ConnectionRefused);
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        // A kept connection is of no use either, and then there is none.
        assert!(!is_honest(&caller.read("cus_A").await));
        let Outcome::NoAnswer(error) = caller.read("cus_A").await else { panic!("{way:?}") };
        assert!(error.contains("ConnectionRefused"), "{error}");
        caller.stripe.clear_faults();
        assert!(is_honest(&caller.read("cus_A").await), "{way:?}");
    }
}

#[tokio::test]
async fn a_bad_certificate_is_shown_to_new_connections_and_the_old_ones_end() {
    for way in [WAYS[2], WAYS[3]] {
        for (fault, said) in CERTIFICATES {
            let caller = Caller::new(way).await;
            assert!(is_honest(&caller.read("cus_A").await));
            caller.stripe.inject(fault);
            // The kept connection, at the latest.
            assert!(!is_honest(&caller.read("cus_A").await));
            let Outcome::NoAnswer(error) = caller.read("cus_A").await else { panic!("{fault}") };
            assert!(error.contains(said), "{fault}: {error}");
            caller.stripe.clear_faults();
            assert!(is_honest(&caller.read("cus_A").await), "{fault}");
        }
    }
}

#[tokio::test]
async fn bad_certificates_can_be_counted() {
    let mut caller = Caller::new(WAYS[2]).await;
    caller.stripe.inject(Injection::from(Fault::CertificateExpired).first(2));
    for honest in [false, false, true, true] {
        caller.reconnect();
        assert_eq!(is_honest(&caller.read("cus_A").await), honest);
    }
}

#[tokio::test]
async fn one_fault_of_connections_takes_the_place_of_another() {
    let caller = Caller::new(WAYS[3]).await;
    caller.stripe.inject(Fault::ConnectionRefused);
    caller.stripe.inject(Fault::CertificateExpired);
    let Outcome::NoAnswer(error) = caller.read("cus_A").await else { panic!("no fault") };
    assert!(error.contains("Expired"), "{error}");
    caller.stripe.inject(Fault::ConnectionRefused);
    let Outcome::NoAnswer(error) = caller.read("cus_A").await else { panic!("no fault") };
    assert!(error.contains("ConnectionRefused"), "{error}");
}

#[tokio::test]
async fn without_tls_a_bad_certificate_is_a_closed_connection() {
    let caller = Caller::new(WAYS[0]).await;
    caller.stripe.inject(Fault::CertificateExpired);
    assert!(!is_honest(&caller.read("cus_A").await));
    caller.stripe.clear_faults();
    assert!(is_honest(&caller.read("cus_A").await));
}

#[tokio::test]
async fn an_outage_that_a_customer_brings_befalls_all_and_ends_by_itself() {
    let caller = Caller::new(WAYS[2]).await;
    for (fault, said) in [(Fault::ConnectionRefused, "ConnectionRefused"), CERTIFICATES[0]] {
        caller.stripe.add_customer(Customer::new("cus_M").fault(fault));
        assert!(!is_honest(&caller.read("cus_M").await), "{fault}");
        let Outcome::NoAnswer(error) = caller.read("cus_A").await else { panic!("{fault}") };
        assert!(error.contains(said), "{fault}: {error}");
        while !is_honest(&caller.read("cus_A").await) {
            tokio::task::yield_now().await;
        }
    }
}
