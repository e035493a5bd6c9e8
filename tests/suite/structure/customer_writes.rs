//! The service contains no code that writes to customers at Stripe. Only the binary of the backfill does.

use std::process::Command;

use super::sources::{code_without_tests, sources};

/// The name of the request in traces. The binary that sends the request contains it.
const WRITE: &str = "POST /v1/customers/{id}";

const BACKFILL: &str = "src/bin/billing-portal-backfill";

/// What a request to a customer is built with, and the files of the service that may name it.
const BUILT_WITH: [(&str, &[&str]); 5] = [
    (WRITE, &[]),
    ("UpdateCustomer", &[]),
    // Only reads are built without a typed request.
    ("RequestBuilder::new(StripeMethod::Post", &[]),
    ("stripe_core::customer::RetrieveCustomer;", &["src/adapters/stripe/request.rs"]),
    ("stripe_core::", &["src/adapters/stripe/request.rs"]),
];

#[test]
fn only_the_backfill_names_a_write_to_customers() {
    let (backfill, service): (Vec<_>, Vec<_>) =
        sources("src").into_iter().partition(|(path, _)| path.starts_with(BACKFILL));
    assert!(backfill.iter().any(|(_, text)| text.contains(WRITE) && text.contains("UpdateCustomer")));
    for (name, allowed) in BUILT_WITH {
        let found: Vec<_> = service
            .iter()
            .filter(|(_, text)| code_without_tests(text).contains(name))
            .map(|(path, _)| path.display().to_string())
            .collect();
        assert_eq!(found, allowed, "{name}");
    }
}

#[test]
fn binary_of_the_service_does_not_contain_the_write() {
    let contains = |binary: &str, text: &str| {
        let mut grep = Command::new("grep");
        grep.args(["--binary-files=text", "--quiet", "--fixed-strings", "--regexp", text, binary]);
        match grep.status().unwrap().code() {
            Some(0) => true,
            Some(1) => false,
            other => panic!("grep: {other:?}"),
        }
    };
    let (service, backfill) = (env!("CARGO_BIN_EXE_billing-portal"), env!("CARGO_BIN_EXE_billing-portal-backfill"));
    assert!(contains(service, "POST /v1/billing_portal/sessions") && !contains(service, WRITE));
    assert!(contains(backfill, WRITE));
}
