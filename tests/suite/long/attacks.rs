//! What anonymous clients can cost the real process: its memory, and the time of others.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    http2::{DATA, END_STREAM, RawClient, SETTINGS},
    process::{Serving, memory, serve_at, valid_settings},
    world::connect,
};

const CONNECTIONS: usize = 50;
const STREAMS: u32 = 1_000;

/// The limit, in KiB.
const MAX_MEMORY: u64 = 64 * 1024;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// What an attacker sends on each connection.
struct Attack {
    name: &'static str,
    path: &'static str,
    /// Whether the message of each request is complete.
    is_complete: bool,
    /// How many bytes of each response the client is willing to read.
    window: u32,
    /// How many streams it opens before it waits for an answer.
    batch: u32,
}

const ATTACKS: [Attack; 6] = [
    Attack { name: "Watch", path: WATCH, is_complete: true, window: 65_535, batch: 100 },
    Attack { name: "Watch, all at once", path: WATCH, is_complete: true, window: 65_535, batch: STREAMS },
    Attack { name: "Watch without a message", path: WATCH, is_complete: false, window: 65_535, batch: 100 },
    Attack { name: "Check without a message", path: CHECK, is_complete: false, window: 65_535, batch: 100 },
    Attack { name: "Check without reading", path: CHECK, is_complete: true, window: 1, batch: 100 },
    Attack { name: "reflection", path: REFLECTION, is_complete: false, window: 65_535, batch: 100 },
];

/// Opens the streams of one connection. Returns the connection, which may have been closed by the service.
async fn open(address: SocketAddr, attack: &Attack) -> RawClient {
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
    let settings = [&[0, 4][..], &attack.window.to_be_bytes()].concat();
    let mut client = RawClient::connect_with(address, &settings).await;
    for number in 0..STREAMS {
        client.call(number * 2 + 1, attack.path, "").await;
        if attack.is_complete {
            client.send(DATA, END_STREAM, number * 2 + 1, &[0; 5]).await;
        }
        if (number + 1) % attack.batch == 0 && !client.is_answered().await {
            break;
        }
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "opens 300,000 streams: run it with `tests/run --long`"]
async fn anonymous_streams_keep_the_memory_small() {
    for attack in &ATTACKS {
        let (_folder, arguments) = valid_settings();
        let Serving { child, address, .. } = serve_at("info", &arguments).await;
        let process = child.id().unwrap();
        let before = memory(process, "VmRSS").unwrap();
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(open(address, attack));
        }
        let _connections = connections.join_all().await;
        let (after, peak) = (memory(process, "VmRSS").unwrap(), memory(process, "VmHWM").unwrap());
        println!(
            "{CONNECTIONS} connections with {STREAMS} streams each, {}: {} MiB before, {} MiB after, at most {} MiB",
            attack.name,
            before / 1024,
            after / 1024,
            peak / 1024
        );
        assert!(after < MAX_MEMORY, "{}: {after} KiB", attack.name);
    }
}

#[tokio::test]
#[ignore = "a figure: run it with `tests/run --long`"]
async fn idle_connections_do_not_delay_a_new_one() {
    let (_folder, arguments) = valid_settings();
    let Serving { child: _child, address, .. } = serve_at("info", &arguments).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut client = RawClient::connect(address).await;
        client.receive(SETTINGS).await.unwrap();
        idle.push(client);
    }
    let started = Instant::now();
    let channel = connect(address).await;
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    let delay = started.elapsed();
    println!("{} idle connections: a new one is answered after {delay:.1?}", idle.len());
    // Long before the first of them is closed because it does not answer a ping.
    assert!(delay < Duration::from_secs(20), "{delay:?}");
}
