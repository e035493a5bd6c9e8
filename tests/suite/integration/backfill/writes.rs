//! What is written, and what never is.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use stripe_simulator::{Answer, Customer, Endpoint, Fault, Injection, Mode, RecordedRequest};

use super::{backfill, map, refused_tenants, rows, world_with, writes};
use crate::support::process::text;

#[tokio::test]
async fn dry_run_writes_nothing_in_every_format() {
    let world = world_with(&[("hooli", "cus_H"), ("umbrella", "cus_U")]).await;
    for (format, expected) in [
        (
            "--format=table",
            "TENANT    CUSTOMER  RESULT    REASON  DETAIL  EVIDENCE\nhooli     cus_H     to_write\numbrella  cus_U     to_write\n",
        ),
        (
            "--format=csv",
            "tenant,customer,result,reason,detail,evidence\nhooli,cus_H,to_write,,,\numbrella,cus_U,to_write,,,\n",
        ),
    ] {
        let output = backfill(&world, &[format]).await;
        assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(0)), "{format}");
    }
    let output = backfill(&world, &[]).await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report[0], json!({"tenant": "hooli", "customer": "cus_H", "result": "to_write"}));
    assert_eq!(
        text(&output.stderr),
        "6 tenants: 3 already named by their customer, 0 written, 2 to write, 0 contradictory, 0 failed, 1 without a billing \
         account\nindependent evidence: 0 of 5 tenants with a billing account\n"
    );
    assert_eq!(writes(&world).len(), 0);
    assert_eq!(refused_tenants(&world).await, ["hooli TENANT_PROOF_MISSING", "umbrella TENANT_PROOF_MISSING"]);
}

