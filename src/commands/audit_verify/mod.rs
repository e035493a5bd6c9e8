//! `audit-verify`: checks audit files of any number of replicas, in any order, for missing, repeated, torn and contradictory
//! entries. It needs only the files.

mod calls;
mod finding;
mod numbers;
mod repeated;

use std::{collections::HashMap, time::Duration};

use calls::Calls;
use finding::{Finding, Problem, Report};
use numbers::{Numbers, Seen};

use crate::{
    commands::{
        AuditVerifyOptions, Failure,
        audit_files::{self, Entry, Event, Place},
        progress::print_line,
        report::{self, Row as _, Severity},
    },
    config::AuditSource,
};

/// How far times may contradict the order of the entries. Entries of calls at the same time can pass each other, and a clock
/// is adjusted in small steps.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// What names the files in an error.
const SETTING: &str = "FILE";

/// Reads the files, prints the findings, and returns whether none is a failure.
///
/// # Errors
/// A file that cannot be read, or a report that cannot be written.
pub(super) fn run(options: &AuditVerifyOptions) -> Result<bool, Failure> {
    let sources = options.files.iter().map(|text| AuditSource::parse(SETTING, text)).collect::<Result<_, _>>()?;
    let report = verify(sources)?;
    print_line(&report.summary());
    report::print(&report.findings, options.format).map_err(|error| Failure::of("report cannot be written", error))?;
    Ok(report.failures == 0)
}

/// Reads the files. The failures are the first rows of the report.
fn verify(sources: Vec<AuditSource>) -> Result<Report, Failure> {
    let mut verification = Verification { writers: HashMap::new(), report: Report::new(sources.clone()) };
    audit_files::read(SETTING, &sources, &mut |place, line| verification.add(place, line))?;
    let mut report = verification.end();
    repeated::compare(&sources, &mut report).map_err(|error| Failure::of("files cannot be read again", error))?;
    report.findings.sort_by_key(|finding| (finding.severity() != Severity::Failure, finding.place));
    Ok(report)
}

/// What is known of the entries of one writer. Entries of releases without numbers have one writer in common.
#[derive(Debug, Default)]
struct Writer {
    numbers: Numbers,
    calls: Calls,
}

/// The verification so far.
#[derive(Debug)]
struct Verification {
    writers: HashMap<Option<u64>, Writer>,
    report: Report,
}

impl Verification {
    /// Adds a line, which has its line break if it has one.
    fn add(&mut self, place: Place, line: &[u8]) {
        let report = &mut self.report;
        let is_ended = line.ends_with(b"\n");
        let entry = Entry::parse(line);
        if !is_ended {
            report.add(Severity::Warning, Problem::Torn, place, "the last line has no line break");
        } else if entry.is_none() {
            report.add(Severity::Failure, Problem::Torn, place, "not an audit entry");
        }
        let Some(entry) = entry else { return };
        let writer = self.writers.entry(entry.number.map(|(writer, _)| writer)).or_default();
        let seen = Seen { number: entry.number.map_or(0, |(_, number)| number), time: entry.time, place };
        if let Some(number) = entry.number
            && !writer.numbers.add(number.0, seen, report)
        {
            report.repeated.entry(number).or_insert_with(|| repeated::Copies::new(place));
            return;
        }
        report.count(&entry);
        writer.calls.add(&entry, seen, report);
    }

    /// Adds the findings about what is missing.
    fn end(self) -> Report {
        let Self { writers, mut report } = self;
        report.writers = writers.keys().flatten().count();
        for (id, writer) in writers {
            if let Some(id) = id {
                writer.numbers.find_gaps(id, &mut report);
            }
            writer.calls.end(writer.numbers.ends(), &mut report);
        }
        report
    }
}

#[cfg(test)]
mod tests;
