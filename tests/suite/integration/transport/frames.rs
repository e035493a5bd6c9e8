//! Integration: clients that break the rules of HTTP/2, as the log shows them.

use crate::support::{
    World,
    http2::{ACK, DATA, PING, RawClient},
    service::Service,
};

/// Starts the service as a process on the files of a world. Returns its address as well.
async fn start(world: &World, variables: &[(&str, &str)]) -> (Service, String) {
    let arguments = world.settings(&["--listen=127.0.0.1:0", "--audit=file:/dev/null"]);
    let mut service = Service::start(&arguments, variables);
    let address = service.wait_for_log("listening").await["address"].as_str().unwrap().to_owned();
    (service, address)
}

#[tokio::test]
async fn malformed_frame_during_a_message_is_logged_with_its_own_cause() {
    let world = World::start().await;
    let (mut service, address) = start(&world, &[]).await;
    let mut client = RawClient::connect(&address).await;
    client.call(1, "/billing.portal.v1.BillingPortal/CreatePortalSession", &world.olivia()).await;
    client.answered().await;
    // DATA belongs to a stream (RFC 9113, section 6.1).
    client.send(DATA, 0, 0, &[0]).await;
    let line = service.wait_for_log("request refused").await;
    assert_eq!(line["reason"], "CANCELLED");
    assert_eq!(line["cause"], "caller sent malformed HTTP/2: unspecific protocol error detected");
    let mut client = RawClient::connect(&address).await;
    client.call(1, "/billing.portal.v1.BillingPortal/CreatePortalSession", &world.olivia()).await;
    client.answered().await;
    drop(client);
    let line = service.wait_for_log("request refused").await;
    assert_eq!(line["reason"], "CANCELLED");
    assert_eq!(line["cause"], "caller cancelled or disconnected before its message was complete");
}

#[tokio::test]
async fn unsolicited_ping_acknowledgement_is_logged_only_on_request() {
    let world = World::start().await;
    for (filter, is_logged) in [("trace", false), ("trace,h2=warn", true)] {
        let (service, address) = start(&world, &[("RUST_LOG", filter)]).await;
        let mut client = RawClient::connect(&address).await;
        client.send(PING, ACK, 0, b"unasked!").await;
        client.answered().await;
        let log = service.stop().await;
        assert_eq!(log.contains("recv PING ack"), is_logged, "{filter}: {log}");
    }
}
