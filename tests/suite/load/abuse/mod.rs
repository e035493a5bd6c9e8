//! Clients that abuse HTTP/2, beside well-behaved ones, of whose calls at least 99.9 % succeed.

mod client;
mod connections;
mod frames;
mod headers;
mod streams;

use std::time::Duration;

use client::{Clients, Target, Then};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use futures_util::{StreamExt as _, stream};
use tokio::{
    task::block_in_place,
    time::{interval, timeout},
};

use super::{
    stage::{MAX_GROWTH, Stage, peak},
    traffic::{self, Action, answers, latencies, ms},
};

/// A row of the table. A new abuse is a new row in the file of its group.
pub(crate) struct Abuse {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What each client does, for docs/operate.md.
    pub(crate) title: &'static str,
    /// How many clients do it at the same time. Each connects again when its connection is closed.
    clients: usize,
    /// The payload of the client's SETTINGS. Without it, the client does not send a preface either.
    settings: Option<&'static [u8]>,
    /// What the client sends, with its number from 0.
    bytes: fn(&Target, u32) -> Vec<u8>,
    then: Then,
}

/// What most clients do.
const FLOOD: Abuse =
    Abuse { name: "", title: "", clients: 2, settings: Some(&[]), bytes: |_, _| Vec::new(), then: Then::Repeat };

/// All of them, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Abuse> {
    [frames::ABUSES, headers::ABUSES, streams::ABUSES, connections::ABUSES].into_iter().flatten()
}

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// How many calls well-behaved clients start while an abuse lasts.
    pub(super) calls: usize,
    /// How many abuses last at the same time, each of a process of its own.
    pub(super) concurrent: usize,
    /// How long a client waits after each 8 KiB: a debug build needs the processors for more than one abuse.
    pub(super) pause: Duration,
}

/// Calls per second of well-behaved clients.
const RATE: u32 = 100;

/// How many of them come before an abuse begins.
const CALLS_BEFORE: usize = 20;

/// How long what an abuse has used may remain. Longer than the service waits for the answer to a ping.
const RELEASED: Duration = Duration::from_secs(90);

/// Runs abuses, and prints the table. Fails after the last of them.
pub(super) async fn run_all(form: Form, abuses: Vec<&'static Abuse>) {
    // Each is a task, so that one that fails does not end the others.
    let runs = abuses.into_iter().enumerate().map(|(row, abuse)| async move {
        let cells = tokio::spawn(run(abuse, form)).await;
        if cells.is_err() {
            println!("{}: broken promise", abuse.name);
        }
        (row, abuse.name, cells.ok())
    });
    let mut rows: Vec<_> = stream::iter(runs).buffer_unordered(form.concurrent).collect().await;
    rows.sort_unstable();
    let mut table = Table::new();
    let header = ["abuse", "connections", "calls beside it", "failed", "p99, ms", "MiB: before, most, after"];
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for (_, name, cells) in &rows {
        let cells = cells.clone().unwrap_or_else(|| vec!["broken promise, see above".to_owned()]);
        table.add_row([vec![(*name).to_owned()], cells].concat());
    }
    println!("{table}");
    let failed: Vec<_> = rows.iter().filter(|(_, _, cells)| cells.is_none()).map(|(_, name, _)| *name).collect();
    assert!(failed.is_empty(), "these promises were not kept: {}", failed.join(" "));
}

/// Returns the cells of the row.
async fn run(abuse: &'static Abuse, form: Form) -> Vec<String> {
    let stage = Stage::start(&[]).await;
    let calls = |number: usize| if number.is_multiple_of(2) { Action::Open } else { Action::Access };
    let calls = traffic::start(&stage, RATE, calls).await;
    calls.wait_for_calls(CALLS_BEFORE).await;
    let (before, samples) = (stage.resources(), stage.sample(10));
    let clients = Clients::start(abuse, Target::new(&stage, form.pause));
    calls.wait_for_calls(form.calls).await;
    let calls = calls.stop().await.calls;
    let connections = block_in_place(|| clients.stop());
    // All but that of the stage.
    let released = timeout(RELEASED, async {
        let mut polls = interval(Duration::from_millis(100));
        while stage.connections() > 1 {
            polls.tick().await;
        }
    });
    released.await.expect("connections are not closed");
    let (most, after) = (peak(&samples.stop().await.calls), stage.resources());
    stage.end().await;

    let failed = answers(calls.iter().filter(|call| !call.is_expected()));
    let count = failed.values().sum::<usize>();
    println!("{}: {failed:?}", abuse.name);
    assert!(count * 1_000 <= calls.len(), "{count} of {} calls failed: {failed:?}", calls.len());
    assert!(most <= before.memory + MAX_GROWTH, "the memory grows: {before:?}, at most {most} KiB");
    let memory = [before.memory, most, after.memory].map(|kib| (kib / 1024).to_string()).join(", ");
    let numbers = [connections, calls.len(), count].map(|number| number.to_string());
    [&numbers[..], &[ms(latencies(&calls).p99()), memory]].concat()
}
