//! The rows of the report, and the counts.

use std::{collections::HashMap, time::SystemTime};

use serde::{Serialize, Serializer};

use super::{Entry, Event, Place, numbers::Seen, repeated::Copies};
use crate::{
    commands::{
        audit_files::{Range, extend},
        report::{Row, Severity},
    },
    config::AuditSource,
};

/// The maximum number of findings of a kind that are listed. The others are counted.
const MAX_LISTED: u64 = 1_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Numbers are missing.
    Gap,
    /// An entry or an outcome is there more than once.
    Duplicate,
    /// A line is not an entry, or has no end.
    Torn,
    /// A time contradicts the order of the entries, or the duration of the call.
    ClockJump,
    /// An intent has no outcome.
    Unresolved,
    /// An outcome with a session has no intent.
    NoIntent,
}

impl Problem {
    const NAMES: [&str; 6] = ["gap", "duplicate", "torn", "clock_jump", "unresolved", "no_intent"];
}

/// A row.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) problem: Problem,
    pub(super) place: Place,
    /// The name of the place.
    pub(super) audit_entry: String,
    pub(super) time: String,
    pub(super) writer: String,
    /// A number, or the range of those that are missing.
    pub(super) sequence: String,
    pub(super) request_id: String,
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn new(severity: Severity, problem: Problem, seen: &Seen, writer: Option<u64>, detail: String) -> Self {
        Self {
            severity,
            problem,
            place: seen.place,
            audit_entry: String::new(),
            time: rfc3339(seen.time),
            writer: writer.map(|writer| format!("{writer:016x}")).unwrap_or_default(),
            sequence: if writer.is_some() { seen.number.to_string() } else { String::new() },
            request_id: String::new(),
            detail,
        }
    }
}

impl Row for Finding {
    const HEADER: &'static [&'static str] =
        &["result", "severity", "audit_entry", "time", "writer", "sequence", "request_id", "detail"];

    fn cells(&self) -> Vec<&str> {
        let severity = if self.severity == Severity::Failure { "failure" } else { "warning" };
        let result = Problem::NAMES.get(self.problem as usize).copied().unwrap_or_default();
        let Self { audit_entry, time, writer, sequence, request_id, detail, .. } = self;
        vec![result, severity, audit_entry, time, writer, sequence, request_id, detail]
    }

    fn severity(&self) -> Severity {
        self.severity
    }
}

/// A JSON row omits what is empty.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::HEADER.iter().zip(self.cells()).filter(|(_, cell)| !cell.is_empty()))
    }
}

/// The findings and the counts.
#[derive(Debug)]
pub(super) struct Report {
    sources: Vec<AuditSource>,
    pub(super) findings: Vec<Finding>,
    /// The places of entries with a wrong time.
    pub(super) jumps: Vec<Place>,
    /// Numbers that are there more than once.
    pub(super) repeated: HashMap<(u64, u64), Copies>,
    /// The number of findings of each kind.
    found: [u64; Problem::NAMES.len()],
    pub(super) failures: u64,
    warnings: u64,
    pub(super) writers: usize,
    range: Range,
    unnumbered: u64,
    intents: u64,
    outcomes: u64,
    pub(super) released: u64,
}

impl Report {
    pub(super) fn new(sources: Vec<AuditSource>) -> Self {
        Self {
            sources,
            findings: Vec::new(),
            jumps: Vec::new(),
            repeated: HashMap::new(),
            found: [0; _],
            failures: 0,
            warnings: 0,
            writers: 0,
            range: None,
            unnumbered: 0,
            intents: 0,
            outcomes: 0,
            released: 0,
        }
    }

    /// Returns the name of a place.
    pub(super) fn name(&self, place: Place) -> String {
        place.name(&self.sources)
    }

    /// Counts an entry.
    pub(super) fn count(&mut self, entry: &Entry<'_>) {
        extend(&mut self.range, entry.time);
        self.unnumbered += u64::from(entry.number.is_none());
        match entry.event {
            Event::Intent => self.intents += 1,
            Event::Outcome { released, .. } => {
                self.outcomes += 1;
                self.released += u64::from(released);
            }
        }
    }

    /// Adds a finding about a line.
    pub(super) fn add(&mut self, severity: Severity, problem: Problem, place: Place, detail: impl Into<String>) {
        let seen = Seen { number: 0, time: SystemTime::UNIX_EPOCH, place };
        let detail = detail.into();
        self.push(Finding { time: String::new(), ..Finding::new(severity, problem, &seen, None, detail) });
    }

    /// Adds a finding.
    pub(super) fn push(&mut self, mut finding: Finding) {
        match finding.severity {
            Severity::Failure => self.failures += 1,
            Severity::Warning | Severity::Ok => self.warnings += 1,
        }
        let Some(found) = self.found.get_mut(finding.problem as usize) else { return };
        *found += 1;
        if *found <= MAX_LISTED {
            finding.audit_entry = finding.place.name(&self.sources);
            self.findings.push(finding);
        }
    }

    /// Returns the counts for standard error.
    pub(super) fn summary(&self) -> String {
        let Self { intents, outcomes, released, unnumbered, writers, failures, warnings, .. } = self;
        let mut summary = format!(
            "entries: {}, intents: {intents}, outcomes: {outcomes}, released: {released}, without a number: {unnumbered}, \
             writers: {writers}",
            intents + outcomes,
        );
        if let Some((first, last)) = self.range {
            summary += &format!(", from {} to {}", rfc3339(first), rfc3339(last));
        }
        summary += &format!("\nfailures: {failures}, warnings: {warnings}");
        if self.found.iter().any(|found| *found > MAX_LISTED) {
            summary.push_str("; only the first 1,000 of each result are listed");
        }
        summary
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
