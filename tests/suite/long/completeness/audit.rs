//! The audit file after the run, compared with what the callers saw.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde::Deserialize;
use serde_json::Value;
use stripe_simulator::Simulator;

use super::{Answer, CALLERS, Call, KILLS, customer};
use crate::support::process::{isolated, program, text};

#[derive(Debug, Deserialize)]
struct Entry {
    writer: String,
    event: String,
    request_id: String,
    trace_id: String,
    reason: Option<String>,
    #[serde(default)]
    released: bool,
}

pub(super) struct Audit {
    /// By request ID.
    intents: HashMap<String, Entry>,
    /// By trace.
    outcomes: HashMap<String, Vec<Entry>>,
    torn: usize,
    /// The process that was not killed.
    last_writer: String,
}

impl Audit {
    pub(super) fn read(file: &Path) -> Self {
        let mut audit = Self { intents: HashMap::new(), outcomes: HashMap::new(), torn: 0, last_writer: String::new() };
        for line in BufReader::new(File::open(file).unwrap()).lines() {
            let Ok(entry) = serde_json::from_str::<Entry>(&line.unwrap()) else {
                audit.torn += 1;
                continue;
            };
            audit.last_writer.clone_from(&entry.writer);
            if entry.event == "intent" {
                let second = audit.intents.insert(entry.request_id.clone(), entry);
                assert!(second.is_none(), "two intents of one call: {second:?}");
            } else {
                audit.outcomes.entry(entry.trace_id.clone()).or_default().push(entry);
            }
        }
        audit
    }

    pub(super) fn torn(&self) -> usize {
        self.torn
    }

    /// Returns the number of outcomes for each reason.
    pub(super) fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for outcome in self.outcomes.values().flatten() {
            *counts.entry(outcome.reason.as_deref().unwrap()).or_default() += 1;
        }
        counts
    }

    /// Each call has at most one outcome. An answered one has exactly that of its answer, and a URL has an intent before it.
    pub(super) fn check(&self, calls: &[Call], stripe: &Simulator) {
        for call in calls {
            let found = self.outcomes.get(&call.trace).map_or(&[][..], Vec::as_slice);
            match (&call.answer, found) {
                (Answer::Url(url), [outcome]) => {
                    let is_released = outcome.released && outcome.reason.as_deref() == Some("OK");
                    assert!(is_released && self.intents.contains_key(&outcome.request_id), "{outcome:?}");
                    assert_eq!(stripe.customer_of(url), Some(customer(call.person)), "{outcome:?}");
                }
                (Answer::Refused { reason, request_id }, [outcome]) => {
                    assert_eq!((&outcome.reason.as_ref(), &outcome.request_id), (&Some(reason), request_id));
                    assert!(!outcome.released, "{outcome:?}");
                }
                (Answer::Cancelled | Answer::Lost, [] | [_]) => {}
                (answer, found) => panic!("{answer:?} of {}: {found:?}", call.trace),
            }
        }
        let traces: BTreeSet<_> = calls.iter().map(|call| call.trace.as_str()).collect();
        let mut entries = self.intents.values().chain(self.outcomes.values().flatten());
        assert!(entries.all(|entry| traces.contains(entry.trace_id.as_str())), "an entry of no call");
    }

    /// Returns how many intents have no outcome: of calls that were in flight at a kill. The report of `audit-verify` has these,
    /// torn lines, and nothing else.
    pub(super) async fn verify(&self, file: &Path) -> usize {
        let ended: BTreeSet<_> = self.outcomes.values().flatten().map(|outcome| &outcome.request_id).collect();
        let open: Vec<_> = self.intents.values().filter(|intent| !ended.contains(&intent.request_id)).collect();
        assert!(open.iter().all(|intent| intent.writer != self.last_writer), "not of a killed process: {open:?}");
        // A call whose caller has cancelled it may still run.
        assert!((1..=KILLS * 2 * CALLERS).contains(&open.len()), "{open:?}");

        let mut command = isolated(program());
        command.args(["audit-verify", "--format=json"]).arg(file);
        let output = command.output().await.unwrap();
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let (torn, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row["result"] == "torn");
        assert!(torn.len() == self.torn && self.torn <= KILLS, "{torn:?}");
        let is_explained = |row: &Value| row["result"] == "unresolved" && row["severity"] == "warning";
        assert!(rows.iter().all(is_explained), "{rows:?}");
        let unresolved: BTreeSet<_> = rows.iter().map(|row| row["request_id"].as_str().unwrap()).collect();
        assert_eq!(unresolved, open.iter().map(|intent| intent.request_id.as_str()).collect());
        let released = self.outcomes.values().flatten().filter(|outcome| outcome.released).count();
        let summary = text(&output.stderr);
        assert!(summary.contains(&format!(", released: {released}, ")), "{released}: {summary}");
        assert_eq!(output.status.code(), Some(i32::from(!torn.is_empty())), "{summary}");
        open.len()
    }
}
