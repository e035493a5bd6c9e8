//! Runs faults, several at the same time, and prints the table.

use std::time::Instant;

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use futures_util::{StreamExt as _, stream};

use super::{
    Fault, all,
    load::Load,
    outcome::{Line, Outcome},
    stage::{Form, Stage, audit},
};
use crate::support::{process::signal, resources::Resources};

/// The number of successful calls in a row after which the service is healthy.
const HEALTHY: usize = 20;

/// Runs every fault, or those in the variable `FAULTS`, at most `concurrent` at the same time. Fails after the last of them.
pub(super) async fn run_all(form: Form, concurrent: usize) {
    let names = std::env::var("FAULTS").unwrap_or_default();
    let names: Vec<_> = names.split_whitespace().collect();
    let known: Vec<_> = all().map(|fault| fault.name).collect();
    assert!(names.iter().all(|name| known.contains(name)), "unknown fault; the names are: {}", known.join(" "));
    let chosen = all().filter(|fault| names.is_empty() || names.contains(&fault.name));
    // Each is a task, so that one that fails does not end the others.
    let runs = chosen.enumerate().map(|(row, fault)| async move {
        let outcome = tokio::spawn(run(fault, form)).await;
        if outcome.is_err() {
            println!("{}: broken promise", fault.name);
        }
        (row, fault, outcome)
    });
    let mut outcomes: Vec<_> = stream::iter(runs).buffer_unordered(concurrent).collect().await;
    outcomes.sort_by_key(|(row, ..)| *row);
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(["fault", "statuses during it", "lost", "healthy again", "figure"]);
    let mut failed = Vec::new();
    for (_, fault, outcome) in outcomes {
        match outcome {
            Ok(line) => {
                table.add_row([line.fault, &line.statuses, &line.lost.to_string(), &line.healthy, &line.figure])
            }
            Err(_) => {
                failed.push(fault.name);
                table.add_row([fault.name, "broken promise, see above", "", "", ""])
            }
        };
    }
    println!("{table}");
    assert!(failed.is_empty(), "these promises were not kept: {}", failed.join(" "));
}

async fn run(fault: &'static Fault, form: Form) -> Line {
    let mut stage = Stage::start(fault, form).await;
    stage.load.wait_for("success", |calls| calls.len() >= HEALTHY).await;
    let process = stage.serving.child.id().unwrap();
    let before = Resources::of(process);
    stage.stripe.forget_requests();
    let began = Instant::now();
    (fault.inject)(&stage).await;
    let ended = Instant::now();
    let stripe_requests = stage.stripe.requests().len();
    let after = match fault.ends {
        Some(_) => before,
        None => {
            wait_until_healthy(&stage.load, ended).await;
            Resources::of(process)
        }
    };
    let explained = stage.explained();
    let (calls, stalls) = stage.load.stop().await;
    if fault.ends.is_none() {
        assert_eq!(stage.serving.child.try_wait().unwrap(), None, "{}: the process has ended", fault.name);
        signal(&stage.serving.child, "-TERM");
    }
    assert_eq!(stage.serving.child.wait().await.unwrap().code(), Some(fault.ends.unwrap_or_default()));
    let audit = audit(stage.pipe, &stage.audit_folder).await;
    let log = stage.serving.log.await.unwrap();
    let outcome = Outcome {
        fault,
        calls,
        began,
        ended,
        stripe_requests,
        explained,
        stalls,
        audit,
        log,
        resources: [before, after],
    };
    outcome.check(&stage.stripe)
}

/// Waits for some calls that succeed after the last failure.
async fn wait_until_healthy(load: &Load, ended: Instant) {
    load.wait_for("health after the fault", |calls| {
        let last_failure = calls.iter().filter(|call| !call.is_ok()).map(|call| call.number).max();
        let later = calls.iter().filter(|call| call.started > ended && Some(call.number) > last_failure);
        later.filter(|call| call.is_ok()).count() >= HEALTHY
    })
    .await;
}