#[tokio::test]
async fn write_is_read_back_and_not_repeated() {
    let world = world_with(&[("hooli", "cus_H"), ("a/b&c=d%25", "cus_O")]).await;
    let kept = Customer::new("cus_H").name("Hooli").metadata("plan", "pro").metadata("tenant_id", "");
    world.stripe.add_customer(kept);
    let output = backfill(&world, &["--write"]).await;
    assert_eq!(rows(&output), ["a/b&c=d%25 cus_O written - - -", "hooli cus_H written - - -"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let of_hooli: Vec<_> =
        world.stripe.requests().into_iter().filter(|request| request.path.ends_with("/cus_H")).collect();
    assert_eq!(of_hooli.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["GET", "POST", "GET"]);
    assert!(of_hooli[1].header("idempotency-key").is_some());
    assert_eq!(of_hooli[1].body, "metadata[tenant_id]=hooli");
    assert_eq!(refused_tenants(&world).await, [""; 0]);

    world.stripe.forget_requests();
    let output = backfill(&world, &["--write"]).await;
    assert_eq!((rows(&output).len(), output.status.code(), writes(&world).len()), (0, Some(0), 0));
}

#[tokio::test]
async fn contradictions_and_deleted_customers_are_reported_and_never_written() {
    let world = world_with(&[("gone", "cus_G"), ("odd", "cus_Odd"), ("bare", "cus_Bare"), ("stolen", "cus_S")]).await;
    world.stripe.delete_customer(Mode::Test, "cus_G");
    world.stripe.add_customer(Customer::new("cus_Odd").metadata("tenant_id", "odd").fault(Fault::MetadataNotText));
    world.stripe.add_customer(Customer::new("cus_Bare").fault(Fault::MetadataAbsent));
    world.stripe.add_customer(Customer::new("cus_S").metadata("tenant_id", "Stolen"));
    for (tenant, customer) in [
        ("one", "cus_1"),
        ("other", "cus_1"),
        ("twice", "cus_2"),
        ("twice", "cus_3"),
        ("malformed", "cus_/../4"),
        ("a b", "cus_5"),
        ("unknown", "cus_X"),
    ] {
        map(&world, tenant, customer);
        world.stripe.add_customer(Customer::new("cus_1"));
    }
    let output = backfill(&world, &["--write"]).await;
    let missing = "BILLING_ACCOUNT_MISSING_AT_STRIPE";
    assert_eq!(
        rows(&output),
        [
            "a b cus_5 contradictory MAPPING_INTEGRITY malformed_tenant -",
            "bare cus_Bare failed STRIPE_PROTOCOL metadata in the Stripe response is missing or has another type -",
            &format!("gone cus_G contradictory {missing} - -"),
            "malformed cus_/../4 contradictory MAPPING_INTEGRITY malformed_customer -",
            "odd cus_Odd failed STRIPE_PROTOCOL an entry of metadata in the Stripe response is missing or has another type -",
            "one cus_1 contradictory MAPPING_INTEGRITY shared_customer -",
            "other cus_1 contradictory MAPPING_INTEGRITY shared_customer -",
            "stolen cus_S contradictory MAPPING_INTEGRITY customer_of_another_tenant: \"Stolen\" -",
            "twice cus_2 contradictory MAPPING_INTEGRITY two_rows -",
            &format!("unknown cus_X contradictory {missing} - -"),
        ]
    );
    assert_eq!((output.status.code(), writes(&world).len()), (Some(1), 0));
}

#[tokio::test]
async fn lost_responses_are_repeated_without_a_second_value() {
    let faults = [
        Fault::RateLimit,
        Fault::LockTimeout,
        Fault::Status500,
        Fault::Status502,
        Fault::Status503,
        Fault::Hang,
        Fault::ResetInHead,
    ];
    let names = faults.map(|fault| (format!("t-{fault}"), format!("cus_{}", fault.camel_case())));
    let customers: Vec<_> = names.iter().map(|(tenant, customer)| (tenant.as_str(), customer.as_str())).collect();
    let world = world_with(&customers).await;
    for (fault, (_, customer)) in faults.into_iter().zip(customers) {
        let once = Injection::from(fault).on(Endpoint::CustomerUpdates).first(1);
        world.stripe.add_customer(Customer::new(customer).fault(once));
    }
    let output = backfill(&world, &["--write", "--stripe-attempt-timeout=1s"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let rows = rows(&output);
    assert!(rows.len() == faults.len() && rows.iter().all(|row| row.contains(" written ")), "{rows:?}");
    assert_eq!(refused_tenants(&world).await, [""; 0]);
}

/// Stripe executes the write, and each of its responses is lost.
#[tokio::test]
async fn executed_write_is_found_and_not_sent_again() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    let lost = Injection::from(Fault::Status502).on(Endpoint::CustomerUpdates);
    world.stripe.add_customer(Customer::new("cus_H").fault(lost));
    let output = backfill(&world, &["--write"]).await;
    assert_eq!((rows(&output), output.status.code()), (vec!["hooli cus_H written - - -".to_owned()], Some(0)));
    let warning = text(&output.stderr).lines().next().unwrap();
    assert!(warning.contains("retrying after a pause") && warning.contains(r#""tenant":"hooli""#), "{warning}");
    let keys: HashSet<_> =
        writes(&world).iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 1, "every attempt has the same key");
}

#[tokio::test]
async fn wrong_responses_to_a_write_are_failures() {
    let faults = [Fault::Html, Fault::OtherCustomer, Fault::OtherMode, Fault::Status402, Fault::CustomerMissing];
    let names = faults.map(|fault| (format!("t-{fault}"), format!("cus_{}", fault.camel_case())));
    let customers: Vec<_> = names.iter().map(|(tenant, customer)| (tenant.as_str(), customer.as_str())).collect();
    let world = world_with(&customers).await;
    for (fault, (_, customer)) in faults.into_iter().zip(customers) {
        world.stripe.add_customer(Customer::new(customer).fault(Injection::from(fault).on(Endpoint::CustomerUpdates)));
    }
    let output = backfill(&world, &["--write"]).await;
    assert_eq!(
        rows(&output),
        [
            "t-customer-missing cus_CustomerMissing contradictory BILLING_ACCOUNT_MISSING_AT_STRIPE - -",
            "t-html cus_Html failed STRIPE_PROTOCOL Stripe response is not a JSON object -",
            "t-other-customer cus_OtherCustomer failed STRIPE_RESPONSE_REJECTED id in the Stripe response does not match the request -",
            "t-other-mode cus_OtherMode failed STRIPE_RESPONSE_REJECTED livemode in the Stripe response does not match the request -",
            "t-status-402 cus_Status402 failed STRIPE_PROTOCOL Stripe refused the change request: 402 Payment Required -",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Another writer sets its value right after the write of the backfill, and before the customer is read back.
#[tokio::test]
async fn value_of_another_writer_is_noticed_when_it_is_read_back() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    let reads = AtomicUsize::new(0);
    world.stripe.tamper(Some(Arc::new(move |request: RecordedRequest, answer: Answer| {
        let is_read_back = request.method == "GET"
            && request.path.starts_with("/v1/customers/cus_H")
            && reads.fetch_add(1, Ordering::Relaxed) == 1;
        let mut object = answer.json();
        if is_read_back {
            object["metadata"]["tenant_id"] = "globex".into();
        }
        Box::pin(async move { if is_read_back { answer.with_json(&object) } else { answer } })
    })));
    let output = backfill(&world, &["--write"]).await;
    let cause = "customer does not name the tenant that was just written; something else writes to it as well";
    assert_eq!(rows(&output), [format!("hooli cus_H failed STRIPE_RESPONSE_REJECTED {cause} -")]);
    assert_eq!(output.status.code(), Some(1));
}
