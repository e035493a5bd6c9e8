//! The process is ended, or reaches a limit.

use std::time::Duration;

use prost::Message as _;
use rustix::process::{Resource, Rlimit, getrlimit};
use serde_json::Value;
use stripe_simulator::Fault as Failure;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    crowd,
    fault::{Affected, Fault, HARMLESS},
    load::LOST,
    outcome::Outcome,
    stage::Stage,
};
use crate::support::{
    http2::{DATA, END_STREAM, GOAWAY, RawClient},
    process::{limit, signal},
    raw_call::{OPEN, frame},
    stripe::delay_responses,
    world::home,
};

/// How long Stripe takes for each of the two requests of a call, so that some calls are in flight at any time.
const SLOW: Duration = Duration::from_millis(300);

/// As many as `--max-connections` allows.
const CONNECTIONS: usize = 256;

/// The service is not started again.
const TERMINATION: Fault = Fault {
    affected: Affected::All,
    reasons: &[LOST],
    // Of calls that arrive on a connection whose client does not know yet.
    rare: &["SHUTTING_DOWN"],
    ends: Some(0),
    inject: |stage| Box::pin(terminated(stage)),
    figure: Some(calls_in_flight),
    ..HARMLESS
};

pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "process-terminated", title: "SIGTERM, while calls wait for Stripe", ..TERMINATION },
    Fault {
        name: "process-terminated-beside-stubborn-client",
        title: "The same, and a client ignores GOAWAY",
        inject: |stage| Box::pin(terminated_beside_stubborn_client(stage)),
        figure: Some(stubborn_client_is_not_served),
        ..TERMINATION
    },
    Fault {
        name: "process-terminated-twice",
        title: "A second SIGTERM, while calls wait for Stripe",
        reasons: &["SHUTTING_DOWN"],
        // A call that began before the others may have waited for Stripe as long as it may.
        rare: &["STRIPE_UNAVAILABLE", "DEADLINE_EXCEEDED", LOST],
        ends: Some(1),
        inject: |stage| Box::pin(terminated_twice(stage)),
        ..TERMINATION
    },
    Fault {
        name: "process-silent-connections",
        title: "256 further connections are silent, half open or half closed",
        inject: |stage| Box::pin(silent_connections(stage)),
        ..HARMLESS
    },
    Fault {
        name: "process-descriptor-limit",
        title: "The process cannot open a file or a connection",
        affected: Affected::All,
        reasons: &["DATABASE_UNAVAILABLE"],
        rare: &["STRIPE_UNAVAILABLE", "DEADLINE_EXCEEDED"],
        healthy_within: Duration::from_secs(2),
        inject: |stage| Box::pin(descriptor_limit(stage)),
        ..HARMLESS
    },
    Fault {
        name: "process-crowd",
        title: "10,000 health watches and 1,000 slow calls on 256 connections",
        // The slow calls last as long as the fault. Calls of the load send a deadline of their own.
        settings: &["--max-in-flight=2000", "--deadline=10min", "--stripe-attempt-timeout=10min"],
        // The allocator keeps what it has freed, for the next crowd.
        memory_growth: 128,
        inject: |stage| Box::pin(crowd::stays(stage, CONNECTIONS)),
        figure: Some(crowd::memory),
        ..HARMLESS
    },
];

/// Makes Stripe slow, and waits until calls are in flight.
async fn slow_down(stage: &Stage) {
    delay_responses(&stage.stripe, SLOW);
    stage.load.wait_for_calls(stage.scaled(500)).await;
}

async fn terminated(stage: &Stage) {
    slow_down(stage).await;
    signal(&stage.serving.child, "-TERM");
    stage.wait_for_refusal().await;
}

async fn terminated_beside_stubborn_client(stage: &Stage) {
    stage.sql("INSERT INTO owners VALUES ('t0', 'stubborn')").await;
    let (token, message) = (stage.load.token("stubborn", "t0"), frame(0, &home().encode_to_vec()));
    slow_down(stage).await;
    let mut client = RawClient::connect(stage.serving.address).await;
    // The first call keeps the connection open for a while.
    client.call(1, OPEN, &token).await;
    client.send(DATA, END_STREAM, 1, &message).await;
    client.answered().await;
    signal(&stage.serving.child, "-TERM");
    assert!(client.receive(GOAWAY).await.is_some());
    for stream in (3..).step_by(2) {
        client.call(stream, OPEN, &token).await;
        client.send(DATA, END_STREAM, stream, &message).await;
        if !client.is_answered().await {
            break;
        }
    }
    stage.wait_for_refusal().await;
}

async fn terminated_twice(stage: &Stage) {
    stage.stripe.inject(Failure::Hang);
    stage.load.wait_for_calls(20).await;
    signal(&stage.serving.child, "-TERM");
    stage.serving.wait_for_lines(DRAINING, 1).await;
    signal(&stage.serving.child, "-TERM");
    stage.wait_for_refusal().await;
}

const DRAINING: &str = r#""message":"draining""#;

/// Calls were in flight at the first signal. If the exit code is 0, all of them ended before the drain timeout.
fn calls_in_flight(outcome: &Outcome<'_>) -> String {
    let line = outcome.log.lines().find(|line| line.contains(DRAINING)).unwrap();
    let calls = serde_json::from_str::<Value>(line).unwrap()["calls"].as_u64().unwrap();
    assert!(calls > 0, "no call was in flight");
    let is_cut_off = outcome.log.contains("cutting off calls in flight");
    assert_eq!(is_cut_off, outcome.fault.ends == Some(1), "{}", outcome.log);
    format!("{calls} calls in flight at the first signal")
}

fn stubborn_client_is_not_served(outcome: &Outcome<'_>) -> String {
    let served = |entry: &&Value| entry["subject"] == "stubborn" && entry["event"] == "intent";
    assert_eq!(outcome.audit.iter().filter(served).count(), 1);
    calls_in_flight(outcome)
}

async fn silent_connections(stage: &Stage) {
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(stage.serving.address).await.unwrap();
        // The service may have closed it already.
        drop(match number % 3 {
            0 => Ok(()),
            1 => connection.write_all(b"PRI * HTTP/2.0\r\n").await,
            _ => connection.shutdown().await,
        });
        connections.push(connection);
    }
    stage.hold().await;
}

/// No further file or connection can be opened. Those that are open stay, except for those to the database.
async fn descriptor_limit(stage: &Stage) {
    let service = &stage.serving.child;
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Nofile).maximum };
    let normal = limit(service, Resource::Nofile, none);
    // The system accepts the connection, and the service has to wait.
    let mut client = RawClient::connect(stage.serving.address).await;
    stage.close_connections().await;
    stage.hold().await;
    limit(service, Resource::Nofile, normal);
    client.answered().await;
}
