//! What a fault has done: the promise is checked, and a line of the table is made.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use serde_json::Value;
use stripe_simulator::Simulator;

use super::{
    fault::{Affected, Fault},
    load::{Answer, Call, is_user},
    servers::customer,
};
use crate::support::{latencies::Latencies, resources::Resources};

/// By how much a machine that does other things may delay what is promised.
const GENEROUS: Duration = Duration::from_secs(30);

/// What a time limit leads to.
const LATE: [&str; 3] = ["DEADLINE_EXCEEDED", "DATABASE_UNAVAILABLE", "STRIPE_UNAVAILABLE"];

/// Everything about one fault, after the service has ended.
pub(super) struct Outcome<'a> {
    pub(super) fault: &'a Fault,
    /// All calls, in the order of their start.
    pub(super) calls: Vec<Call>,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// The requests that Stripe received while the fault lasted.
    pub(super) stripe_requests: usize,
    /// If the fault is a procedure: when calls may fail according to it.
    pub(super) explained: Vec<[Instant; 2]>,
    /// When the machine stalled.
    pub(super) stalls: Vec<[Instant; 2]>,
    pub(super) audit: Vec<Value>,
    pub(super) log: String,
    pub(super) resources: [Resources; 2],
}

/// A line of the table.
pub(super) struct Line {
    pub(super) fault: &'static str,
    pub(super) statuses: String,
    pub(super) lost: usize,
    pub(super) healthy: String,
    pub(super) figure: String,
}

