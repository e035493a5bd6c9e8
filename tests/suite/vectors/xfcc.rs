//! The examples of `x-forwarded-client-cert` in Envoy's documentation, sent to the real server.

use super::{Tally, read};
use crate::support::{
    World,
    world::{bearer, home},
};

/// Sends a header, and returns the outcome and the caller that the audit entry names.
async fn call(world: &World, header: &str) -> (Result<(), String>, String) {
    let mut request = bearer(&world.olivia(), home());
    request.metadata_mut().insert("x-forwarded-client-cert", header.parse().unwrap());
    let outcome = world.send(request).await.map(drop).map_err(|error| error.reason);
    (outcome, world.audit().last().unwrap()["caller"].as_str().unwrap().to_owned())
}

/// The URIs of the examples are not SPIFFE IDs, so they cannot be allowed. Each example is sent as it is and with SPIFFE IDs.
#[tokio::test]
async fn caller_in_the_examples_of_envoy_is_the_uri_of_the_last_element() {
    let allowed = "--allowed-callers=spiffe://testclient.lyft.com/x,spiffe://frontend.lyft.com/x";
    let world = World::with(&["--caller-identity=istio", allowed]).await;
    let callers = ["testclient.lyft.com", "frontend.lyft.com", "testclient.lyft.com"];
    let file = read("envoy/x-forwarded-client-cert.json");
    let examples = file["examples"].as_array().unwrap();
    assert_eq!(examples.len(), callers.len());
    let mut tally = Tally::default();
    for (example, caller) in examples.iter().zip(callers) {
        let header = example["header"].as_str().unwrap();
        let refused = (Err("CALLER_NOT_ALLOWED".to_owned()), format!("http://{caller}"));
        assert_eq!(call(&world, header).await, refused, "{header}");
        tally.count("identified, not allowed: the URI is not a SPIFFE ID");
        let mut with_ids = header.to_owned();
        for host in ["testclient.lyft.com", "frontend.lyft.com"] {
            with_ids = with_ids.replace(&format!("URI=http://{host}"), &format!("URI=spiffe://{host}/x"));
        }
        assert_eq!(call(&world, &with_ids).await, (Ok(()), format!("spiffe://{caller}/x")), "{with_ids}");
        tally.count("with SPIFFE IDs: allowed");
    }
    let expected = "3 identified, not allowed: the URI is not a SPIFFE ID\n3 with SPIFFE IDs: allowed";
    tally.assert("Envoy x-forwarded-client-cert", expected);
}
