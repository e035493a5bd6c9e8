//! Integration: a drain ends in time, whatever its clients do.

use std::time::Duration;

use prost::Message as _;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::support::{
    World,
    http2::{DATA, END_STREAM, GOAWAY, HEADERS, RawClient},
    raw_call::{OPEN, frame},
    stripe::hold_responses,
    world::home,
};

async fn stopped(world: World) {
    timeout(Duration::from_secs(20), world.stopped()).await.expect("the drain does not end");
}

#[tokio::test]
async fn signal_before_connections_are_accepted_leaves_none_of_their_calls_open() {
    let mut world = World::start().await;
    let (token, message) = (world.olivia(), frame(0, &home().encode_to_vec()));
    let mut clients = Vec::new();
    for _ in 0..10 {
        // The system has accepted the connection. Whether the server has is a race.
        let mut client = RawClient::connect(world.address).await;
        client.call(1, OPEN, &token).await;
        client.send(DATA, END_STREAM, 1, &message).await;
        clients.push(client);
    }
    world.shut_down();
    for mut client in clients {
        // Returns an end or fails after 30 s without one.
        while client.receive(HEADERS).await.is_some() {}
    }
    assert!(world.outcomes().iter().all(|reason| ["OK", "SHUTTING_DOWN", "CANCELLED"].contains(&reason.as_str())));
    stopped(world).await;
}

#[tokio::test]
async fn silent_half_open_and_mute_connections_do_not_block_the_drain() {
    let mut world = World::with(&["--drain-timeout=2s"]).await;
    let _silent = TcpStream::connect(world.address).await.unwrap();
    let mut half_preface = TcpStream::connect(world.address).await.unwrap();
    half_preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let mut half_closed = TcpStream::connect(world.address).await.unwrap();
    half_closed.shutdown().await.unwrap();
    let mut mute = RawClient::connect(world.address).await;
    mute.answered().await;
    let mut half_headers = RawClient::connect(world.address).await;
    half_headers.answered().await;
    half_headers.send(HEADERS, 0, 1, &[0x83]).await;
    let mut half_message = RawClient::connect(world.address).await;
    half_message.call(1, OPEN, &world.olivia()).await;
    half_message.send(DATA, 0, 1, &[0, 0]).await;
    half_message.answered().await;
    world.shut_down();
    assert!(mute.receive(GOAWAY).await.is_some());
    stopped(world).await;
}

#[tokio::test]
async fn client_that_ignores_goaway_is_not_served() {
    let mut world = World::with(&["--drain-timeout=300ms"]).await;
    // A call that Stripe never answers keeps the drain from ending early.
    let (received, _release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let message = frame(0, &home().encode_to_vec());
    let mut client = RawClient::connect(world.address).await;
    client.call(1, OPEN, &token).await;
    client.send(DATA, END_STREAM, 1, &message).await;
    received.notified().await;
    world.stripe.forget_requests();
    world.shut_down();
    assert!(client.receive(GOAWAY).await.is_some());
    for stream in [3, 5, 7] {
        client.call(stream, OPEN, &token).await;
        client.send(DATA, END_STREAM, stream, &message).await;
    }
    let (audit, queries, stripe) = (world.path("audit.jsonl"), world.queries.clone(), world.stripe.requests().len());
    queries.take();
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("audit.jsonl");
    std::fs::hard_link(audit, &kept).unwrap();
    stopped(world).await;
    assert_eq!((queries.take(), stripe), (0, 0));
    let text = std::fs::read_to_string(kept).unwrap();
    let outcomes = text.lines().filter(|line| line.contains(r#""event":"outcome""#));
    assert!(outcomes.clone().count() >= 1 && outcomes.clone().all(|line| line.contains("SHUTTING_DOWN")), "{text}");
}
