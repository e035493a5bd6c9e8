//! The order of the layers around each service, read from the assembled stacks.

use billing_portal::{commands, wiring};

use crate::support::process::valid_settings;

/// Outside the audit: everything that records the call's outcome.
const RECORDS: [&str; 6] = ["not_grpc", "detach", "call_id", "final_status", "log", "metrics"];

/// Inside the audit: everything that can refuse the call.
const CHECKS: [&str; 5] = ["refusal", "panic", "load_shed", "deadline", "caller"];

/// The token and the role.
const INTERCEPTOR: &str = "auth";

#[tokio::test]
async fn each_service_has_its_layers_in_the_documented_order() {
    let (_folder, arguments) = valid_settings();
    let arguments = std::iter::once("billing-portal".to_owned()).chain(arguments);
    let service = wiring::build(commands::parse(arguments).unwrap().1).await.unwrap();
    let [billing_portal, portal_access, unknown] = service.stacks.each_ref().map(wiring::stacks::ServiceStack::layers);
    assert_eq!(billing_portal, [&RECORDS[..], &["audit"], &CHECKS, &[INTERCEPTOR]].concat());
    assert_eq!(portal_access, [&RECORDS[..], &CHECKS, &[INTERCEPTOR]].concat());
    assert_eq!(unknown, [&RECORDS[..], &CHECKS].concat());
}
