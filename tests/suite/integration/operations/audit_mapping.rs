//! Integration: the real binary's `audit-mapping` command.

use std::{
    collections::BTreeMap,
    process::Output,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use serde_json::{Value, json};
use stripe_simulator::{Answer, Customer, Mode};

use crate::support::{
    World,
    process::{binary, run, text},
    stripe::{alter, hold_responses_after},
};

/// Tenants with each kind of inconsistent mapping. The world's own tenants are consistent.
const DIRECTORY: &str = "
    INSERT INTO billing_portal_tenants VALUES
        ('empty', ''), ('unproved', 'cus_U'), ('stolen', 'cus_S'), ('gone', 'cus_G'), ('unknown', 'cus_X'),
        ('one', 'cus_1'), ('other', 'cus_1'), ('twice', 'cus_2'), ('twice', 'cus_3'), ('odd', 'cus_/../4'), ('a b', 'cus_5');
";

async fn world_with_inconsistent_mappings() -> World {
    let world = World::start().await;
    world.sql(DIRECTORY);
    world.stripe.add_customer(Customer::new("cus_U"));
    world.stripe.add_customer(Customer::new("cus_S").metadata("tenant_id", "acme"));
    world.stripe.add_customer(Customer::new("cus_G").metadata("tenant_id", "gone"));
    world.stripe.delete_customer(Mode::Test, "cus_G");
    world
}

#[tokio::test]
async fn reports_refusal_reason_of_each_tenant() {
    let world = world_with_inconsistent_mappings().await;
    let output = run(&world, &["audit-mapping", "--format=json"], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let integrity = |tenant: &str, customer: &str, detail: &str| json!({"tenant": tenant, "customer": customer, "reason": "MAPPING_INTEGRITY", "detail": detail});
    let missing = "BILLING_ACCOUNT_MISSING_AT_STRIPE";
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!([
        integrity("a b", "cus_5", "malformed_tenant"),
        {"tenant": "gone", "customer": "cus_G", "reason": missing},
        integrity("odd", "cus_/../4", "malformed_customer"),
        integrity("one", "cus_1", "shared_customer"),
        integrity("other", "cus_1", "shared_customer"),
        integrity("stolen", "cus_S", "customer_of_another_tenant"),
        integrity("twice", "cus_2", "two_rows"),
        {"tenant": "unknown", "customer": "cus_X", "reason": missing},
        {"tenant": "unproved", "customer": "cus_U", "reason": "TENANT_PROOF_MISSING"},
    ]);
    assert_eq!(rows, expected);
    assert_eq!(text(&output.stderr).trim(), "14 tenants: 3 verified, 2 without a billing account, 9 with problems");
    // Stripe is called once for each tenant that has a well-formed customer of its own, and for no other tenant.
    let requests = world.stripe.requests();
    assert_eq!(requests.len(), 7);
    assert!(requests.iter().all(|request| request.method == "GET" && request.path.starts_with("/v1/customers/cus_")));
}

#[tokio::test]
async fn lists_only_customers_without_proof_as_csv() {
    let world = world_with_inconsistent_mappings().await;
    let output = run(&world, &["audit-mapping", "--missing", "--format=csv"], &[]).await;
    assert_eq!(text(&output.stdout), "tenant,customer,reason,detail\nunproved,cus_U,TENANT_PROOF_MISSING,\n");
    assert_eq!(output.status.code(), Some(1));

    let output = run(&World::start().await, &["audit-mapping"], &[]).await;
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(0)));
    assert_eq!(text(&output.stderr).trim(), "4 tenants: 3 verified, 1 without a billing account, 0 with problems");
}

#[tokio::test]
async fn failed_audit_writes_no_report() {
    let world = World::start().await;
    let output = run(&world, &["audit-mapping"], &["--database-url=sqlite:/nowhere"]).await;
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    let logs = |output: &Output, cause: &str| {
        let last: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
        assert!(last["message"] == "run ended early" && last["error"].as_str().unwrap().ends_with(cause), "{last}");
    };
    logs(&output, "; check DATABASE_URL, the relations and their columns");
    std::fs::write(world.path("stripe.key"), "sk_test_unknown").unwrap();
    let output = run(&world, &["audit-mapping"], &[]).await;
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    logs(&output, "; check the key in --stripe-secret-key-file and its permissions");
}

