//! Integration: the limits of the streams that anyone can open, which are those of health and reflection.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::timeout;
use tokio_stream::{StreamExt as _, pending};
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_client::ServerReflectionClient,
};

use crate::support::{World, http2::RawClient, world::connect};

async fn watch(channel: &Channel) -> Result<Streaming<HealthCheckResponse>, Status> {
    let mut stream = HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await?.into_inner();
    stream.message().await.unwrap().unwrap();
    Ok(stream)
}

async fn check(channel: &Channel) -> Result<(), Status> {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.map(drop)
}

/// Opens a reflection stream without a request.
async fn reflect(channel: &Channel) -> Result<Streaming<ServerReflectionResponse>, Status> {
    let requests = pending::<ServerReflectionRequest>();
    Ok(ServerReflectionClient::new(channel.clone()).server_reflection_info(requests).await?.into_inner())
}

fn is_exhausted<T>(result: Result<T, Status>) -> bool {
    let status = result.err().expect("it was admitted");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.details().is_empty(), "health and reflection have no ErrorInfo");
    true
}

#[tokio::test]
async fn connection_has_at_most_8_watches_and_16_streams_of_health_and_reflection() {
    let mut world = World::start().await;
    let channel = connect(world.address).await;
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(watch(&channel).await.unwrap());
    }
    assert!(is_exhausted(watch(&channel).await));
    let mut reflections = Vec::new();
    for _ in 0..7 {
        reflections.push(reflect(&channel).await.unwrap());
    }
    assert!(is_exhausted(reflect(&channel).await));
    // One Check is always admitted, and so are the calls of the services.
    check(&channel).await.unwrap();
    world.channel = channel;
    world.open(&world.olivia()).await.unwrap();
    world.access(&world.olivia(), "").await.unwrap();
    // When a stream ends, another one is admitted, as soon as the service has noticed it.
    drop(watches.pop());
    while let Err(status) = watch(&world.channel).await {
        assert_eq!(status.code(), Code::ResourceExhausted);
    }
}

#[tokio::test]
async fn process_has_at_most_256_watches_and_still_answers_probes() {
    let world = World::start().await;
    let mut streams = Vec::new();
    let mut channels = Vec::new();
    // The world itself watches until it is ready, so its place may not be free yet.
    while streams.len() < 256 {
        let channel = connect(world.address).await;
        for _ in 0..8 {
            match watch(&channel).await {
                Ok(stream) => streams.push(stream),
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
            }
        }
        channels.push(channel);
        assert!(channels.len() <= 34, "only {} streams", streams.len());
    }
    let probe = connect(world.address).await;
    assert!(is_exhausted(watch(&probe).await));
    check(&probe).await.unwrap();
    check(&channels[0]).await.unwrap();
}

#[tokio::test]
async fn half_of_the_connections_can_have_streams_that_last() {
    let world = World::with(&["--max-connections=4"]).await;
    let (first, second) = (connect(world.address).await, connect(world.address).await);
    let _streams = (watch(&first).await.unwrap(), watch(&first).await.unwrap(), reflect(&second).await.unwrap());
    let third = connect(world.address).await;
    assert!(is_exhausted(watch(&third).await));
    assert!(is_exhausted(reflect(&third).await));
    // A Check that waits for its message does not keep its connection, so a probe always finds one to replace.
    let mut checks = Vec::new();
    for _ in 0..6 {
        let mut client = RawClient::connect(world.address).await;
        client.call(1, "/grpc.health.v1.Health/Check", "").await;
        client.answered().await;
        checks.push(client);
        check(&connect(world.address).await).await.unwrap();
    }
    // The streams are still there.
    assert!(is_exhausted(watch(&connect(world.address).await).await));
}

#[tokio::test]
async fn check_whose_message_does_not_end_is_ended() {
    let world = World::start().await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let body = StreamBody::new(pending::<Result<Frame<Bytes>, Infallible>>());
    let request = Request::post(format!("http://{}/grpc.health.v1.Health/Check", world.address))
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap();
    let response = timeout(Duration::from_secs(30), client.request(request)).await.unwrap().unwrap();
    assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn reflection_stream_ends_after_its_time() {
    let world = World::start().await;
    let mut stream = reflect(&world.channel).await.unwrap();
    assert!(timeout(Duration::from_secs(30), stream.next()).await.unwrap().is_none());
}
