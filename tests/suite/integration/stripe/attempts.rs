//! Integration: which requests to Stripe are retried, with the same key and body, and within which time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::json;
use stripe_simulator::{Answer, Fault, Tamper};
use tonic::Code;

use crate::support::{
    World,
    stripe::{SESSIONS, alter, hold_responses, respond_with},
};

/// Fails the first attempts to create a session, and counts all attempts.
fn failing_first(times: u32, fault: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> (Tamper, Arc<AtomicU32>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let fault = alter(
        SESSIONS,
        move |answer| if counted.fetch_add(1, Ordering::SeqCst) < times { fault(answer) } else { answer },
    );
    (fault, attempts)
}

#[tokio::test]
async fn transient_failures_are_retried_with_same_key_and_body() {
    let world = World::start().await;
    for code in [409, 502, 503, 504] {
        world.stripe.forget_requests();
        let (fault, attempts) = failing_first(2, respond_with(code, json!({})));
        world.stripe.tamper(Some(fault));
        let url = world.open(&world.olivia()).await.unwrap();
        assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_A"));
        assert_eq!(attempts.load(Ordering::SeqCst), 3, "{code}");
        let posts: Vec<_> = world.stripe.requests().into_iter().filter(|request| request.method == "POST").collect();
        assert!(posts.iter().all(|post| post.body == posts[0].body));
        assert!(posts.iter().all(|post| {
            post.header("idempotency-key").is_some_and(|key| Some(key) == posts[0].header("idempotency-key"))
        }));
    }
}

/// The number of requests for a session, by idempotency key.
fn posts_by_key(world: &World) -> BTreeMap<String, usize> {
    let mut posts = BTreeMap::new();
    for request in world.stripe.requests().iter().filter(|request| request.method == "POST") {
        *posts.entry(request.header("idempotency-key").unwrap().to_owned()).or_default() += 1;
    }
    posts
}

#[tokio::test]
async fn calls_succeed_while_every_reused_connection_is_closed() {
    for (fault, most_requests) in [(Fault::ResetReused, 2), (Fault::ClosedAfterResponse, 1)] {
        let world = World::with(&["--session-rate=1000", "--stripe-rate=1000"]).await;
        world.stripe.inject(fault);
        let mut urls = Vec::new();
        for call in 0..25 {
            let opened = world.open(&world.olivia()).await;
            urls.push(opened.unwrap_or_else(|error| panic!("{fault}, call {call}: {}", error.reason)));
        }
        urls.sort();
        urls.dedup();
        let posts = posts_by_key(&world);
        assert_eq!((urls.len(), posts.len()), (25, 25), "{fault}: one session for each call");
        assert_eq!(posts.values().max(), Some(&most_requests), "{fault}");
    }
}

#[tokio::test]
async fn outage_costs_at_most_a_tenth_more_requests() {
    let world = World::start().await;
    for _ in 0..10 {
        world.open(&world.olivia()).await.unwrap();
    }
    world.stripe.forget_requests();
    world.stripe.inject(Fault::Status503);
    let calls = 100;
    for _ in 0..calls {
        assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    }
    // A call sends two requests. The first calls use up what is allowed for a service with few calls.
    let (requests, needed) = (world.stripe.requests().len(), 2 * calls);
    assert!(requests > needed && requests <= needed * 11 / 10, "{requests} requests instead of {needed}");
}

#[tokio::test]
async fn only_request_without_a_byte_of_response_on_reused_connection_is_repeated() {
    for (fault, requests) in [
        // The request is repeated once. Its three attempts then fail on new connections.
        (Fault::Reset, 4),
        (Fault::ResetInHead, 3),
        (Fault::ResetInBody, 3),
        (Fault::Hang, 3),
    ] {
        let world = World::with(&["--stripe-attempt-timeout=300ms"]).await;
        for (is_reused, requests) in [(false, 3), (true, requests)] {
            world.stripe.forget_requests();
            world.stripe.inject(fault);
            assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
            assert_eq!(
                posts_by_key(&world).into_values().collect::<Vec<_>>(),
                [requests],
                "{fault}, reused connection: {is_reused}"
            );
            world.stripe.clear_faults();
            world.open(&world.olivia()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn call_to_unresponsive_stripe_ends_with_last_attempt_or_deadline() {
    let world = World::with(&["--stripe-attempt-timeout=50ms"]).await;
    let _held = hold_responses(&world.stripe);
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    assert_eq!(world.outcomes(), ["STRIPE_UNAVAILABLE"]);

    let world = World::with(&["--stripe-attempt-timeout=50ms", "--deadline=50ms"]).await;
    let _held = hold_responses(&world.stripe);
    let refusal = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert_eq!(world.outcomes(), ["DEADLINE_EXCEEDED"]);
}
