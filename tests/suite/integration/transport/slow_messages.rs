//! Integration: messages that do not arrive, and a person with many calls.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::{join, join_all, select_all};
use http::Request;
use http_body_util::Full;
use tonic::Code;

use crate::support::{
    World,
    raw_call::{RawClient, grpc, half_message},
    stripe::{SESSIONS, hold_responses},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn incomplete_message_is_refused_2_s_after_its_headers() {
    let world = World::start().await;
    let token = world.olivia();
    let client = RawClient::new();
    let timed = async |request: Request<_>| {
        let started = Instant::now();
        let refusal = client.refusal(request).await;
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        started.elapsed()
    };
    let slow = || grpc(world.address, &token);
    let (default, shorter) = join(
        timed(slow().body(half_message()).unwrap()),
        // A shorter time budget of the call counts.
        timed(slow().header("grpc-timeout", "200m").body(half_message()).unwrap()),
    )
    .await;
    assert!(default >= 2 * SECOND && default < 9 * SECOND, "{default:?}");
    assert!(shorter < 2 * SECOND, "{shorter:?}");
    assert_eq!(world.outcomes(), ["DEADLINE_EXCEEDED"; 2]);
}

#[tokio::test]
async fn refusal_that_needs_no_message_does_not_wait_for_it() {
    let world = World::start().await;
    let client = RawClient::new();
    let started = Instant::now();
    let member = world.issuer.token("olivia", "acme", "member");
    let owner = world.olivia();
    let unknown = format!("http://{}/billing.portal.v1.BillingPortal/DeletePortalSession", world.address);
    for (reason, request) in [
        ("TOKEN_INVALID", grpc(world.address, "x")),
        ("NOT_OWNER", grpc(world.address, &member)),
        ("METHOD_UNKNOWN", grpc(world.address, &owner).uri(unknown)),
        ("ENCODING_UNSUPPORTED", grpc(world.address, &owner).header("grpc-encoding", "gzip")),
    ] {
        assert_eq!(client.refusal(request.body(half_message()).unwrap()).await.reason, reason);
    }
    // Its length alone shows that the message is too large.
    let prefix = Full::from(Bytes::from_static(&[0, 0, 0, 0x40, 1]));
    let refusal = client.refusal(grpc(world.address, &owner).body(prefix).unwrap()).await;
    assert_eq!(refusal.reason, "MESSAGE_TOO_LARGE");
    assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn person_has_at_most_16_calls_in_flight() {
    let world = Arc::new(World::start().await);
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let held: Vec<_> = (0..16)
        .map(|_| {
            let (world, token) = (Arc::clone(&world), token.clone());
            tokio::spawn(async move { world.open(&token).await })
        })
        .collect();
    let at_stripe = || world.stripe.requests().iter().filter(|request| request.path == SESSIONS).count();
    while at_stripe() < 16 {
        received.notified().await;
    }
    // Refused before its message is read.
    let request = grpc(world.address, &token).body(half_message()).unwrap();
    let refusal = RawClient::new().refusal(request).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unavailable, "OVERLOADED"));
    assert_eq!(refusal.retry_after, Some(SECOND));
    // Both services count together. Without a valid token, nothing is counted or revealed.
    assert_eq!(world.access(&token, "").await.unwrap_err().reason, "OVERLOADED");
    assert_eq!(world.access("x", "").await.unwrap_err().reason, "TOKEN_INVALID");
    // Another person, and the same user in another tenant.
    for (user, tenant) in [("greta", "globex"), ("olivia", "globex")] {
        world.access(&world.issuer.token(user, tenant, "owner"), "").await.unwrap();
    }
    release.add_permits(1_000);
    for call in join_all(held).await {
        call.unwrap().unwrap();
    }
    world.open(&token).await.unwrap();
}

#[tokio::test]
async fn cancelled_calls_no_longer_count() {
    let world = World::start().await;
    let token = world.olivia();
    let client = RawClient::new();
    let slow = (0..17).map(|_| Box::pin(client.refusal(grpc(world.address, &token).body(half_message()).unwrap())));
    let (refusal, _, in_flight) = select_all(slow).await;
    assert_eq!(refusal.reason, "OVERLOADED");
    drop(in_flight);
    while world.access(&token, "").await.is_err() {}
    world.open(&token).await.unwrap();
    // Each is recorded once it has ended.
    while world.outcomes().iter().filter(|reason| *reason == "CANCELLED").count() < 16 {
        tokio::task::yield_now().await;
    }
}
