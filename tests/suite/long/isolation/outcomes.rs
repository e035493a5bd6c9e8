//! What the calls ended with.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Plan,
    model::{Call, Model, TENANTS},
};

/// The outcomes that must occur, each with whether Stripe had created a session: otherwise the changes did not affect the calls.
const OUTCOMES: [(&str, bool); 10] = [
    ("OK", true),
    ("FEATURE_DISABLED", false),
    ("FEATURE_DISABLED", true),
    ("MAPPING_INTEGRITY", false),
    ("MAPPING_INTEGRITY", true),
    ("NOT_OWNER", false),
    ("NOT_OWNER", true),
    ("NO_BILLING_ACCOUNT", false),
    ("NO_BILLING_ACCOUNT", true),
    ("TOKEN_INVALID", false),
];

/// What calls ended with.
#[derive(Default)]
pub(super) struct Outcomes {
    pub(super) counts: BTreeMap<(String, bool), usize>,
    /// For each URL, the time from the beginning of the last query until the client had it. The time that the client waits for a
    /// processor is part of it.
    pub(super) distances: Vec<Duration>,
    /// The calls whose last query overlapped a change, so that more than one outcome is right.
    overlaps: usize,
    /// The calls that may not end as they did, each with its history.
    pub(super) wrong: Vec<String>,
}

impl Outcomes {
    pub(super) fn add(&mut self, other: Self) {
        for (outcome, count) in other.counts {
            *self.counts.entry(outcome).or_default() += count;
        }
        self.distances.extend(other.distances);
        self.overlaps += other.overlaps;
        self.wrong.extend(other.wrong);
    }

    /// Returns the distance that this share of the URLs does not exceed, once they are sorted.
    pub(super) fn distance(&self, share: f64) -> Duration {
        let last = self.distances.len().saturating_sub(1);
        self.distances.get((last as f64 * share) as usize).copied().unwrap_or_default()
    }

    /// Counts a call, and remembers it if it may not end as it did.
    pub(super) fn judge(&mut self, model: &Model, call: &Call) {
        if !model.allows(call) {
            self.wrong.push(model.history(call));
        }
        let reason = call.outcome.as_ref().err().map_or("OK", String::as_str);
        *self.counts.entry((reason.to_owned(), call.events.session.is_some())).or_default() += 1;
        let Some(query) = call.events.queries.last() else { return };
        let mut decisions: Vec<_> = model.decisions(call, *query).collect();
        decisions.dedup();
        self.overlaps += usize::from(decisions.len() > 1);
        if call.outcome.is_ok() {
            self.distances.push(call.span.until - query.from);
        }
    }

    /// Sorts the distances, and prints everything.
    pub(super) fn report(&mut self, plan: Plan, elapsed: Duration) {
        let (calls, callers) = (self.counts.values().sum::<usize>(), plan.callers);
        let rate = calls as f64 / elapsed.as_secs_f64();
        println!(
            "isolation: {calls} calls of {TENANTS} tenants, {callers} concurrently, in {elapsed:.1?} ({rate:.0}/s)"
        );
        for ((reason, has_session), count) in &self.counts {
            println!("{count:>9} {reason}{}", if *has_session { " with a session at Stripe" } else { "" });
        }
        println!("{:>9} with a last query that overlapped a change", self.overlaps);
        self.distances.sort();
        let (median, high, largest) = (self.distance(0.5), self.distance(0.99), self.distance(1.0));
        println!(
            "from the last query to the URL: median {median:.1?}, 99th percentile {high:.1?}, largest {largest:.1?}"
        );
    }

    /// Asserts that nothing was wrong, and that the changes affected the calls.
    pub(super) fn check(&self, plan: Plan) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert_eq!(self.counts.values().sum::<usize>(), plan.calls);
        for (reason, has_session) in OUTCOMES {
            assert!(self.counts.contains_key(&(reason.to_owned(), has_session)), "{reason}, {has_session}: none");
        }
        assert!(self.distances.len() > plan.calls / 4, "too few calls succeeded");
    }
}
