//! Completeness of the audit log: callers cancel calls at random moments, Stripe and the database fail in between, and the process
//! is killed and started again on the same file. Afterwards, the file is compared with what the callers saw, and `audit-verify`
//! finds nothing but what the kills explain.

mod audit;
mod caller;
mod disturbance;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use stripe_simulator::{Settings, Simulator};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::support::{
    Issuer, directory,
    process::{self, Serving, isolated, program, signal},
    settings::{arguments, override_settings},
    surroundings::surroundings,
};
use audit::Audit;
use caller::{Answer, Call, Caller, Clients, PEOPLE};
use disturbance::{disturb, slow_down};

/// How often the process is killed.
const KILLS: usize = 2;

/// Concurrent calls.
const CALLERS: usize = 32;

/// What all tasks share: everything around the process, and how far the calls are.
struct Run {
    folder: TempDir,
    stripe: Simulator,
    issuer: Issuer,
    /// How many calls have started.
    started: watch::Sender<usize>,
    /// Notified of each request for a session at Stripe, while it waits.
    asked: Arc<Notify>,
    clients: watch::Sender<Clients>,
}

impl Run {
    async fn start() -> (Arc<Self>, Serving) {
        let (folder, stripe, issuer) = surroundings(Settings::default()).await;
        directory::add_owners(&folder, &stripe, PEOPLE);
        let asked = slow_down(&stripe);
        let serving = serve(&folder, &stripe).await;
        let clients = watch::Sender::new(Clients::new(serving.address));
        (Arc::new(Self { folder, stripe, issuer, started: watch::Sender::new(0), asked, clients }), serving)
    }

    fn audit_file(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// Waits until this number of calls has started.
    async fn wait_for_calls(&self, count: usize) {
        self.started.subscribe().wait_for(|started| *started >= count).await.unwrap();
    }

    /// Kills the process at random moments, each time while Stripe has a request of it, and starts it again. Returns the last one.
    async fn kill(&self, mut serving: Serving, calls: usize, mut random: StdRng) -> Serving {
        for number in 1..=KILLS {
            self.wait_for_calls(calls * number / (KILLS + 1) + random.random_range(0..calls / 10)).await;
            self.asked.notified().await;
            signal(&serving.child, "-KILL");
            serving.child.wait().await.unwrap();
            serving = serve(&self.folder, &self.stripe).await;
            self.clients.send_replace(Clients::new(serving.address));
        }
        serving
    }
}

/// Starts the service.
async fn serve(folder: &TempDir, stripe: &Simulator) -> Serving {
    let mut settings = arguments(folder, stripe.base_url());
    // Calls that wait because of a fault end soon.
    override_settings(&mut settings, &["--listen=127.0.0.1:0", "--stripe-attempt-timeout=200ms", "--deadline=1s"]);
    let mut command = isolated(program());
    // Without a line for each call.
    command.args(settings).env("RUST_LOG", "error,billing_portal::server=info");
    process::serve(command).await
}

/// The customer of a person's tenant.
fn customer(person: usize) -> String {
    format!("cus_T{person}")
}

/// Makes this number of calls, and checks them.
async fn run(calls: usize) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (run, serving) = Run::start().await;
    let mut callers = JoinSet::new();
    for first in 0..CALLERS {
        let caller = Caller::new(&run, random.random());
        callers.spawn(caller.run((first..calls).step_by(CALLERS)));
    }
    let mut faults = BTreeMap::new();
    let kills = StdRng::seed_from_u64(random.random());
    let calling = async { tokio::join!(callers.join_all(), run.kill(serving, calls, kills)) };
    let (made, mut serving) = tokio::select! {
        ended = calling => ended,
        () = disturb(&run, random, &mut faults) => unreachable!("it never ends"),
    };
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), calls);
    let audit = Audit::read(&run.audit_file());
    audit.check(&made, &run.stripe);
    let open = audit.verify(&run.audit_file()).await;
    let count = |wanted: fn(&Answer) -> bool| made.iter().filter(|call| wanted(&call.answer)).count();
    println!(
        "{calls} calls, {} cancelled, {} without an answer because of {KILLS} kills; {open} intents left open by the kills, \
         {} torn lines; outcomes: {:?}; faults: {faults:?}",
        count(|answer| matches!(answer, Answer::Cancelled)),
        count(|answer| matches!(answer, Answer::Lost)),
        audit.torn(),
        audit.reasons(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_its_audit_entries_although_the_process_is_killed() {
    run(2_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes long: run it with `tests/run --long`"]
async fn every_answer_has_its_audit_entries_in_100_000_calls() {
    run(100_000).await;
}
