//! The order of the layers around each service, read from the types of the assembled stacks.

use billing_portal::wiring;

use crate::support::{process::valid_settings, settings::config};

/// The layers outside `audit`, which prepare or record a call.
const RECORDS: [&str; 6] = [
    "layers::not_grpc::",
    "layers::detach::",
    "layers::call_id::",
    "layers::final_status::",
    "layers::log::",
    "layers::metrics::",
];

/// The layers inside `audit`, which can refuse a call.
const CHECKS: [&str; 4] = ["layers::panic::", "layers::load_shed::", "layers::deadline::", "grpc::caller::"];

/// The layers inside the interceptor, which need a verified person.
const PERSON: [&str; 2] = ["layers::person_limit::", "layers::message::"];

#[tokio::test]
async fn each_service_has_its_layers_in_the_documented_order() {
    let (_folder, arguments) = valid_settings();
    let service = wiring::build(config(arguments)).await.unwrap();
    let (audit, owner, principal) = (["layers::audit::"], ["::AdmitOwner"], ["::AdmitPrincipal"]);
    // The stacks of BillingPortal, of PortalAccess, and of unknown services.
    for (stack, expected) in service.stacks.iter().zip([
        [&RECORDS[..], &audit, &CHECKS, &owner, &PERSON].concat(),
        [&RECORDS[..], &CHECKS, &principal, &PERSON].concat(),
        [&RECORDS[..], &CHECKS].concat(),
    ]) {
        let layers = stack.layers();
        assert_eq!(layers.len(), expected.len(), "{layers:#?}");
        for (layer, name) in layers.iter().zip(expected) {
            assert!(layer.contains(name), "{layer} is not {name}");
        }
    }
}
