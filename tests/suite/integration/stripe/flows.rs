//! Integration: flows are sent to Stripe exactly as requested, and a session with another flow is rejected.

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest,
    create_portal_session_request::{
        CustomerUpdate, Flow, PaymentMethodUpdate, SubscriptionCancel, SubscriptionUpdate, SubscriptionUpdateConfirm,
        subscription_update_confirm::Item,
    },
};
use serde_json::{Value, json};
use stripe_simulator::Configuration;

use super::sessions::body;
use crate::support::{
    World,
    stripe::{SESSIONS, alter},
    world::{RETURN_URL, home},
};

const COMPLETED: &str = "https://app.example.com/settings?billing=completed";

/// Returns a request to update the payment method.
fn payment_method(completed_url: Option<&str>) -> CreatePortalSessionRequest {
    let flow = Some(Flow::PaymentMethodUpdate(PaymentMethodUpdate {}));
    CreatePortalSessionRequest { flow, completed_url: completed_url.map(str::to_owned), ..home() }
}

#[tokio::test]
async fn every_flow_is_accepted_and_audited() {
    let world = World::start().await;
    world
        .stripe
        .add_configuration(Configuration::new("bpc_default").default_of_mode(true).active(true).price("price_A"));
    let sub = || "sub_A".to_owned();
    let item = Item { id: "si_A".to_owned(), price_id: "price_A".to_owned(), quantity: Some(3) };
    let flows = [
        Flow::PaymentMethodUpdate(PaymentMethodUpdate {}),
        Flow::CustomerUpdate(CustomerUpdate {}),
        Flow::SubscriptionCancel(SubscriptionCancel { subscription_id: sub() }),
        Flow::SubscriptionUpdate(SubscriptionUpdate { subscription_id: sub() }),
        Flow::SubscriptionUpdateConfirm(SubscriptionUpdateConfirm { subscription_id: sub(), item: Some(item) }),
    ];
    for flow in flows {
        let message = CreatePortalSessionRequest { flow: Some(flow), locale: "de".to_owned(), ..home() };
        let url = world.open_with(&world.olivia(), message).await.unwrap();
        assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_A"));
    }
    let outcomes: Vec<_> = world.audit().into_iter().filter(|record| record["event"] == "outcome").collect();
    let flows: Vec<_> = outcomes.iter().map(|record| record["flow"].as_str().unwrap()).collect();
    let expected = [
        "payment_method_update",
        "customer_update",
        "subscription_cancel",
        "subscription_update",
        "subscription_update_confirm",
    ];
    assert_eq!(flows, expected);
}

#[tokio::test]
async fn completed_url_is_where_stripe_redirects_when_the_flow_is_done() {
    let world = World::start().await;
    for (completed_url, redirect) in [(None, RETURN_URL), (Some(COMPLETED), COMPLETED), (Some(RETURN_URL), RETURN_URL)]
    {
        world.stripe.forget_requests();
        world.open_with(&world.olivia(), payment_method(completed_url)).await.unwrap();
        let requests = world.stripe.requests();
        let body = body(requests.iter().find(|request| request.method == "POST").unwrap());
        let sent = |parameter: &str| body.iter().find(|(name, _)| name == parameter).map(|(_, value)| value.as_str());
        assert_eq!(sent("return_url"), Some(RETURN_URL));
        assert_eq!(sent("flow_data[after_completion][redirect][return_url]"), Some(redirect));
    }
    // The audit log contains neither URL.
    let audit = serde_json::to_string(&world.audit()).unwrap();
    assert!(!audit.contains("app.example.com"), "{audit}");
}

#[tokio::test]
async fn session_with_another_redirect_than_requested_is_rejected() {
    let world = World::start().await;
    let redirect = |url: Value| json!({"type": "redirect", "redirect": {"return_url": url}});
    for (after_completion, expected) in [
        (redirect(json!(COMPLETED)), "OK"),
        (redirect(json!(RETURN_URL)), "STRIPE_RESPONSE_REJECTED"),
        (redirect(json!("https://evil.test/")), "STRIPE_RESPONSE_REJECTED"),
        (redirect(json!(format!("{COMPLETED}&x"))), "STRIPE_RESPONSE_REJECTED"),
        (redirect(json!("")), "STRIPE_RESPONSE_REJECTED"),
        (json!({"type": "portal_homepage", "redirect": null}), "STRIPE_RESPONSE_REJECTED"),
        (redirect(Value::Null), "STRIPE_PROTOCOL"),
        (json!({"type": "redirect", "redirect": null}), "STRIPE_PROTOCOL"),
    ] {
        let sent = after_completion.clone();
        world.stripe.tamper(Some(alter(SESSIONS, move |answer| {
            let mut json = answer.json();
            json["flow"]["after_completion"] = sent.clone();
            answer.with_json(&json)
        })));
        let reason =
            world.open_with(&world.olivia(), payment_method(Some(COMPLETED))).await.err().map(|refusal| refusal.reason);
        assert_eq!(reason.as_deref().unwrap_or("OK"), expected, "{after_completion}");
    }
}
