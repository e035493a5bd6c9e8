//! Integration: when Stripe is asked again, with what, and when the time is gone.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use stripe_simulator::{Answer, Tamper};
use tonic::Code;

use crate::{
    integration::stripe::answers::{SESSIONS, hold, on, reason, status},
    support::World,
};

/// Fails each endpoint's first attempts, then answers honestly; counts the attempts.
fn failing_first(times: u32, fault: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> (Tamper, Arc<AtomicU32>) {
    let posts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&posts);
    let fault =
        on(SESSIONS, move |answer| if counted.fetch_add(1, Ordering::SeqCst) < times { fault(answer) } else { answer });
    (fault, posts)
}

#[tokio::test]
async fn what_passes_is_asked_again_under_the_same_key_with_the_same_bytes() {
    let world = World::start().await;
    for code in [409, 502, 503, 504] {
        world.stripe.forget_requests();
        let (fault, attempts) = failing_first(2, status(code, json!({})));
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

#[tokio::test]
async fn what_does_not_pass_is_asked_once_and_stripes_word_is_obeyed() {
    let world = World::start().await;
    let told = |code: u16, retry: &'static str| {
        move |_: Answer| {
            let headers = vec![("stripe-should-retry".to_owned(), retry.to_owned())];
            Answer { status: code, headers, body: b"{}".to_vec() }
        }
    };
    for (fault, attempts) in [
        (failing_first(9, status(500, json!({}))), 1),
        (failing_first(9, status(429, json!({}))), 1),
        (failing_first(9, status(400, json!({}))), 1),
        (failing_first(9, told(503, "false")), 1),
        (failing_first(9, told(500, "true")), 3),
        (failing_first(9, status(429, json!({"error": {"code": "lock_timeout"}}))), 3),
    ] {
        reason(&world, fault.0).await;
        assert_eq!(fault.1.load(Ordering::SeqCst), attempts);
    }
}

#[tokio::test]
async fn a_stripe_that_hangs_ends_with_the_attempts_or_with_the_deadline() {
    let world = World::with(&["--stripe-attempt-timeout=50ms"]).await;
    let _held = hold(&world.stripe);
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_UNAVAILABLE");
    assert_eq!(world.outcomes(), ["STRIPE_UNAVAILABLE"]);

    let world = World::with(&["--stripe-attempt-timeout=50ms", "--deadline=50ms"]).await;
    let _held = hold(&world.stripe);
    let told = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((told.code, told.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert_eq!(world.outcomes(), ["DEADLINE_EXCEEDED"]);
}

#[tokio::test]
async fn a_stripe_that_is_not_there_is_unavailable() {
    // Port 1 on loopback is refused at once.
    let world = World::with(&["--stripe-api-base=http://127.0.0.1:1"]).await;
    let told = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!((told.code, told.reason.as_str(), told.may_retry), (Code::Unavailable, "STRIPE_UNAVAILABLE", true));
}
