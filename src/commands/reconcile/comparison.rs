//! The comparison of Stripe's events with audit entries.

use std::{collections::HashSet, fmt, time::SystemTime};

use super::{
    entries::{AuditedSessions, MARGIN},
    finding::{Finding, Outcome},
};
use crate::{adapters::stripe::CreatedSession, commands::audit_files::Place};

/// The comparison so far.
#[derive(Debug)]
pub(super) struct Comparison {
    audited: AuditedSessions,
    /// A session that was created before is not compared: it has no event.
    since: SystemTime,
    /// A session that was created later is not compared: its entry may not have reached the files yet.
    until: SystemTime,
    /// The sessions that no entry names with this customer. Stripe may report one more than once.
    differing: HashSet<(String, Option<String>)>,
    findings: Vec<Finding>,
    counts: Counts,
}

/// The numbers of sessions.
#[derive(Debug, Default)]
struct Counts {
    audited: u64,
    other_customer: u64,
    not_audited: u64,
    response_lost: u64,
    before: u64,
    recent: u64,
    entries: u64,
    no_event: u64,
    entries_older: u64,
    entries_recent: u64,
}

impl Comparison {
    pub(super) fn new(audited: AuditedSessions, since: SystemTime, until: SystemTime) -> Self {
        let counts = Counts { entries_older: audited.older, ..Counts::default() };
        Self { audited, since, until, differing: HashSet::new(), findings: Vec::new(), counts }
    }

    /// Compares a session that Stripe reports with the entries that name it.
    pub(super) fn compare(&mut self, created: &CreatedSession) {
        let entries = self.audited.of_mut(&created.id);
        let is_audited = !entries.is_empty();
        let mut others = Vec::new();
        for entry in entries {
            entry.has_event = true;
            if Some(&*entry.customer) != created.customer.as_deref() {
                others.push((entry.customer.to_string(), entry.place));
            }
        }
        if is_audited && others.is_empty() {
            return;
        }
        if !self.differing.insert((created.id.clone(), created.customer.clone())) {
            return;
        }
        if is_audited {
            self.counts.other_customer += 1;
            self.findings.extend(others.into_iter().map(|(audit_customer, place)| {
                let audit_entry = self.audited.name(place);
                Finding { audit_customer, audit_entry, ..at_stripe(Outcome::OtherCustomer, created) }
            }));
        } else if let Some(place) = self.unanswered_call(created) {
            self.counts.response_lost += 1;
            let audit_entry = self.audited.name(place);
            self.findings.push(Finding { audit_entry, ..at_stripe(Outcome::ResponseLost, created) });
        } else if self.audited.range.is_some_and(|(first, _)| created.created < first + MARGIN) {
            self.counts.before += 1;
        } else if created.created > self.until {
            self.counts.recent += 1;
        } else {
            self.counts.not_audited += 1;
            self.findings.push(at_stripe(Outcome::NotAudited, created));
        }
    }

    fn unanswered_call(&mut self, created: &CreatedSession) -> Option<Place> {
        self.audited.unanswered.take(created.customer.as_deref()?, created.created)
    }

    /// Returns the findings, the worst first, and the counts.
    pub(super) fn end(mut self) -> (Vec<Finding>, String) {
        self.find_missing_events();
        let (lines, invalid) = &self.audited.invalid;
        let lines = lines.iter().map(|place| self.audited.name(*place));
        self.findings.extend(lines.map(|audit_entry| Finding { audit_entry, ..Finding::new(Outcome::InvalidEntry) }));
        self.findings.sort_by(|one, other| (one.result, &one.time).cmp(&(other.result, &other.time)));
        let range = self.audited.range;
        let range = range.map(|(first, last)| format!("from {} to {}", rfc3339(first), rfc3339(last)));
        let range = range.unwrap_or_else(|| "no entries".to_owned());
        let summary = format!("{}\naudit files: {range}; lines that are not entries: {invalid}", self.counts);
        (self.findings, summary)
    }

    fn find_missing_events(&mut self) {
        for entries in self.audited.sessions.chunk_by(|one, other| one.id == other.id) {
            self.counts.entries += 1;
            if entries.iter().any(|entry| entry.has_event) {
                self.counts.audited += 1;
                continue;
            }
            // Of two outcomes of a call, the refusal counts. Its session was never released, so nobody misses an event.
            let [entry, ..] = entries else { continue };
            if entries.iter().any(|entry| !entry.is_ok) {
                continue;
            }
            if entry.time > self.until {
                self.counts.entries_recent += 1;
            } else if entry.time < self.since + MARGIN {
                self.counts.entries_older += 1;
            } else {
                self.counts.no_event += 1;
                self.findings.push(Finding {
                    time: rfc3339(entry.time),
                    session: entry.id.to_string(),
                    audit_customer: entry.customer.to_string(),
                    audit_entry: self.audited.name(entry.place),
                    ..Finding::new(Outcome::NoEvent)
                });
            }
        }
    }
}

/// The first two lines of the summary.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { audited, other_customer, not_audited, response_lost, before, recent, .. } = self;
        let Self { entries, no_event, entries_older, entries_recent, .. } = self;
        writeln!(
            f,
            "sessions at Stripe: {audited} audited, {other_customer} of them with another customer; {not_audited} not \
             audited, {response_lost} of calls without a response; not compared: {before} before the audit files begin, {recent} too recent"
        )?;
        write!(
            f,
            "sessions in the audit files: {entries}, {no_event} of them without an event; not compared: {entries_older} \
             older than the events, {entries_recent} too recent"
        )
    }
}

fn at_stripe(result: Outcome, created: &CreatedSession) -> Finding {
    Finding {
        time: rfc3339(created.created),
        session: created.id.clone(),
        customer: created.customer.clone().unwrap_or_default(),
        stripe_request_id: created.stripe_request_id.clone().unwrap_or_default(),
        event: created.event.clone(),
        ..Finding::new(result)
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