impl Outcome<'_> {
    /// Checks everything that is promised for every fault, then what is promised for this one.
    pub(super) fn check(&self, stripe: &Simulator) -> Line {
        self.check_answers();
        self.check_audit(stripe);
        self.check_resources();
        let healthy = self.time_until_healthy();
        if let Some(time) = healthy {
            assert!(time <= self.fault.healthy_within + GENEROUS, "healthy after {time:?}");
        }
        Line {
            fault: self.fault.name,
            statuses: self.statuses(),
            lost: self.during().filter(|call| matches!(call.answer, Answer::Lost(_))).count(),
            healthy: healthy.map_or_else(|| self.fault.recovery(), |time| format!("{:.2} s", time.as_secs_f64())),
            figure: self.fault.figure.map_or(String::new(), |figure| figure(self)),
        }
    }

    /// The calls that ran at any time while the fault lasted.
    pub(super) fn during(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.ended >= self.began && call.started <= self.ended)
    }

    fn statuses(&self) -> String {
        let mut counts = BTreeMap::new();
        for call in self.during() {
            *counts.entry(call.status()).or_insert(0) += 1;
        }
        let counts: Vec<_> = counts.into_iter().map(|(status, count)| format!("{status} {count}")).collect();
        counts.join(", ")
    }

    /// Calls that the fault does not affect succeed at any time, and others before it. An affected one has a promised reason.
    fn check_answers(&self) {
        for call in &self.calls {
            let may_fail = self.fault.affected.includes(call) && call.ended >= self.began;
            let is_promised = may_fail && self.fault.all_reasons().any(|reason| reason == call.status());
            let is_explained = self.explained.is_empty() || call.overlaps(&self.explained);
            // A call that waits for the processor may reach its deadline, or the time limit of one of its steps.
            let is_stalled = LATE.contains(&call.status()) && call.overlaps(&self.stalls);
            assert!(call.is_ok() || is_stalled || (is_promised && is_explained), "{call:?}");
        }
        if let Some(expected) = self.fault.reasons.first() {
            assert!(self.during().any(|call| call.status() == *expected), "{expected} was never seen");
        }
    }

    /// Returns the time from the end of the fault to the first success after the last failure, if there was a failure.
    fn time_until_healthy(&self) -> Option<Duration> {
        if self.fault.affected == Affected::None || self.fault.ends.is_some() {
            return None;
        }
        let last_failure = self.calls.iter().rev().find(|call| !call.is_ok()).map_or(0, |call| call.number);
        let later = self.calls.iter().filter(|call| call.number > last_failure && self.fault.affected.includes(call));
        let first = later.map(|call| call.ended).min().expect("no call succeeded after the fault");
        Some(first.saturating_duration_since(self.ended))
    }

    /// Each answered call has exactly one outcome with the same reason, and each URL an intent. A URL opens the portal of its
    /// own tenant.
    fn check_audit(&self, stripe: &Simulator) {
        let mut outcomes: HashMap<&str, Vec<&Value>> = HashMap::new();
        for entry in self.audit.iter().filter(|entry| entry["event"] == "outcome") {
            // A call that is refused before its token is read has no subject.
            let key = entry["subject"].as_str().or(entry["request_id"].as_str());
            outcomes.entry(key.unwrap()).or_default().push(entry);
        }
        let mut intents = HashSet::new();
        for entry in self.audit.iter().filter(|entry| entry["event"] == "intent") {
            assert!(intents.insert(entry["request_id"].as_str().unwrap()), "two intents: {entry}");
        }
        for call in self.calls.iter().filter(|call| call.is_session) {
            let found = outcomes.remove(call.user().as_str()).unwrap_or_default();
            match &call.answer {
                Answer::Lost(_) => assert!(found.is_empty(), "accepted, but not answered: {call:?}: {found:?}"),
                // What could not be written is missing, and an OK may have been written before it.
                Answer::Refused { reason, request_id } if reason == "AUDIT_UNAVAILABLE" => {
                    assert!(found.iter().all(|entry| entry["request_id"] == **request_id), "{call:?}: {found:?}");
                }
                // A procedure that no call notices explains entries that are missing.
                Answer::Ok(_) if self.fault.affected == Affected::None && call.overlaps(&self.explained) => {}
                Answer::Refused { reason, request_id } => {
                    let found =
                        if found.is_empty() { outcomes.remove(&**request_id).unwrap_or_default() } else { found };
                    let [entry] = found[..] else { panic!("{call:?}: {found:?}") };
                    assert_eq!((&entry["reason"], &entry["request_id"]), (&reason[..].into(), &request_id[..].into()));
                }
                Answer::Ok(url) => {
                    let [entry] = found[..] else { panic!("{call:?}: {found:?}") };
                    assert_eq!((&entry["reason"], &entry["released"]), (&"OK".into(), &true.into()), "{call:?}");
                    assert!(intents.contains(entry["request_id"].as_str().unwrap()), "no intent: {entry}");
                    assert_eq!(stripe.customer_of(url), Some(customer(call.tenant())), "{call:?}");
                }
            }
        }
        outcomes.retain(|user, _| is_user(user));
        assert!(outcomes.is_empty(), "outcomes of no call: {outcomes:?}");
    }

    fn check_resources(&self) {
        let [before, after] = self.resources;
        // Connections to Stripe stay open for a while: at most two for each call that ran at the same time.
        let connections = 2 * self.most_in_flight();
        assert!(after.descriptors <= before.descriptors + connections + 8, "{before:?}, {after:?}, {connections}");
        assert!(after.memory <= before.memory + self.fault.memory_growth * 1024, "{before:?}, {after:?}");
        assert!(!self.log.contains(r#""message":"panic""#), "{}", self.log);
    }

    /// Returns the largest number of calls that ran at the same time.
    fn most_in_flight(&self) -> usize {
        let in_flight = |moment| self.calls.iter().filter(|call| call.started <= moment && call.ended > moment).count();
        self.calls.iter().map(|call| in_flight(call.started)).max().unwrap_or_default()
    }

    /// Returns how many requests the service sent to Stripe for each one that a call needs, while the fault lasted.
    pub(super) fn attempts_per_request(&self) -> f64 {
        let begun = self.during().filter(|call| call.is_session && call.started >= self.began);
        let sessions: HashSet<_> = begun.map(Call::user).collect();
        let intents = self.audit.iter().filter(|entry| entry["event"] == "intent");
        let needed =
            2 * intents.filter(|entry| entry["subject"].as_str().is_some_and(|user| sessions.contains(user))).count();
        // A request without a connection never reaches the simulator, but the service logs each retry.
        let retried = self.log.matches("retrying Stripe request").count();
        let sent = self.stripe_requests.max(needed + retried);
        let [needed, sent] = [needed, sent].map(|count| f64::from(u32::try_from(count).unwrap()));
        sent / needed
    }

    /// Returns the median latency of the calls that the fault does not affect: before the fault, and while it lasts.
    pub(super) fn unaffected_latencies(&self) -> [Duration; 2] {
        let others = || self.calls.iter().filter(|call| !self.fault.affected.includes(call) && call.is_session);
        let before = others().filter(|call| call.ended < self.began);
        let during = others().filter(|call| call.started >= self.began && call.ended <= self.ended);
        [median(before), median(during)]
    }
}

fn median<'a>(calls: impl Iterator<Item = &'a Call>) -> Duration {
    let times: Latencies = calls.map(|call| call.ended - call.started).collect();
    assert!(times.count() > 0, "no call is compared");
    times.median()
}
