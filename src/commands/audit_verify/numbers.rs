//! The numbers of one writer: which of them are there, and whether its clock never goes back.

use std::time::SystemTime;

use super::{
    CLOCK_TOLERANCE,
    finding::{Finding, Problem, Report},
};
use crate::commands::{audit_files::Place, report::Severity};

/// An entry that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// 0 for an entry without a number.
    pub(super) number: u64,
    pub(super) time: SystemTime,
    pub(super) place: Place,
}

/// Consecutive entries.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: Seen,
    /// The time of the entry before the last one.
    before_last: Option<SystemTime>,
    last: Seen,
}

/// The numbers so far, in order. As files can be read in any order, there can be several runs until the end.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<Run>);

impl Numbers {
    /// Returns the entries with the first and the last number.
    pub(super) fn ends(&self) -> Option<(Seen, Seen)> {
        Some((self.0.first()?.first, self.0.last()?.last))
    }

    /// Adds an entry. Returns whether its number is new.
    pub(super) fn add(&mut self, writer: u64, seen: Seen, report: &mut Report) -> bool {
        let next = self.0.partition_point(|run| run.first.number <= seen.number);
        let before = next.checked_sub(1);
        if before.and_then(|before| self.0.get(before)).is_some_and(|run| seen.number <= run.last.number) {
            return false;
        }
        self.0.insert(next, Run { first: seen, before_last: None, last: seen });
        self.join(next, writer, report);
        if let Some(before) = before {
            self.join(before, writer, report);
        }
        true
    }

    /// Joins a run with the next one if no number is missing between them.
    fn join(&mut self, position: usize, writer: u64, report: &mut Report) {
        let Some([one, next]) = self.0.get_mut(position..position + 2) else { return };
        if next.first.number - one.last.number != 1 {
            return;
        }
        let is_late = check_clock(one, next, writer, report);
        let before = if is_late { one.before_last } else { Some(one.last.time) };
        *one = Run { first: one.first, before_last: next.before_last.or(before), last: next.last };
        self.0.remove(position + 1);
    }

    /// Adds a finding for each range of numbers that is missing.
    pub(super) fn find_gaps(&self, writer: u64, report: &mut Report) {
        if let Some(first) = self.0.first().filter(|run| run.first.number > 1) {
            let detail = "the entries before this one are missing, perhaps with an older file";
            report.push(gap(writer, 0, first, Severity::Warning, detail.to_owned()));
        }
        for pair in self.0.windows(2) {
            let [one, next] = pair else { continue };
            let detail = format!("missing after {}", report.name(one.last.place));
            report.push(gap(writer, one.last.number, next, Severity::Failure, detail));
            check_clock(one, next, writer, report);
        }
    }
}

/// The numbers between the last one that is there and a run are missing.
fn gap(writer: u64, last: u64, next: &Run, severity: Severity, detail: String) -> Finding {
    let (first, last) = (last + 1, next.first.number - 1);
    let sequence = if first == last { first.to_string() } else { format!("{first}-{last}") };
    Finding { sequence, ..Finding::new(severity, Problem::Gap, &next.first, Some(writer), detail) }
}

/// Compares the times at the boundary of two runs. Returns whether the time of the last entry of the first run is too late.
fn check_clock(one: &Run, next: &Run, writer: u64, report: &mut Report) -> bool {
    let (last, first) = (&one.last, &next.first);
    let Ok(back) = last.time.duration_since(first.time) else { return false };
    if back <= CLOCK_TOLERANCE {
        return false;
    }
    // If the times before and after an entry fit, only its own does not.
    let is_late = one.before_last.is_some_and(|before| before <= first.time + CLOCK_TOLERANCE);
    let (wrong, other, order) =
        if is_late { (last, first, "later than the next one") } else { (first, last, "earlier than the one before") };
    report.jumps.push(wrong.place);
    let detail = format!("{} {order}, {}", humantime::format_duration(back), report.name(other.place));
    report.push(Finding::new(Severity::Failure, Problem::ClockJump, wrong, Some(writer), detail));
    is_late
}