/// Kills an audit twice, each time after some customers were read, and returns the output of the third run.
async fn audit_killed_twice(world: &World, tenants: usize, rate: &str) -> Output {
    let resume = format!("--resume={}", world.path("resume").display());
    let rate = format!("--stripe-rate={rate}");
    for share in [3, 2] {
        // Stripe responds for a third of the tenants in the first run, and for half of them in the second. How many of these
        // are recorded depends on the moment of the kill.
        let (reached, _release) = hold_responses_after(&world.stripe, tenants / share);
        let arguments = world.settings(&[&rate]);
        let mut child = binary().args(["audit-mapping", &resume]).args(arguments).spawn().unwrap();
        reached.notified().await;
        child.kill().await.unwrap();
    }
    world.stripe.tamper(None);
    world.stripe.forget_requests();
    run(world, &["audit-mapping", "--format=json", &resume], &[&rate]).await
}

async fn many_tenants(tenants: usize) -> World {
    let world = World::start().await;
    world.stripe.record_requests(tenants < 10_000);
    world.add_tenants(tenants);
    for tenant in 0..tenants {
        let (name, customer) = (format!("t{tenant}"), format!("cus_T{tenant}"));
        // Of every thousand customers, one names another tenant, and one names none.
        let customer = match tenant % 1_000 {
            0 => Customer::new(&customer).metadata("tenant_id", "another"),
            500 => Customer::new(&customer),
            _ => Customer::new(&customer).metadata("tenant_id", &name),
        };
        world.stripe.add_customer(customer);
    }
    world
}

/// Counts the findings of a report by reason.
fn counts(report: &[u8]) -> BTreeMap<String, usize> {
    let rows: Vec<Value> = serde_json::from_slice(report).unwrap();
    rows.iter().fold(BTreeMap::new(), |mut counts, row| {
        *counts.entry(row["reason"].as_str().unwrap().to_owned()).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn resumed_audit_has_complete_report() {
    let world = many_tenants(3_000).await;
    let output = audit_killed_twice(&world, 3_000, "10000").await;
    let expected = [("MAPPING_INTEGRITY".to_owned(), 3), ("TENANT_PROOF_MISSING".to_owned(), 3)];
    assert_eq!(counts(&output.stdout), expected.into());
    let requests = world.stripe.requests().len();
    assert!(requests < 2_000, "the third run made {requests} requests");
    assert!(!world.path("resume").exists(), "a finished run must remove its resume file");
    let again = run(&world, &["audit-mapping", "--format=json"], &[]).await;
    assert_eq!(again.stdout, output.stdout, "an uninterrupted run must find the same");
}

#[tokio::test]
async fn failed_customer_read_is_retried() {
    let world = World::start().await;
    let failures = AtomicU32::new(0);
    world.stripe.tamper(Some(alter("/v1/customers/cus_A", move |answer| {
        let first = failures.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Answer { status: 500, ..answer } } else { answer }
    })));
    let output = run(&world, &["audit-mapping"], &[]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let retry = text(&output.stderr).lines().find(|line| line.contains("retrying after a pause")).unwrap();
    assert!(retry.contains(r#""tenant":"acme""#), "{retry}");
}

/// `tests/run --long` selects this module by its name.
mod long {
    use super::*;

    #[tokio::test]
    #[ignore = "minutes long: run it with `tests/run --long`"]
    async fn resumed_audit_of_hundred_thousand_tenants_has_complete_report() {
        let world = many_tenants(100_000).await;
        let started = Instant::now();
        let output = audit_killed_twice(&world, 100_000, "10000").await;
        let expected = [("MAPPING_INTEGRITY".to_owned(), 100), ("TENANT_PROOF_MISSING".to_owned(), 100)];
        assert_eq!(counts(&output.stdout), expected.into());
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("audit-mapping: 100000 tenants, killed twice: {} {seconds:.1} s", text(&output.stderr).trim());
    }
}
