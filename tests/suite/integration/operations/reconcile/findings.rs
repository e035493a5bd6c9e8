//! What the report says about sessions and entries.

use std::time::Duration;

use serde_json::{Value, json};
use stripe_simulator::{Endpoint, Fault, Injection};

use super::{HOUR, audit_file, leak, outcome, reconcile, rows, world};
use crate::support::{
    process::text,
    stripe::{SESSIONS, alter},
};

#[tokio::test]
async fn sessions_of_the_service_have_an_entry_each() {
    let world = world().await;
    let output = reconcile(&world, &[]).await;
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(0)), "an account without sessions: {output:?}");
    for _ in 0..2 {
        world.open(&world.olivia()).await.unwrap();
    }
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!((text(&output.stdout), output.status.code()), ("[]\n", Some(0)), "{output:?}");
    let summary = text(&output.stderr);
    for line in [
        "sessions at Stripe: 2 audited, 0 of them with another customer; 0 not audited, 0 of calls without a response; not \
         compared: 0 before the audit files begin, 0 too recent\n",
        "sessions in the audit files: 2, 0 of them without an event; not compared: 0 older than the events, 0 too recent\n",
        "audit files: from ",
        "; lines that are not entries: 0\n",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
}

#[tokio::test]
async fn session_around_the_service_is_reported_with_the_request_that_created_it() {
    let world = world().await;
    world.open(&world.olivia()).await.unwrap();
    let session = leak(&world, "cus_B").await;
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [row] = &rows(&output)[..] else { panic!("{output:?}") };
    let [request, event] = ["stripe_request_id", "event"].map(|member| row[member].as_str().unwrap());
    assert!(request.starts_with("req_") && event.starts_with("evt_"), "{row}");
    let expected = json!({"result": "not_audited", "time": row["time"], "session": session["id"], "customer": "cus_B",
        "stripe_request_id": request, "event": event});
    assert_eq!(*row, expected);
    assert!(
        text(&output.stderr).contains("sessions at Stripe: 1 audited, 0 of them with another customer; 1 not audited,")
    );
    // The event contains the URL, which opens the portal of the customer.
    let output = [output.stdout, output.stderr].concat();
    assert!(!text(&output).contains("/p/session/"));

    let csv = reconcile(&world, &["--format=csv"]).await;
    let header = "result,time,session,customer,audit_customer,audit_entry,stripe_request_id,event";
    let id = session["id"].as_str().unwrap();
    let line = format!("not_audited,{},{id},cus_B,,,{request},{event}", expected["time"].as_str().unwrap());
    assert_eq!(text(&csv.stdout), format!("{header}\n{line}\n"));
    let table = reconcile(&world, &[]).await;
    assert!(text(&table.stdout).starts_with("RESULT       TIME "), "{table:?}");
    assert!(text(&table.stdout).contains(id) && table.status.code() == Some(1));
}

#[tokio::test]
async fn session_for_another_customer_than_that_of_its_entry_is_reported_first() {
    let world = world().await;
    world.open(&world.olivia()).await.unwrap();
    leak(&world, "cus_D").await;
    world.stripe.tamper(Some(alter("/v1/events", |answer| {
        let mut list = answer.json();
        let oldest = list["data"].as_array_mut().unwrap().last_mut().unwrap();
        oldest["data"]["object"]["customer"] = json!("cus_B");
        answer.with_json(&list)
    })));
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let rows = rows(&output);
    let entry = world.audit().pop().unwrap();
    let place = format!("{}:2", world.path("audit.jsonl").display());
    let expected = json!({"result": "other_customer", "time": rows[0]["time"], "session": entry["session"],
        "customer": "cus_B", "audit_customer": "cus_A", "audit_entry": place,
        "stripe_request_id": entry["stripe_request_id"], "event": rows[0]["event"]});
    assert_eq!(rows[0], expected);
    assert_eq!((rows.len(), &rows[1]["result"]), (2, &json!("not_audited")));
    assert!(
        text(&output.stderr).contains("sessions at Stripe: 1 audited, 1 of them with another customer; 1 not audited,")
    );
}

