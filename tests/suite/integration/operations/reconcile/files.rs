//! The audit files: what they cover, and what is not an entry.

use std::{fs::File, process::Stdio};

use serde_json::json;

use super::{HOUR, audit_file, leak, outcome, reconcile, rows, world};
use crate::support::{
    World,
    process::{binary, run, text},
};

#[tokio::test]
async fn line_that_is_not_an_entry_is_reported_with_its_place() {
    let world = world().await;
    let good = outcome(HOUR, "bps_A", "cus_A", "BUG");
    let without = |member: &str| {
        let mut entry = good.clone();
        entry.as_object_mut().unwrap().remove(member);
        entry.to_string()
    };
    let mut released = good.clone();
    (released["released"], released["session"]) = (json!(true), json!(null));
    let invalid = [
        without("time"),
        without("event"),
        without("request_id"),
        without("reason"),
        without("released"),
        without("duration_ms"),
        without("customer"),
        released.to_string(),
        good.to_string().replace("outcome", "other"),
        good.to_string().replace("T", " at "),
        good.to_string().replacen('{', r#"{"customer":"cus_B","#, 1),
        format!("{good} {}", " ".repeat(70_000)),
        format!("{good}{good}"),
        r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"listening"}"#.to_owned(),
        "[]".to_owned(),
        String::new(),
        good.to_string()[..40].to_owned(),
    ];
    let lines = [&[good.to_string()], &invalid[..], &[good.to_string()]].concat();
    let path = audit_file(&world, "bad.jsonl", &lines).display().to_string();
    let output = reconcile(&world, &["--format=json", "--audit", &path]).await;
    let expected: Vec<_> = (2..)
        .take(invalid.len())
        .map(|line| json!({"result": "invalid_entry", "audit_entry": format!("{path}:{line}")}))
        .collect();
    assert_eq!((rows(&output), output.status.code()), (expected, Some(1)), "{output:?}");
    let count = format!("; lines that are not entries: {}\n", invalid.len());
    assert!(text(&output.stderr).contains(&count), "{output:?}");
}

