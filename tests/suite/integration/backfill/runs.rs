//! Runs that end early: killed, stopped by a signal, or resumed.

use std::{collections::BTreeMap, process::Stdio};

use stripe_simulator::{Customer, Fault};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
    sync::Semaphore,
};

use super::{arguments, backfill, refused_tenants, rows, world_with, writes};
use crate::support::{
    World,
    process::{backfill_binary, signal, text},
    stripe::{hold_responses, hold_responses_after},
};

const TENANTS: usize = 400;

async fn world_with_many_tenants() -> World {
    let world = world_with(&[]).await;
    world.add_tenants(TENANTS);
    for number in 0..TENANTS {
        world.stripe.add_customer(Customer::new(&format!("cus_T{number}")));
    }
    world
}

fn start(world: &World, changes: &[&str]) -> Child {
    backfill_binary().args(arguments(world, changes)).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn killed_runs_are_resumed_without_a_second_write() {
    let world = world_with_many_tenants().await;
    let resume = format!("--resume={}", world.path("resume").display());
    let changes = ["--write", resume.as_str()];
    for responses in [TENANTS, TENANTS / 2] {
        let (reached, _release) = hold_responses_after(&world.stripe, responses);
        let mut child = start(&world, &changes);
        reached.notified().await;
        child.kill().await.unwrap();
    }
    world.stripe.tamper(None);
    let before = world.stripe.requests().len();
    let output = backfill(&world, &changes).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let requests = world.stripe.requests().len() - before;
    assert!(requests < 3 * TENANTS - TENANTS, "the third run made {requests} requests");
    let mut writes_of = BTreeMap::<String, usize>::new();
    for request in writes(&world) {
        *writes_of.entry(request.path).or_default() += 1;
    }
    assert_eq!(writes_of.len(), TENANTS);
    assert!(writes_of.values().all(|count| *count == 1), "a customer was written twice");
    assert!(!world.path("resume").exists(), "a finished run must remove its resume file");
    assert_eq!(refused_tenants(&world).await, [""; 0]);
}

#[tokio::test]
async fn resume_file_of_other_settings_is_refused() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    // A failed tenant is checked again, so the file stays.
    world.stripe.add_customer(Customer::new("cus_H").fault(Fault::Hang));
    let resume = format!("--resume={}", world.path("resume").display());
    let (received, _release) = hold_responses(&world.stripe);
    let mut child = start(&world, &[&resume]);
    received.notified().await;
    child.kill().await.unwrap();
    world.stripe.tamper(None);
    world.stripe.add_customer(Customer::new("cus_H"));
    for changes in [["--write", &resume], ["--evidence=client-reference-id", &resume]] {
        let output = backfill(&world, &changes).await;
        assert!(text(&output.stderr).contains("different settings"), "{output:?}");
        assert_eq!(output.status.code(), Some(64));
    }
    assert_eq!(backfill(&world, &[&resume]).await.status.code(), Some(0));
}

#[tokio::test]
async fn signal_lets_tenants_in_progress_end_and_leaves_the_rest() {
    for name in ["-TERM", "-INT"] {
        let world = world_with_many_tenants().await;
        let resume = format!("--resume={}", world.path("resume").display());
        let (received, release) = hold_responses(&world.stripe);
        let mut child = start(&world, &["--write", &resume]);
        received.notified().await;
        signal(&child, name);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        assert!(line.starts_with("stopping: waiting for the tenants in progress"), "{line}");
        release.add_permits(Semaphore::MAX_PERMITS / 2);
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let written = rows(&output).len();
        assert!(written > 0 && written < TENANTS / 2, "{written}");
        assert_eq!(writes(&world).len(), written, "a tenant in progress did not end");
        let summary = lines.next_line().await.unwrap().unwrap();
        assert!(summary.contains(&format!(" {written} written")), "{summary}");
        world.stripe.tamper(None);
        let output = backfill(&world, &["--write", &resume]).await;
        assert_eq!((output.status.code(), rows(&output).len()), (Some(0), TENANTS), "{}", text(&output.stderr));
        assert_eq!(writes(&world).len(), TENANTS);
    }
}

#[tokio::test]
async fn second_signal_ends_the_run() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    let (received, _release) = hold_responses(&world.stripe);
    let mut child = start(&world, &["--write"]);
    received.notified().await;
    signal(&child, "-TERM");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap();
    signal(&child, "-TERM");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert_eq!(writes(&world).len(), 0);
}
