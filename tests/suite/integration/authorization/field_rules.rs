//! Integration: the rule that a field breaks is named to the caller, in the words of the contract and without the value.

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest,
    create_portal_session_request::{
        Flow, PaymentMethodUpdate, SubscriptionCancel, SubscriptionUpdate, SubscriptionUpdateConfirm,
        subscription_update_confirm::Item,
    },
};
use serde_json::json;

use crate::support::{
    World,
    stripe::{SESSIONS, alter, respond_with},
    world::home,
};

const CONTRACT: &str = include_str!("../../../../docs/contract.md");

/// Asserts that a call is refused with one violation, and that the contract documents it.
async fn assert_violation(world: &World, message: CreatePortalSessionRequest, field: &str, rule: &str) {
    let refusal = world.open_with(&world.olivia(), message.clone()).await.expect_err(rule);
    let violation = refusal.violation.unwrap_or_else(|| panic!("no violation: {message:?}"));
    assert_eq!((violation.0.as_str(), violation.1.as_str()), (field, rule), "{message:?}");
    assert!(CONTRACT.contains(&format!("`{rule}`")), "the contract does not document: {rule}");
}

#[tokio::test]
async fn broken_rule_of_return_url_and_completed_url_is_named() {
    let world = World::start().await;
    let long = format!("https://app.example.com/{}", "a".repeat(2_048));
    for (url, rule) in [
        ("", "must be set"),
        (&long, "must have at most 2,048 bytes"),
        ("settings", "must be an https URL, or an http URL on a configured loopback origin"),
        ("javascript:alert(1)", "must be an https URL, or an http URL on a configured loopback origin"),
        ("http://app.example.com/", "must be an https URL, or an http URL on a configured loopback origin"),
        ("http://127.0.0.1:4000/", "must be an https URL, or an http URL on a configured loopback origin"),
        ("https://app.example.com", "must be in normalized form (new URL(x).href)"),
        ("https://app.example.com:443/", "must be in normalized form (new URL(x).href)"),
        ("https://user@app.example.com/", "must not have user information"),
        ("https://app.example.com/#billing", "must not have a fragment"),
        ("https://app.example.com//evil.test", "must not have a path that begins with //"),
        ("https://10.0.0.1/", "must not have an IP address as its host, except on a configured loopback origin"),
        ("https://[::1]/", "must not have an IP address as its host, except on a configured loopback origin"),
        ("https://evil.test/", "must be on one of the configured origins"),
        ("https://app.example.com:8443/", "must be on one of the configured origins"),
    ] {
        let message = CreatePortalSessionRequest { return_url: url.to_owned(), ..home() };
        assert_violation(&world, message, "return_url", rule).await;
        let flow = Some(Flow::PaymentMethodUpdate(PaymentMethodUpdate {}));
        let completed_url = Some(url.to_owned());
        let message = CreatePortalSessionRequest { flow, completed_url, ..home() };
        assert_violation(&world, message, "completed_url", rule).await;
    }
    for url in ["", "https://evil.test/", "https://app.example.com/"] {
        let message = CreatePortalSessionRequest { completed_url: Some(url.to_owned()), ..home() };
        assert_violation(&world, message, "completed_url", "must not be set without a flow").await;
    }
    assert!(world.stripe.requests().is_empty());
}

#[tokio::test]
async fn broken_rule_of_locale_or_flow_is_named() {
    let world = World::start().await;
    let locale = CreatePortalSessionRequest { locale: "pt_BR".to_owned(), ..home() };
    assert_violation(&world, locale, "locale", "must be a well-formed language tag (BCP 47), such as pt-BR").await;

    let confirm =
        |item| Flow::SubscriptionUpdateConfirm(SubscriptionUpdateConfirm { subscription_id: "sub_A".to_owned(), item });
    let item = |id: &str, price: &str, quantity| {
        confirm(Some(Item { id: id.to_owned(), price_id: price.to_owned(), quantity }))
    };
    let subscription = "must be sub_ and letters or digits, at most 255 bytes";
    let long = format!("sub_{}", "a".repeat(252));
    for (flow, field, rule) in [
        (
            Flow::SubscriptionCancel(SubscriptionCancel { subscription_id: "cus_B".to_owned() }),
            "subscription_cancel.subscription_id",
            subscription,
        ),
        (
            Flow::SubscriptionUpdate(SubscriptionUpdate { subscription_id: long }),
            "subscription_update.subscription_id",
            subscription,
        ),
        (
            Flow::SubscriptionUpdateConfirm(SubscriptionUpdateConfirm::default()),
            "subscription_update_confirm.subscription_id",
            subscription,
        ),
        (confirm(None), "subscription_update_confirm.item", "must be set"),
        (
            item("A", "price_A", None),
            "subscription_update_confirm.item.id",
            "must be si_ and letters or digits, at most 255 bytes",
        ),
        (
            item("si_A", "prod_A", None),
            "subscription_update_confirm.item.price_id",
            "must be price_ or plan_ and letters or digits, at most 255 bytes",
        ),
        (item("si_A", "price_A", Some(0)), "subscription_update_confirm.item.quantity", "must be at least 1"),
        (item("si_A", "", None), "subscription_update_confirm.item", "must have a price_id or a quantity"),
    ] {
        let message = CreatePortalSessionRequest { flow: Some(flow), ..home() };
        assert_violation(&world, message, field, rule).await;
    }
    assert!(world.stripe.requests().is_empty());
}

#[tokio::test]
async fn field_that_stripe_refuses_is_named() {
    let world = World::start().await;
    let flow = Some(Flow::PaymentMethodUpdate(PaymentMethodUpdate {}));
    for (parameter, field) in [
        ("return_url", "return_url"),
        ("locale", "locale"),
        ("flow_data[type]", "payment_method_update"),
        ("flow_data[after_completion][redirect][return_url]", "completed_url"),
    ] {
        let error = json!({"error": {"type": "invalid_request_error", "param": parameter, "message": "secret text"}});
        world.stripe.tamper(Some(alter(SESSIONS, respond_with(400, error))));
        let message = CreatePortalSessionRequest { locale: "de".to_owned(), flow: flow.clone(), ..home() };
        assert_violation(&world, message, field, "was refused by Stripe").await;
    }
}
