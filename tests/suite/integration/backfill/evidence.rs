//! Independent evidence: compared where it exists, and never overruled.

use std::sync::Arc;

use stripe_simulator::{Answer, CheckoutSession, Endpoint, Fault, Injection, RecordedRequest, Subscription};

use super::{backfill, rows, world_with, writes};
use crate::support::process::text;

const ALL: [&str; 3] =
    ["--evidence=subscription-metadata:org", "--evidence=checkout-metadata:org", "--evidence=client-reference-id"];

#[tokio::test]
async fn contradiction_by_each_kind_is_reported_and_not_written() {
    let tenants = [("t1", "cus_1"), ("t2", "cus_2"), ("t3", "cus_3"), ("t4", "cus_4"), ("t5", "cus_5")];
    let world = world_with(&tenants).await;
    world.stripe.add_subscription(Subscription::new("sub_1", "cus_1").status("canceled").metadata("org", "globex"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_2", "cus_2").metadata("org", "T2"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_3", "cus_3").client_reference_id("t3 "));
    // Ambiguous: one object names the tenant, another one does not.
    world.stripe.add_subscription(Subscription::new("sub_4", "cus_4").metadata("org", "t4"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_4", "cus_4").client_reference_id("t5"));
    world.stripe.add_subscription(Subscription::new("sub_5", "cus_5").metadata("team", "globex"));
    let changes = [&["--write"], ALL.as_slice()].concat();
    let output = backfill(&world, &changes).await;
    let contradictory = "contradictory MAPPING_INTEGRITY";
    assert_eq!(
        rows(&output),
        [
            format!("t1 cus_1 {contradictory} subscription-metadata:org of sub_1 names \"globex\" -"),
            format!("t2 cus_2 {contradictory} checkout-metadata:org of cs_2 names \"T2\" -"),
            format!("t3 cus_3 {contradictory} client-reference-id of cs_3 names \"t3 \" -"),
            format!("t4 cus_4 {contradictory} client-reference-id of cs_4 names \"t5\" subscription-metadata:org"),
            "t5 cus_5 written - - -".to_owned(),
        ]
    );
    assert_eq!(output.status.code(), Some(1));
    // The subscription that names t4 does not count.
    assert!(text(&output.stderr).ends_with("independent evidence: 0 of 8 tenants with a billing account\n"));
    let writes = writes(&world);
    assert!(writes.len() == 1 && writes[0].path.ends_with("cus_5"), "{writes:?}");
}

#[tokio::test]
async fn tenants_with_independent_evidence_are_counted_also_if_nothing_is_to_write() {
    let world = world_with(&[("hooli", "cus_H"), ("umbrella", "cus_U")]).await;
    world.stripe.add_subscription(Subscription::new("sub_H", "cus_H").metadata("org", "hooli"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_H", "cus_H").client_reference_id("hooli"));
    // The customer of acme names it already, and so does a subscription. That of globex is contradicted.
    world.stripe.add_subscription(Subscription::new("sub_A2", "cus_A").metadata("org", "acme"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_B", "cus_B").client_reference_id("acme"));
    let output = backfill(&world, &ALL).await;
    assert_eq!(
        rows(&output),
        [
            "globex cus_B contradictory MAPPING_INTEGRITY client-reference-id of cs_B names \"acme\" -",
            "hooli cus_H to_write - - subscription-metadata:org client-reference-id",
            "umbrella cus_U to_write - - -",
        ]
    );
    assert!(text(&output.stderr).ends_with("independent evidence: 2 of 5 tenants with a billing account\n"));
    // A kind that is not given is not read.
    world.stripe.forget_requests();
    backfill(&world, &["--evidence=client-reference-id"]).await;
    assert!(!world.stripe.requests().iter().any(|request| request.path.starts_with("/v1/subscriptions")));
}

#[tokio::test]
async fn evidence_is_read_to_the_last_page() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    // Lists are newest first, so the contradiction is on the third page.
    world.stripe.add_subscription(Subscription::new("sub_first", "cus_H").metadata("org", "globex"));
    for number in 0..24 {
        world.stripe.add_subscription(Subscription::new(&format!("sub_{number}"), "cus_H").metadata("org", "hooli"));
    }
    let contradiction = "hooli cus_H contradictory MAPPING_INTEGRITY subscription-metadata:org of sub_first names \"globex\" \
                         subscription-metadata:org";
    let pages = async || {
        world.stripe.forget_requests();
        let output = backfill(&world, &ALL[..1]).await;
        assert_eq!(rows(&output), [contradiction]);
        let lists = world.stripe.requests().into_iter().filter(|request| request.path.contains("customer=cus_H"));
        lists.inspect(|request| assert!(request.path.contains("status=all"), "{}", request.path)).count()
    };
    assert_eq!(pages().await, 3);
    // A page that is too large is read one object at a time.
    world.stripe.tamper(Some(Arc::new(|request: RecordedRequest, mut answer: Answer| {
        if request.path.contains("limit=10") && request.path.contains("customer=cus_H") {
            answer.body.resize(64 * 1024 + 1, b' ');
        }
        Box::pin(async move { answer })
    })));
    assert_eq!(pages().await, 1 + 25);
}

#[tokio::test]
async fn evidence_that_cannot_be_read_prevents_the_write() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    for fault in [Fault::Html, Fault::Status402] {
        world.stripe.inject(Injection::from(fault).on(Endpoint::CheckoutSessions));
        let output = backfill(&world, &["--write", "--evidence=client-reference-id"]).await;
        let rows = rows(&output);
        assert!(rows.iter().any(|row| row.starts_with("hooli cus_H failed STRIPE_PROTOCOL ")), "{fault}: {rows:?}");
        world.stripe.clear_faults();
    }
    // A list that belongs to another customer or to the other mode.
    world.stripe.add_subscription(Subscription::new("sub_H", "cus_H").metadata("org", "hooli"));
    for (member, value) in [("customer", "cus_A".into()), ("livemode", true.into()), ("id", 7.into())] {
        let value: serde_json::Value = value;
        world.stripe.tamper(Some(Arc::new(move |request: RecordedRequest, answer: Answer| {
            let mut list = answer.json();
            let is_evidence = request.path.starts_with("/v1/subscriptions?customer=cus_H");
            if is_evidence {
                list["data"][0][member] = value.clone();
            }
            Box::pin(async move { if is_evidence { answer.with_json(&list) } else { answer } })
        })));
        let rows = rows(&backfill(&world, &["--write", ALL[0]]).await);
        assert!(rows.len() == 1 && rows[0].starts_with("hooli cus_H failed STRIPE_"), "{member}: {rows:?}");
    }
    assert_eq!(writes(&world).len(), 0);
}