#[tokio::test]
async fn torn_last_line_does_not_hide_what_was_found() {
    let world = world().await;
    world.open(&world.olivia()).await.unwrap();
    let session = leak(&world, "cus_B").await;
    let mut audit = std::fs::read(world.path("audit.jsonl")).unwrap();
    audit.extend(br#"{"time":"2026-01-01T00:0"#);
    std::fs::write(world.path("audit.jsonl"), audit).unwrap();
    let output = reconcile(&world, &["--format=json"]).await;
    let rows = rows(&output);
    assert_eq!((rows.len(), output.status.code()), (2, Some(1)), "{output:?}");
    assert_eq!(rows[0]["session"], session["id"]);
    assert_eq!(rows[1]["audit_entry"], format!("{}:3", world.path("audit.jsonl").display()));
}

#[tokio::test]
async fn sessions_that_the_files_cannot_have_are_counted_but_not_judged() {
    let world = World::start().await;
    let run = async |options: &[&str], lines: &[serde_json::Value]| {
        let path = audit_file(&world, "only.jsonl", lines).display().to_string();
        run(&world, &[&["reconcile", "--format=json"], options].concat(), &[&format!("--audit={path}")]).await
    };
    let summary = |output: &std::process::Output, expected: &str| {
        assert_eq!((rows(output), output.status.code()), (vec![], Some(0)), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    };
    let begin = |hours: u32| [outcome(hours * HOUR, "bps_Begin", "cus_A", "BUG")];
    leak(&world, "cus_A").await;
    summary(&run(&[], &begin(24)).await, "0 before the audit files begin, 1 too recent");
    world.stripe.age_events(2 * HOUR);
    summary(&run(&[], &begin(1)).await, "1 before the audit files begin, 0 too recent");
    summary(&run(&["--until=3h"], &begin(24)).await, "0 before the audit files begin, 1 too recent");
    // The event is not read.
    summary(&run(&["--since=1h"], &begin(24)).await, "0 before the audit files begin, 0 too recent");
    let output = run(&[], &begin(24)).await;
    assert_eq!(
        (rows(&output)[0]["result"].as_str(), output.status.code()),
        (Some("not_audited"), Some(1)),
        "{output:?}"
    );
    // Files without an entry do not excuse a session.
    assert_eq!(run(&[], &[]).await.status.code(), Some(1));

    let entries = [31 * 24, 30 * 24, 48].map(|hours| outcome(hours * HOUR, &format!("bps_{hours}"), "cus_A", "OK"));
    let now = outcome(HOUR / 60, "bps_Now", "cus_A", "OK");
    let output = run(&["--until=3h"], &[&entries[..], &[now]].concat()).await;
    assert_eq!(rows(&output)[0]["session"], "bps_48", "{output:?}");
    let expected = "sessions in the audit files: 3, 1 of them without an event; not compared: 2 older than the events, 1 too recent";
    assert!(text(&output.stderr).contains(expected), "{output:?}");
}

#[tokio::test]
async fn entries_are_read_from_standard_input_and_from_the_file_of_the_service() {
    let world = world().await;
    world.open(&world.olivia()).await.unwrap();
    let mut settings = world.settings(&[]);
    let command = |settings: &[String], options: &[&str]| {
        let mut command = binary();
        command.arg("reconcile").args(options).args(settings).arg("--until=0s");
        command
    };
    // With the setting of the service, as a flag and as a variable.
    let output = command(&settings, &[]).output().await.unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("sessions in the audit files: 1,"), "{output:?}");
    settings.retain(|setting| !setting.starts_with("--audit="));
    let variable = format!("file:{}", world.path("audit.jsonl").display());
    let output = command(&settings, &[]).env("BILLING_PORTAL_AUDIT", variable).output().await.unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("sessions in the audit files: 1,"), "{output:?}");
    let old = world.path("old.jsonl").display().to_string();
    let mut command = command(&settings, &["--format=json", "--audit", &old, "-"]);
    command.stdin(Stdio::from(File::open(world.path("audit.jsonl")).unwrap()));
    let output = command.output().await.unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("sessions in the audit files: 1,"), "{output:?}");
}

#[tokio::test]
async fn unusable_setting_is_named() {
    let world = world().await;
    for (changes, expected) in [
        (vec!["--audit=/nowhere/x"], "--audit: /nowhere/x cannot be read: No such file or directory (os error 2)"),
        (vec!["--audit=/"], "--audit: / cannot be read: Is a directory (os error 21)"),
        (
            vec!["--audit=stdout"],
            "--audit: expected files with audit entries, or - for standard input; save the output of the service to a file",
        ),
        (vec!["--audit="], "--audit: expected files with audit entries, or - for standard input"),
        (vec!["--since=31days"], "--since: expected a duration from 1h to 30days; see --help"),
        (vec!["--until=8days"], "--until: expected a duration from 0s to 7days; see --help"),
        (vec!["--since=1h", "--until=1h"], "--until: must be shorter than --since"),
        (vec!["--stripe-secret-key-file=/nowhere"], "--stripe-secret-key-file: cannot use /nowhere"),
    ] {
        let output = run(&world, &["reconcile"], &changes).await;
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(64)), "{output:?}");
        let error = text(&output.stderr);
        assert!(error.starts_with(&format!("billing-portal: {expected}")) && error.lines().count() == 1, "{error}");
    }
    let settings = world.settings(&[]);
    let settings = settings.iter().filter(|setting| !setting.starts_with("--audit="));
    let output = binary().arg("reconcile").args(settings).output().await.unwrap();
    let expected = "billing-portal: missing required settings: --audit (or BILLING_PORTAL_AUDIT); see --help\n";
    assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(64)));
    assert!(world.stripe.requests().iter().all(|request| !request.path.starts_with("/v1/events")));
}