#[tokio::test]
async fn session_of_a_refused_call_is_known() {
    let world = world().await;
    world.stripe.tamper(Some(alter(SESSIONS, |answer| {
        let mut session = answer.json();
        session["return_url"] = json!("https://evil.example/");
        answer.with_json(&session)
    })));
    world.open(&world.olivia()).await.unwrap_err();
    let entry = world.audit().pop().unwrap();
    assert!(entry["reason"] == "STRIPE_RESPONSE_REJECTED" && entry["session"].is_string(), "{entry}");
    let output = reconcile(&world, &["--format=json"]).await;
    assert_eq!((rows(&output), output.status.code()), (vec![], Some(0)), "{output:?}");
}

#[tokio::test]
async fn entry_without_an_event_is_a_warning() {
    let world = world().await;
    let lines = [
        outcome(2 * HOUR, "bps_Missing", "cus_A", "OK"),
        outcome(HOUR, "bps_Rejected", "cus_A", "STRIPE_RESPONSE_REJECTED"),
        // The disk failed after it had accepted the first outcome. The second one counts.
        outcome(HOUR, "bps_Unwritten", "cus_A", "OK"),
        outcome(HOUR, "bps_Unwritten", "cus_A", "AUDIT_UNAVAILABLE"),
    ];
    let path = audit_file(&world, "more.jsonl", &lines).display().to_string();
    let output = reconcile(&world, &["--format=json", "--audit", &path]).await;
    let time = format!("{}Z", &lines[0]["time"].as_str().unwrap()[..19]);
    let expected = json!({"result": "no_event", "time": time, "session": "bps_Missing", "audit_customer": "cus_A",
        "audit_entry": format!("{path}:1")});
    assert_eq!((rows(&output), output.status.code()), (vec![expected], Some(0)), "{output:?}");
    assert!(text(&output.stderr).contains("sessions in the audit files: 3, 1 of them without an event;"), "{output:?}");
}

#[tokio::test]
async fn session_whose_response_was_lost_is_explained_by_its_call() {
    let world = world().await;
    world.stripe.inject(Injection::from(Fault::ResetInHead).on(Endpoint::Sessions));
    let refusal = world.open(&world.olivia()).await.unwrap_err();
    assert_eq!(refusal.reason, "STRIPE_UNAVAILABLE");
    world.stripe.clear_faults();
    assert!(world.audit().iter().all(|entry| entry.get("session").is_none()));
    let output = reconcile(&world, &["--format=json"]).await;
    let [row] = &rows(&output)[..] else { panic!("{output:?}") };
    let place = format!("{}:2", world.path("audit.jsonl").display());
    assert_eq!((&row["result"], &row["audit_entry"]), (&json!("response_lost"), &json!(place)));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // The call explains one session of its customer, and no other.
    leak(&world, "cus_A").await;
    let output = reconcile(&world, &["--format=json"]).await;
    let results: Vec<_> = rows(&output).iter().map(|row| row["result"].clone()).collect();
    assert_eq!((results, output.status.code()), (vec![json!("not_audited"), json!("response_lost")], Some(1)));
}

#[tokio::test]
async fn intent_explains_a_session_only_if_no_outcome_follows() {
    let world = world().await;
    leak(&world, "cus_B").await;
    let now = outcome(Duration::ZERO, "bps_Other", "cus_B", "OK");
    let mut intent = now.clone();
    let members = intent.as_object_mut().unwrap();
    members.retain(|name, _| ["time", "request_id", "rpc", "customer"].contains(&name.as_str()));
    members.insert("event".to_owned(), json!("intent"));
    let result = async |lines: &[Value]| {
        let path = audit_file(&world, "crash.jsonl", lines).display().to_string();
        let output = reconcile(&world, &["--format=json", "--audit", &path]).await;
        rows(&output)[0]["result"].clone()
    };
    assert_eq!(result(&[intent.clone()]).await, "response_lost");
    // The files may be in any order.
    assert_eq!(result(&[intent.clone(), now.clone()]).await, "not_audited");
    assert_eq!(result(&[now.clone(), intent.clone()]).await, "not_audited");
    let early = outcome(HOUR, "", "cus_B", "STRIPE_UNAVAILABLE");
    let mut early = early.clone();
    early.as_object_mut().unwrap().remove("session");
    assert_eq!(result(&[early]).await, "not_audited");
}
