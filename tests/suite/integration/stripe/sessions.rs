//! Integration: sessions are created for the owner's own tenant, exactly as requested.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use billing_portal::grpc::proto::CreatePortalSessionRequest;
use futures_util::future::join_all;
use stripe_simulator::{Answer, Configuration, Mode, RecordedRequest};
use tokio::sync::Notify;

use crate::support::{
    World,
    world::{RETURN_URL, home},
};

fn header<'a>(request: &'a RecordedRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

/// Returns the parameters of a request.
pub(super) fn body(request: &RecordedRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn owner_gets_portal_of_own_tenant() {
    let world = World::start().await;
    let url = world.open(&world.olivia()).await.unwrap();
    assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_A"));
    let greta = world.issuer.token("greta", "globex", "owner");
    let url = world.open(&greta).await.unwrap();
    assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_B"));
}

#[tokio::test]
async fn sends_two_requests_at_pinned_version_with_new_key_per_call() {
    let world = World::start().await;
    for _ in 0..2 {
        world.open(&world.olivia()).await.unwrap();
    }
    let requests = world.stripe.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(header(request, "stripe-version"), Some("2026-09-30.endive"));
        assert!(!format!("{request:?}").contains(world.stripe.secret_key(Mode::Test)));
    }
    let (posts, gets): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.method == "POST");
    assert!(gets.iter().all(|get| get.path == "/v1/customers/cus_A" && header(get, "idempotency-key").is_none()));
    for post in &posts {
        assert_eq!(post.path, "/v1/billing_portal/sessions");
        let expected = [("customer".to_owned(), "cus_A".to_owned()), ("return_url".to_owned(), RETURN_URL.to_owned())];
        assert_eq!(body(post), expected);
    }
    let keys: Vec<_> = posts.iter().map(|post| header(post, "idempotency-key").unwrap()).collect();
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn nearest_locale_is_sent_to_stripe() {
    let world = World::start().await;
    for (tag, sent) in [("", None), ("de-AT", Some("de")), ("zh-Hant-TW", Some("zh-TW")), ("xx", Some("auto"))] {
        world.stripe.forget_requests();
        let message = CreatePortalSessionRequest { locale: tag.to_owned(), ..home() };
        world.open_with(&world.olivia(), message).await.unwrap();
        let requests = world.stripe.requests();
        let body = body(requests.iter().find(|request| request.method == "POST").unwrap());
        let locale = body.iter().find(|(name, _)| name == "locale").map(|(_, value)| value.as_str());
        assert_eq!(locale, sent, "{tag}");
    }
}

#[tokio::test]
async fn pinned_configuration_is_sent_to_stripe() {
    let world = World::with(&["--stripe-portal-configuration=bpc_own"]).await;
    world.stripe.add_configuration(Configuration::new("bpc_own").active(true));
    world.open(&world.olivia()).await.unwrap();
    let requests = world.stripe.requests();
    let post = requests.iter().find(|request| request.method == "POST").unwrap();
    assert!(body(post).contains(&("configuration".to_owned(), "bpc_own".to_owned())));
}

#[tokio::test]
async fn remapped_tenant_gets_new_customer_on_next_call() {
    let world = World::start().await;
    world.open(&world.olivia()).await.unwrap();
    world.stripe.add_customer(stripe_simulator::Customer::new("cus_New").metadata("tenant_id", "acme"));
    world.sql("UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_New' WHERE tenant_id = 'acme'");
    let url = world.open(&world.olivia()).await.unwrap();
    assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_New"));
}

#[tokio::test]
async fn stripe_key_is_reloaded_when_file_changes() {
    let world = World::start().await;
    // A broken file, or a key of the other mode, keeps the last good key.
    for broken in ["", "sk_test", world.stripe.secret_key(Mode::Live)] {
        std::fs::write(world.path("stripe.key"), broken).unwrap();
        world.wait_for_reload().await;
        world.open(&world.olivia()).await.unwrap();
    }
    // A valid file replaces the key. Stripe does not know this one.
    std::fs::write(world.path("stripe.key"), "sk_test_another").unwrap();
    world.wait_for_reload().await;
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_CREDENTIALS");
    std::fs::write(world.path("stripe.key"), world.stripe.secret_key(Mode::Test)).unwrap();
    world.wait_for_reload().await;
    world.open(&world.olivia()).await.unwrap();
}

#[tokio::test]
async fn call_uses_one_key_although_the_file_changes() {
    let world = World::start().await;
    let (read, rotated) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_read, is_rotated, first) = (Arc::clone(&read), Arc::clone(&rotated), Arc::new(AtomicBool::new(true)));
    // Stripe answers the first read only after the rotation, and asks to repeat it.
    world.stripe.tamper(Some(Arc::new(move |request: RecordedRequest, answer: Answer| {
        let (is_read, is_rotated) = (Arc::clone(&is_read), Arc::clone(&is_rotated));
        let is_first = request.method == "GET" && first.swap(false, Ordering::SeqCst);
        Box::pin(async move {
            if !is_first {
                return answer;
            }
            is_read.notify_one();
            is_rotated.notified().await;
            Answer { status: 503, ..answer }
        })
    })));
    let token = world.olivia();
    let (outcome, ()) = tokio::join!(world.open(&token), async {
        read.notified().await;
        std::fs::write(world.path("stripe.key"), "sk_test_another").unwrap();
        world.wait_for_reload().await;
        rotated.notify_one();
    });
    outcome.unwrap();
    let requests = world.stripe.requests();
    assert_eq!(requests.len(), 3, "the read is repeated");
    let keys: HashSet<_> = requests.iter().map(|request| header(request, "authorization").unwrap()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(world.open(&world.olivia()).await.unwrap_err().reason, "STRIPE_CREDENTIALS", "the new key is in use");
}

#[tokio::test]
async fn connections_to_stripe_are_reused() {
    let world = World::with(&["--session-rate=10000", "--stripe-rate=10000"]).await;
    let token = world.olivia();
    for _ in 0..25 {
        for opened in join_all((0..4).map(|_| world.open(&token))).await {
            opened.unwrap();
        }
    }
    // Four calls have eight requests at a time. A request that does not find an idle connection opens one, which remains
    // in the pool even if another one becomes idle first.
    let connections = world.stripe.connections();
    assert!(connections <= 2 * 8, "{connections} connections for 200 requests");
}
