//! Integration: what happens to connections when `--max-connections` are open.

use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use crate::support::{
    World,
    http2::{DATA, END_STREAM, GOAWAY, HEADERS, RawClient, SETTINGS},
    raw_call::{OPEN, frame},
    service::Service,
    world::home,
};

/// Opens a stream on the world's own connection that lasts as long as the returned value.
async fn keep_busy(world: &World) -> tonic::Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest::default();
    let mut stream = HealthClient::new(world.channel.clone()).watch(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream
}

#[tokio::test]
async fn new_connection_replaces_the_one_that_has_been_idle_longest() {
    let world = World::with(&["--max-connections=3"]).await;
    let mut busy = keep_busy(&world).await;
    let mut first = RawClient::connect(world.address).await;
    first.answered().await;
    let mut second = RawClient::connect(world.address).await;
    second.answered().await;
    let mut third = RawClient::connect(world.address).await;
    third.answered().await;
    // It announces that it closes (RFC 9113, section 6.8), and does not wait for the client.
    let goaway = first.receive(GOAWAY).await.unwrap();
    assert_eq!(goaway.payload[4..8], [0; 4], "NO_ERROR");
    while first.receive(GOAWAY).await.is_some() {}
    // A stream that has ended counts: the second connection has now been idle for less time than the third.
    second.call(1, "/no.such.Service/Method", "").await;
    while second.receive(HEADERS).await.unwrap().stream != 1 {}
    second.answered().await;
    let mut fourth = RawClient::connect(world.address).await;
    fourth.answered().await;
    third.receive(GOAWAY).await.unwrap();
    second.answered().await;
    // Never the one with work.
    world.open(&world.olivia()).await.unwrap();
    assert!(tokio::time::timeout(std::time::Duration::ZERO, busy.message()).await.is_err());
}

/// Opens a connection, and makes a call with a valid token.
async fn connect_and_call(world: &World) -> RawClient {
    let mut client = RawClient::connect(world.address).await;
    client.call(1, OPEN, &world.olivia()).await;
    client.send(DATA, END_STREAM, 1, &frame(0, &home().encode_to_vec())).await;
    client.receive(HEADERS).await.unwrap();
    client.answered().await;
    client
}

#[tokio::test]
async fn connections_without_a_valid_token_replace_each_other_first() {
    let world = World::with(&["--max-connections=4"]).await;
    let _busy = keep_busy(&world).await;
    let mut caller = connect_and_call(&world).await;
    let mut strangers = Vec::new();
    for _ in 0..20 {
        let mut stranger = RawClient::connect(world.address).await;
        stranger.call(1, OPEN, "x").await;
        stranger.receive(HEADERS).await.unwrap();
        stranger.answered().await;
        strangers.push(stranger);
    }
    caller.call(3, OPEN, &world.olivia()).await;
    caller.send(DATA, END_STREAM, 3, &frame(0, &home().encode_to_vec())).await;
    assert_eq!(caller.receive(HEADERS).await.expect("the connection is closed").stream, 3);
}

#[tokio::test]
async fn idle_connections_of_callers_do_not_keep_new_ones_out() {
    let world = World::with(&["--max-connections=4"]).await;
    let _busy = keep_busy(&world).await;
    let (mut first, mut second) = (connect_and_call(&world).await, connect_and_call(&world).await);
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = RawClient::connect(world.address).await;
        stranger.answered().await;
        strangers.push(stranger);
    }
    // Two of four are as many as strangers can have.
    assert!(first.receive(GOAWAY).await.is_some());
    second.answered().await;
    strangers[0].answered().await;
}

#[tokio::test]
async fn connection_without_preface_is_replaced() {
    let world = World::with(&["--max-connections=2"]).await;
    let _busy = keep_busy(&world).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    // Connections are accepted in the order in which they are made.
    let mut new = RawClient::connect(world.address).await;
    new.answered().await;
    assert!(matches!(silent.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn new_connection_is_closed_if_every_other_one_has_work() {
    let world = World::with(&["--max-connections=1"]).await;
    let mut busy = keep_busy(&world).await;
    let mut second = TcpStream::connect(world.address).await.unwrap();
    assert!(matches!(second.read(&mut [0]).await, Ok(0) | Err(_)));
    world.open(&world.olivia()).await.unwrap();
    assert!(tokio::time::timeout(std::time::Duration::ZERO, busy.message()).await.is_err());
}

#[tokio::test]
async fn connection_has_at_most_100_streams() {
    let world = World::start().await;
    let settings = RawClient::connect(world.address).await.receive(SETTINGS).await.unwrap();
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, section 6.5.2).
    assert!(settings.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 100]), "{settings:?}");
}

#[tokio::test]
async fn connections_at_the_limit_are_logged_once() {
    let world = World::start().await;
    let arguments = world.settings(&["--listen=127.0.0.1:0", "--audit=file:/dev/null", "--max-connections=2"]);
    let mut service = Service::start(&arguments, &[("RUST_LOG", "info")]);
    let address = service.wait_for_log("listening").await["address"].as_str().unwrap().to_owned();
    // More than the connections that may be closing at the same time, none of which reads that it has to close.
    let mut clients = Vec::new();
    for _ in 0..60 {
        let mut client = RawClient::connect(&address).await;
        client.receive(SETTINGS).await.unwrap();
        clients.push(client);
    }
    let line = service.wait_for_log("--max-connections is reached").await;
    assert_eq!((&line["level"], &line["evicted"], &line["refused"]), (&"WARN".into(), &1.into(), &0.into()));
    // The others are logged together: once per minute, and at the end.
    let log = service.stop().await;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("--max-connections is reached")).collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[1].contains("\"evicted\":57,\"refused\":0"), "{lines:#?}");
}
