//! Integration: how often one person may ask, and how fast Stripe is asked.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::support::{ClientError, World};

#[tokio::test]
async fn a_person_who_asks_too_often_is_told_when_to_try_again_and_nobody_else_is() {
    let world = World::with(&["--session-rate=3"]).await;
    world.sql("INSERT INTO billing_portal_owners VALUES ('acme', 'oscar'), ('globex', 'olivia')").await;
    let token = world.olivia();
    for _ in 0..3 {
        world.open(&token).await.unwrap();
    }
    let asked = world.stripe.requests().len();
    let told: ClientError = world.open(&token).await.unwrap_err();
    assert_eq!((told.code, told.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    // One more after a third of a minute.
    let wait = told.retry_after.unwrap();
    assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
    assert_eq!(world.stripe.requests().len(), asked, "Stripe was not asked");
    assert_eq!(world.audit().last().unwrap()["reason"], "RATE_LIMITED");
    // Another owner of the tenant, and the same person in another tenant, are not held up.
    world.open(&world.issuer.token("oscar", "acme", "owner")).await.unwrap();
    world.open(&world.issuer.token("olivia", "globex", "owner")).await.unwrap();
    // Asking whether to show the action is no session.
    assert!(world.access(&token, "").await.unwrap().visible);
}

#[tokio::test]
async fn the_pace_of_a_person_comes_after_the_message_and_before_the_flag() {
    let world = World::with(&["--session-rate=1"]).await;
    let dora = world.issuer.token("dora", "dark", "owner");
    let mut message = crate::support::world::home();
    message.return_url = "https://evil.test/".to_owned();
    assert_eq!(world.open_with(&dora, message).await.unwrap_err().reason, "RETURN_URL_NOT_ALLOWED");
    assert_eq!(world.open(&dora).await.unwrap_err().reason, "FEATURE_DISABLED");
    assert_eq!(world.open(&dora).await.unwrap_err().reason, "RATE_LIMITED");
}

#[tokio::test]
async fn calls_wait_in_line_for_stripe_and_those_at_its_end_are_refused() {
    let world = World::with(&["--stripe-rate=2"]).await;
    let token = world.olivia();
    let started = Instant::now();
    let outcomes = futures_util::future::join_all((0..6).map(|_| world.open(&token))).await;
    let (opened, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    // One at once, and one every half second for the second that a call waits.
    assert!((2..=3).contains(&opened.len()), "{}", opened.len());
    assert!(started.elapsed() >= Duration::from_millis(500));
    for told in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!((told.code, told.reason.as_str(), told.may_retry), (Code::Unavailable, "STRIPE_RATE_LIMITED", true));
    }
    assert_eq!(world.stripe.requests().len(), opened.len() * 2, "who was refused did not ask");
    let intents = world.audit().iter().filter(|line| line["event"] == "intent").count();
    assert_eq!(intents, 6, "the line stands behind the intent");
}
