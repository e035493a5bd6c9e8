//! Flag, ownership and mapping are read again after Stripe has responded and before a URL is released.

use crate::support::{
    World,
    stripe::hold_responses,
    world::{FLAG_OFF, FLAG_ON},
};

/// Starts a call, makes a change while Stripe's responses are held back, lets them go, and returns the outcome of the call.
async fn changed_while_stripe_responds(world: &World, change: impl AsyncFnOnce()) -> Result<String, String> {
    let (received, release) = hold_responses(&world.stripe);
    let token = world.olivia();
    let (outcome, ()) = tokio::join!(world.open(&token), async {
        received.notified().await;
        change().await;
        release.add_permits(2);
    });
    world.stripe.tamper(None);
    outcome.map_err(|error| error.reason)
}

#[tokio::test]
async fn change_during_call_prevents_the_release() {
    let world = World::start().await;
    for (change, undo, reason, detail) in [
        (
            "DELETE FROM billing_portal_owners WHERE user_id = 'olivia'",
            "INSERT INTO billing_portal_owners VALUES ('acme', 'olivia')",
            "NOT_OWNER",
            None,
        ),
        (
            "UPDATE billing_portal_tenants SET stripe_customer_id = NULL WHERE tenant_id = 'acme'",
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'acme'",
            "NO_BILLING_ACCOUNT",
            None,
        ),
        (
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_X' WHERE tenant_id = 'acme'",
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'acme'",
            "MAPPING_INTEGRITY",
            Some("changed_during_call"),
        ),
        (
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_B' WHERE tenant_id = 'acme'",
            "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_A' WHERE tenant_id = 'acme'",
            "MAPPING_INTEGRITY",
            Some("shared_customer"),
        ),
    ] {
        let outcome = changed_while_stripe_responds(&world, async || world.sql(change)).await;
        assert_eq!(outcome, Err(reason.to_owned()), "{change}");
        let record = world.audit().pop().unwrap();
        assert_eq!((record["reason"].as_str(), record["detail"].as_str()), (Some(reason), detail), "{change}");
        assert_eq!(record["released"], false, "{change}");
        assert!(record["session"].as_str().unwrap().starts_with("bps_"), "the created session is named: {record}");
        world.sql(undo);
    }
    // Without a change, the same call releases its URL.
    changed_while_stripe_responds(&world, async || {}).await.unwrap();
}

#[tokio::test]
async fn flag_that_is_switched_off_during_call_prevents_the_release() {
    let world = World::start().await;
    let outcome = changed_while_stripe_responds(&world, async || {
        // The second reading reads the file itself, and does not wait for the next poll.
        std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    });
    assert_eq!(outcome.await, Err("FEATURE_DISABLED".to_owned()));
    std::fs::write(world.path("flags.json"), FLAG_ON).unwrap();
}
