//! Integration: the session rate of one user, and the rate of calls to Stripe.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::support::{ClientError, World};

#[tokio::test]
async fn session_rate_limits_one_user_of_one_tenant_with_retry_delay() {
    let world = World::with(&["--session-rate=3"]).await;
    world.sql("INSERT INTO billing_portal_owners VALUES ('acme', 'oscar'), ('globex', 'olivia')");
    let token = world.olivia();
    for _ in 0..3 {
        world.open(&token).await.unwrap();
    }
    let requests = world.stripe.requests().len();
    let refusal: ClientError = world.open(&token).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    // Three a minute allow the next one after 20 s.
    let wait = refusal.retry_after.unwrap();
    assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
    assert_eq!(world.stripe.requests().len(), requests, "Stripe must not be called");
    assert_eq!(world.audit().last().unwrap()["reason"], "RATE_LIMITED");
    // Another owner of the tenant, and the same user in another tenant, have their own limits.
    world.open(&world.issuer.token("oscar", "acme", "owner")).await.unwrap();
    world.open(&world.issuer.token("olivia", "globex", "owner")).await.unwrap();
    // GetPortalAccess creates no session, so the limit does not apply.
    assert!(world.access(&token, "").await.unwrap().visible);
}

#[tokio::test]
async fn session_rate_is_checked_after_message_and_before_flag() {
    let world = World::with(&["--session-rate=1"]).await;
    let dora = world.issuer.token("dora", "dark", "owner");
    let mut message = crate::support::world::home();
    message.return_url = "https://evil.test/".to_owned();
    assert_eq!(world.open_with(&dora, message).await.unwrap_err().reason, "RETURN_URL_NOT_ALLOWED");
    assert_eq!(world.open(&dora).await.unwrap_err().reason, "FEATURE_DISABLED");
    assert_eq!(world.open(&dora).await.unwrap_err().reason, "RATE_LIMITED");
}

#[tokio::test]
async fn calls_queue_for_stripe_rate_and_excess_calls_are_refused() {
    let world = World::with(&["--stripe-rate=2"]).await;
    let token = world.olivia();
    let started = Instant::now();
    let outcomes = futures_util::future::join_all((0..6).map(|_| world.open(&token))).await;
    let (opened, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    // One immediately, and one every half second for the second that a call waits.
    assert!((2..=3).contains(&opened.len()), "{}", opened.len());
    assert!(started.elapsed() >= Duration::from_millis(500));
    for refusal in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!(
            (refusal.code, refusal.reason.as_str(), refusal.may_retry),
            (Code::Unavailable, "STRIPE_RATE_LIMITED", true)
        );
    }
    assert_eq!(world.stripe.requests().len(), opened.len() * 2, "refused calls must not reach Stripe");
    let intents = world.audit().iter().filter(|record| record["event"] == "intent").count();
    assert_eq!(intents, 6, "calls must queue after the intent is written");
}
