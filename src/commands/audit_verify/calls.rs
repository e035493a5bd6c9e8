//! The calls of one writer. A call whose entries are complete is forgotten soon, so that memory does not grow with their number.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
    time::{Duration, SystemTime},
};

use super::{CLOCK_TOLERANCE, Entry, Event, Finding, Problem, Report, numbers::Seen};
use crate::commands::report::Severity;

/// How long a call with an outcome is remembered. A second outcome follows an `OK` within the few seconds that a call waits for
/// its entry to be written.
const RECENT: Duration = Duration::from_secs(60);

/// The longest time between an intent and its outcome, several times that of the usual settings.
const MAX_CALL: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By request ID: calls whose entries are not complete, and recent ones.
    open: HashMap<Rc<str>, Call>,
    /// Those with an outcome, in the order in which they were read.
    recent: VecDeque<(SystemTime, Rc<str>)>,
}

#[derive(Debug, Default)]
struct Call {
    writer: Option<u64>,
    intent: Option<Seen>,
    /// The one that counts.
    outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    seen: Seen,
    duration: Duration,
    is_ok: bool,
    is_unavailable: bool,
    released: bool,
    /// Whether the intent was about to be written.
    has_customer: bool,
    has_session: bool,
}

impl Calls {
    pub(super) fn add(&mut self, entry: &Entry<'_>, seen: Seen, report: &mut Report) {
        self.forget(seen.time);
        let id =
            self.open.get_key_value(entry.request_id).map_or_else(|| entry.request_id.into(), |(id, _)| Rc::clone(id));
        let call = self.open.entry(Rc::clone(&id)).or_default();
        call.writer = entry.number.map(|(writer, _)| writer);
        match entry.event {
            Event::Intent if call.intent.is_some() => {
                report.push(call.finding(
                    Severity::Failure,
                    Problem::Duplicate,
                    &seen,
                    &id,
                    "second intent of its call",
                ));
            }
            Event::Intent => {
                call.intent = Some(seen);
                call.check_duration(&id, report);
            }
            Event::Outcome { reason, released, duration } => {
                let outcome = Outcome {
                    seen,
                    duration,
                    is_ok: reason == "OK",
                    is_unavailable: reason == "AUDIT_UNAVAILABLE",
                    released,
                    has_customer: entry.customer.is_some(),
                    has_session: entry.session.is_some(),
                };
                call.end(outcome, &id, report);
            }
        }
        if call.outcome.is_some() {
            self.recent.push_back((seen.time, id));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len() + self.recent.len()
    }

    /// Removes the calls that are complete and not recent.
    fn forget(&mut self, now: SystemTime) {
        let is_recent = |time: SystemTime| now.duration_since(time).unwrap_or_else(|error| error.duration()) <= RECENT;
        while let Some((_, id)) = self.recent.pop_front_if(|(time, _)| !is_recent(*time)) {
            if self.open.get(&id).is_some_and(Call::is_complete) {
                self.open.remove(&id);
            }
        }
    }

    /// Adds the findings about incomplete calls. The first and the last entry of the process are known if it numbers them.
    pub(super) fn end(self, ends: Option<(Seen, Seen)>, report: &mut Report) {
        for (id, call) in self.open {
            match (&call.intent, &call.outcome) {
                (Some(intent), None) => {
                    let has_continued = ends.is_some_and(|(_, last)| last.time > intent.time + MAX_CALL);
                    let severity = if has_continued { Severity::Failure } else { Severity::Warning };
                    report.push(call.finding(severity, Problem::Unresolved, intent, &id, "no outcome of its call"));
                }
                (None, Some(outcome)) if outcome.has_session => {
                    let began = outcome.seen.time - outcome.duration;
                    let may_precede =
                        ends.is_none_or(|(first, _)| first.number > 1 && began <= first.time + CLOCK_TOLERANCE);
                    let severity = if may_precede { Severity::Warning } else { Severity::Failure };
                    report.push(call.finding(severity, Problem::NoIntent, &outcome.seen, &id, "no intent of its call"));
                }
                _ => {}
            }
        }
    }
}

impl Call {
    const fn is_complete(&self) -> bool {
        match &self.outcome {
            Some(outcome) => self.intent.is_some() || !outcome.has_customer,
            None => false,
        }
    }

    /// Adds an outcome.
    fn end(&mut self, outcome: Outcome, id: &str, report: &mut Report) {
        let Some(other) = self.outcome else {
            self.outcome = Some(outcome);
            self.check_duration(id, report);
            return;
        };
        let order = |outcome: &Outcome| (outcome.seen.number, outcome.seen.time);
        let (first, second) = if order(&other) <= order(&outcome) { (other, outcome) } else { (outcome, other) };
        if first.is_ok && second.is_unavailable {
            report.released -= u64::from(first.released);
            self.outcome = Some(second);
        } else {
            let detail = format!("second outcome of its call, after {}", report.name(first.seen.place));
            report.push(self.finding(Severity::Failure, Problem::Duplicate, &second.seen, id, detail));
        }
    }

    /// Compares the times of intent and outcome with the duration of the call.
    fn check_duration(&self, id: &str, report: &mut Report) {
        let (Some(intent), Some(Outcome { seen, duration, .. })) = (self.intent, self.outcome) else { return };
        let began = seen.time - duration;
        let fits = began <= intent.time + CLOCK_TOLERANCE && intent.time <= seen.time + CLOCK_TOLERANCE;
        if !fits && !report.jumps.iter().any(|place| [intent.place, seen.place].contains(place)) {
            let detail = format!("does not fit its intent {} and its duration", report.name(intent.place));
            report.push(self.finding(Severity::Failure, Problem::ClockJump, &seen, id, detail));
        }
    }

    fn finding(
        &self,
        severity: Severity,
        problem: Problem,
        seen: &Seen,
        id: &str,
        detail: impl Into<String>,
    ) -> Finding {
        Finding { request_id: id.to_owned(), ..Finding::new(severity, problem, seen, self.writer, detail.into()) }
    }
}
