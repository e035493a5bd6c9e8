//! Numbers that are there more than once. Only after the files were read is it known which lines to compare, so they are read
//! again.

use std::{
    hash::{DefaultHasher, Hasher as _},
    io,
};

use super::{Entry, Place, Problem, Report};
use crate::{
    commands::{audit_files::read_source, report::Severity},
    config::AuditSource,
};

/// The lines with one number.
#[derive(Debug)]
pub(super) struct Copies {
    /// Where the number was noticed to be repeated.
    place: Place,
    /// The first line of the second reading, and its hash.
    first: Option<(Place, u64)>,
    is_compared: bool,
}

impl Copies {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, first: None, is_compared: false }
    }
}

/// Compares the lines with the same number, and adds a finding for each that is repeated. Lines that two files have in common
/// are one finding.
pub(super) fn compare(sources: &[AuditSource], report: &mut Report) -> io::Result<()> {
    let mut repeated = std::mem::take(&mut report.repeated);
    if repeated.is_empty() {
        return Ok(());
    }
    // The first of the lines that two files have in common, and their number.
    let mut common: Vec<(Place, usize, u64)> = Vec::new();
    for (position, source) in sources.iter().enumerate() {
        // Opening a pipe again could wait forever.
        let AuditSource::File(path) = source else { continue };
        if !path.metadata()?.is_file() {
            continue;
        }
        read_source(position, source, &mut |place, line| {
            let number = Entry::parse(line).and_then(|entry| entry.number);
            let Some(copies) = number.and_then(|number| repeated.get_mut(&number)) else { return };
            let mut hasher = DefaultHasher::new();
            hasher.write(line.trim_ascii_end());
            let hash = hasher.finish();
            let Some((first, first_hash)) = copies.first else {
                copies.first = Some((place, hash));
                return;
            };
            copies.is_compared = true;
            if hash != first_hash {
                let detail = format!("differs from {}, which has the same number", report.name(first));
                report.add(Severity::Failure, Problem::Duplicate, place, detail);
            } else if first.source == place.source {
                report.add(
                    Severity::Failure,
                    Problem::Duplicate,
                    place,
                    format!("the same line as {}", report.name(first)),
                );
            } else if let Some((.., count)) =
                common.iter_mut().find(|(other, source, _)| (other.source, *source) == (place.source, first.source))
            {
                *count += 1;
            } else {
                common.push((place, first.source, 1));
            }
        })?;
    }
    for (place, source, count) in common {
        let source = sources.get(source).map(ToString::to_string).unwrap_or_default();
        let detail = format!("{count} lines of this file are also in {source}; this is the first");
        report.add(Severity::Warning, Problem::Duplicate, place, detail);
    }
    for copies in repeated.into_values().filter(|copies| !copies.is_compared) {
        let detail =
            "an entry with this number was read before; standard input and pipes cannot be read again to compare";
        report.add(Severity::Failure, Problem::Duplicate, copies.place, detail);
    }
    Ok(())
}
