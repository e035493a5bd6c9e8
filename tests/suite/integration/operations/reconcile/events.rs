//! How Stripe's events are read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use stripe_simulator::{Answer, Endpoint, Fault, Injection};

use super::{audit_file, ended_early, leak, outcome, reconcile, rows, world};
use crate::support::{
    process::{run, text},
    stripe::{alter, respond_with},
};

#[tokio::test]
async fn every_page_is_read_with_the_largest_limit_that_fits() {
    let world = world().await;
    let mut lines = Vec::new();
    let mut foreign = BTreeSet::new();
    for number in 0..230 {
        let session = leak(&world, "cus_A").await["id"].as_str().unwrap().to_owned();
        if number % 100 == 0 {
            foreign.insert(session);
        } else {
            lines.push(outcome(Duration::from_secs(60), &session, "cus_A", "OK"));
        }
    }
    let path = audit_file(&world, "many.jsonl", &lines).display().to_string();
    world.stripe.forget_requests();
    let output = reconcile(&world, &["--format=json", "--audit", &path]).await;
    let found: BTreeSet<_> = rows(&output).iter().map(|row| row["session"].as_str().unwrap().to_owned()).collect();
    assert_eq!((found, output.status.code()), (foreign, Some(1)), "{output:?}");
    assert!(
        text(&output.stderr)
            .starts_with("sessions at Stripe: 227 audited, 0 of them with another customer; 3 not audited")
    );
    let requests: Vec<_> = world.stripe.requests().into_iter().map(|request| request.path).collect();
    // A page of 100 events has more than 64 KiB here, and one of 50 has less.
    assert_eq!(requests.len(), 1 + 5, "{requests:?}");
    for (number, request) in requests.iter().enumerate() {
        let limit = if number == 0 { 100 } else { 50 };
        let start = "/v1/events?type=billing_portal.session.created&created%5Bgte%5D=";
        assert!(request.starts_with(start) && request.contains(&format!("&limit={limit}")), "{requests:?}");
        assert_eq!(request.contains("&starting_after=evt_"), number > 1, "{requests:?}");
    }
}

#[tokio::test]
async fn session_that_stripe_reports_twice_is_listed_once() {
    let world = world().await;
    world.open(&world.olivia()).await.unwrap();
    leak(&world, "cus_B").await;
    world.stripe.tamper(Some(alter("/v1/events", |answer| {
        let mut list = answer.json();
        let data = list["data"].as_array_mut().unwrap();
        data.extend(data.clone());
        answer.with_json(&list)
    })));
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!((rows(&output).len(), output.status.code()), (1, Some(1)), "{output:?}");
    assert!(
        text(&output.stderr)
            .starts_with("sessions at Stripe: 1 audited, 0 of them with another customer; 1 not audited")
    );
}

#[tokio::test]
async fn key_without_the_permission_is_refused_and_the_permission_is_named() {
    let world = world().await;
    for (key, expected) in [("rk_test_customers", "missing permission: rak_event_read)"), ("sk_test_unknown", "401")] {
        std::fs::write(world.path("stripe.key"), key).unwrap();
        let error = ended_early(&reconcile(&world, &[]).await);
        assert!(error.contains(expected), "{error}");
        assert!(error.ends_with("; check the key in --stripe-secret-key-file and its permissions"), "{error}");
    }
    // The command needs no other permission.
    std::fs::write(world.path("stripe.key"), "rk_test_events").unwrap();
    assert_eq!(reconcile(&world, &[]).await.status.code(), Some(0));
}

