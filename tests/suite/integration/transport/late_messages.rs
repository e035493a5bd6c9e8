//! Integration: messages that arrive after their calls were refused. Clients send the message in a frame of its own, so this
//! happens to a few of many calls.

use std::time::Duration;

use prost::Message as _;
use tokio::time::timeout;

use crate::support::{
    World,
    http2::{DATA, END_STREAM, HEADERS, RST_STREAM, RawClient},
    raw_call::{OPEN, frame},
    world::home,
};

/// More calls than 512 KiB, which the HTTP/2 library allows on a connection for the overhead of small frames that are not read:
/// each costs 256 bytes without its payload.
const CALLS: u32 = 4_000;

#[tokio::test]
async fn refused_calls_do_not_end_their_connection() {
    let world = World::start().await;
    let mut client = RawClient::connect(world.address).await;
    let message = frame(0, &home().encode_to_vec());
    let mut streams = (1..).step_by(2);
    for stream in streams.by_ref().take(CALLS as usize) {
        client.call(stream, OPEN, "x").await;
        let refusal = client.receive(HEADERS).await.expect("the connection is closed");
        assert_eq!(refusal.stream, stream);
        client.send(DATA, 0, stream, &message).await;
        client.send(DATA, END_STREAM, stream, &[]).await;
    }
    let stream = streams.next().unwrap();
    client.call(stream, OPEN, &world.olivia()).await;
    client.send(DATA, END_STREAM, stream, &message).await;
    let response = client.receive(HEADERS).await.expect("the connection is closed");
    assert_eq!(response.stream, stream);
    assert_eq!(world.outcomes().last().unwrap(), "OK");
}

#[tokio::test]
async fn stream_of_a_refused_call_is_reset_if_its_message_does_not_end() {
    let world = World::start().await;
    let mut client = RawClient::connect(world.address).await;
    // Nothing arrives, and more than the largest message arrives.
    for (stream, frames) in [(1, 0), (3, 2)] {
        client.call(stream, OPEN, "x").await;
        client.receive(HEADERS).await.expect("the connection is closed");
        for _ in 0..frames {
            client.send(DATA, 0, stream, &[0; 16 * 1024]).await;
        }
        let reset = timeout(Duration::from_secs(20), client.receive(RST_STREAM)).await.expect("the stream stays open");
        // NO_ERROR (RFC 9113, section 8.1).
        assert_eq!(reset.map(|reset| (reset.stream, reset.payload)), Some((stream, vec![0; 4])));
    }
}
