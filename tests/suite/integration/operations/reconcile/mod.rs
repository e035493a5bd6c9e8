//! Integration: the real binary's `reconcile` command, with sessions of the real service and sessions around it.

mod events;
mod files;
mod findings;

use std::{
    path::PathBuf,
    process::Output,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::support::{
    World,
    process::{run, text},
    stripe::create_session_around_the_service,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A time in the past, as audit entries have it.
fn ago(duration: Duration) -> String {
    humantime::format_rfc3339_millis(SystemTime::now() - duration).to_string()
}

/// An outcome with a session.
fn outcome(age: Duration, session: &str, customer: &str, reason: &str) -> Value {
    json!({"time": ago(age), "event": "outcome", "request_id": session, "rpc": "CreatePortalSession", "customer": customer,
        "reason": reason, "session": session, "released": reason == "OK", "duration_ms": 1})
}

/// Writes an audit file, and returns its path.
fn audit_file(world: &World, name: &str, lines: &[impl ToString]) -> PathBuf {
    let path = world.path(name);
    let lines: Vec<String> = lines.iter().map(|line| format!("{}\n", line.to_string())).collect();
    std::fs::write(&path, lines.concat()).unwrap();
    path
}

/// A world whose audit began a day ago, in the file `old.jsonl`.
async fn world() -> World {
    let world = World::start().await;
    let intent = json!({"time": ago(24 * HOUR), "event": "intent", "request_id": "r", "rpc": "CreatePortalSession",
        "customer": "cus_A", "flow": "home"});
    audit_file(&world, "old.jsonl", &[intent]);
    world
}

/// Runs the command on both files of a world, and compares sessions until now.
async fn reconcile(world: &World, options: &[&str]) -> Output {
    let old = world.path("old.jsonl").display().to_string();
    run(world, &[&["reconcile", "--audit", &old, "--until=0s"], options].concat(), &[]).await
}

/// The rows of a JSON report.
fn rows(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Creates a session with a leaked key.
async fn leak(world: &World, customer: &str) -> Value {
    create_session_around_the_service(&world.stripe, "rk_test_sessions", customer).await
}

/// The error of a run that ends early, without a report and with exit code 1.
fn ended_early(output: &Output) -> String {
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)), "{output:?}");
    let last: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!(last["message"], "run ended early");
    last["error"].as_str().unwrap().to_owned()
}
