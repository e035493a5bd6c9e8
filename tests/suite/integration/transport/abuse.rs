//! Integration: clients that flood or stall a connection. They delay neither other clients nor a drain.

use std::time::Duration;

use prost::Message as _;
use tokio::time::timeout;

use crate::support::{
    World,
    http2::{DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, RawClient},
    raw_call::{OPEN, frame},
    world::home,
};

/// SETTINGS_INITIAL_WINDOW_SIZE of 0 (RFC 9113, section 6.5.2).
const CLOSED_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// CANCEL (RFC 9113, section 7).
const CANCEL: [u8; 4] = [0, 0, 0, 8];

#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    let world = World::start().await;
    let mut client = RawClient::connect(world.address).await;
    let token = world.olivia();
    for stream in 0..500 {
        client.call(1 + 2 * stream, OPEN, &token).await;
        client.send(RST_STREAM, 0, 1 + 2 * stream, &CANCEL).await;
    }
    let goaway = client.receive(GOAWAY).await.expect("the connection is not ended");
    // ENHANCE_YOUR_CALM (RFC 9113, section 7).
    assert_eq!(goaway.payload[4..8], [0, 0, 0, 11]);
    assert!(world.stripe.requests().is_empty());
    world.open(&token).await.unwrap();
    assert!(world.outcomes().iter().all(|reason| reason == "CANCELLED" || reason == "OVERLOADED" || reason == "OK"));
}

#[tokio::test]
async fn connection_with_half_a_header_block_is_replaced() {
    // The world's own connection is the first, and is in use.
    let world = World::with(&["--max-connections=2"]).await;
    let mut stalled = RawClient::connect(world.address).await;
    stalled.answered().await;
    // Without END_HEADERS, a CONTINUATION must follow (RFC 9113, section 6.2).
    stalled.send(HEADERS, 0, 1, &[0x83]).await;
    let mut second = RawClient::connect(world.address).await;
    second.answered().await;
    let closed = async { while stalled.frame().await.is_some() {} };
    timeout(Duration::from_secs(20), closed).await.expect("the stalled connection is not closed");
    assert!(world.stripe.requests().is_empty());
}

#[tokio::test]
async fn reader_that_never_opens_its_window_delays_neither_calls_nor_the_drain() {
    let mut world = World::with(&["--drain-timeout=300ms"]).await;
    let mut client = RawClient::connect_with(world.address, &CLOSED_WINDOW).await;
    let token = world.olivia();
    client.call(1, OPEN, &token).await;
    client.send(DATA, END_STREAM, 1, &frame(0, &home().encode_to_vec())).await;
    // The head of the response needs no window, and its message never fits.
    assert_eq!(client.receive(HEADERS).await.unwrap().stream, 1);
    for _ in 0..20 {
        world.open(&token).await.unwrap();
    }
    world.shut_down();
    timeout(Duration::from_secs(20), world.stopped()).await.expect("the drain does not end");
}