#[tokio::test]
async fn events_that_do_not_match_the_request_end_the_run() {
    let world = world().await;
    leak(&world, "cus_A").await;
    for (pointer, value, expected) in [
        ("/data/0/livemode", json!(true), "livemode in the Stripe response does not match the request"),
        ("/data/0/data/object/livemode", json!(true), "data.object.livemode in the Stripe response does not match"),
        ("/data/0/type", json!("charge.succeeded"), "type in the Stripe response does not match the request"),
        ("/data/0/object", json!("charge"), "object in the Stripe response does not match the request"),
        ("/data/0/data/object/object", json!("charge"), "data.object.object in the Stripe response does not match"),
        ("/data/0/data/object/id", json!("cs_A"), "data.object.id in the Stripe response does not match"),
        (
            "/data/0/data/object/customer",
            json!({"id": "cus_A"}),
            "customer in the Stripe response is missing or not a string",
        ),
        ("/data/0/created", json!(1e18), "created in the Stripe response is missing or not a time"),
        ("/data/0/id", json!(7), "id in the Stripe response is missing or not a string"),
        ("/data", json!({}), "data in the Stripe response is missing or not an array"),
        ("/has_more", json!("no"), "has_more in the Stripe response is missing or not a boolean"),
        // The same page forever, because the cursor is ignored.
        ("/has_more", json!(true), "has_more in the Stripe response does not match the request"),
    ] {
        world.stripe.tamper(Some(alter("/v1/events", move |answer| {
            let mut list: Value = answer.json();
            if let Some(member) = list.pointer_mut(pointer) {
                *member = value.clone();
            }
            answer.with_json(&list)
        })));
        let error = ended_early(&reconcile(&world, &["--format=json"]).await);
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    // Nobody can have recorded the session of an account that is not a customer.
    world.stripe.tamper(Some(alter("/v1/events", |answer| {
        let mut list = answer.json();
        list["data"][0]["data"]["object"]["customer"] = json!(null);
        list["data"][0]["request"] = json!(null);
        answer.with_json(&list)
    })));
    let [row] = &rows(&reconcile(&world, &["--format=json"]).await)[..] else { panic!("not one row") };
    assert!(row["result"] == "not_audited" && row.get("customer").is_none() && row.get("stripe_request_id").is_none());
    world.stripe.tamper(Some(alter("/v1/events", respond_with(200, json!([])))));
    assert!(ended_early(&reconcile(&world, &[]).await).contains("Stripe response is not a JSON object"));
}

#[tokio::test]
async fn failed_page_is_retried() {
    let world = world().await;
    leak(&world, "cus_A").await;
    let failures = AtomicU32::new(0);
    world.stripe.tamper(Some(alter("/v1/events", move |answer| {
        let first = failures.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Answer { status: 429, ..answer } } else { answer }
    })));
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!((rows(&output).len(), output.status.code()), (1, Some(1)), "{output:?}");
    assert!(text(&output.stderr).contains("check at Stripe failed; retrying after a pause"), "{output:?}");
}

#[tokio::test]
async fn run_is_paced_by_the_rate_of_the_service() {
    let world = world().await;
    for _ in 0..3 {
        leak(&world, "cus_A").await;
    }
    // Each page has one event: the others are too large for it.
    world.stripe.tamper(Some(alter("/v1/events", |answer| {
        let mut list = answer.json();
        if list["data"].as_array().is_some_and(|data| data.len() > 1) {
            list["padding"] = json!("x".repeat(70_000));
        }
        answer.with_json(&list)
    })));
    world.stripe.forget_requests();
    let started = std::time::Instant::now();
    let options = ["reconcile", "--until=0s", "--format=json"];
    let output = run(&world, &options, &["--stripe-rate=10"]).await;
    let requests = u32::try_from(world.stripe.requests().len()).unwrap();
    // Limits of 100, 50, 25, 12, 6 and 3 give the same page, and so may 2 or 1.
    assert!(output.status.code().is_some() && requests > 8, "{output:?}");
    // Two permits are available at once.
    let expected = Duration::from_millis(100) * (requests - 2);
    assert!(started.elapsed() >= expected, "{requests} requests took {:?}", started.elapsed());
}

/// `tests/run --long` selects this module by its name.
mod long {
    use super::*;

    #[tokio::test]
    #[ignore = "half a minute long: run it with `tests/run --long`"]
    async fn run_ends_if_stripe_stays_down() {
        let world = world().await;
        world.stripe.inject(Injection::from(Fault::Status503).on(Endpoint::Events));
        assert!(ended_early(&reconcile(&world, &[]).await).contains("503"));
    }
}
