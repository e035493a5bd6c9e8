//! Reads audit files line by line. docs/contract.md defines the entries.

mod entry;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    time::SystemTime,
};

pub(super) use entry::{Entry, Event};

use crate::config::{AuditSource, SettingError};

/// The longest line, in bytes: several times that of the longest entry.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// The place of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The position of the file.
    pub(super) source: usize,
    line: u64,
}

impl Place {
    /// Returns the name of the place, `FILE:LINE`.
    pub(super) fn name(self, sources: &[AuditSource]) -> String {
        sources.get(self.source).map_or_else(String::new, |source| format!("{source}:{}", self.line))
    }
}

/// The times of the first and the last entry.
pub(super) type Range = Option<(SystemTime, SystemTime)>;

/// Extends a range to a time.
pub(super) fn extend(range: &mut Range, time: SystemTime) {
    *range = Some(range.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
}

/// Receives each line, with its line break if it has one. A line that is too long is passed on without its content.
pub(super) type ReadLine<'a> = dyn FnMut(Place, &[u8]) + 'a;

/// Reads all files. `setting` names them in an error.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn read(setting: &str, sources: &[AuditSource], each: &mut ReadLine<'_>) -> Result<(), SettingError> {
    for (position, source) in sources.iter().enumerate() {
        read_source(position, source, each)
            .map_err(|error| SettingError::new(setting, format!("{source} cannot be read: {error}")))?;
    }
    Ok(())
}

/// Reads one file.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read_source(position: usize, source: &AuditSource, each: &mut ReadLine<'_>) -> io::Result<()> {
    let mut reader: Box<dyn BufRead> = match source {
        AuditSource::Stdin => Box::new(io::stdin().lock()),
        AuditSource::File(path) => Box::new(BufReader::with_capacity(MAX_LINE_BYTES, File::open(path)?)),
    };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        if reader.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let is_too_long = bytes.len() == MAX_LINE_BYTES && !bytes.ends_with(b"\n");
        if is_too_long {
            reader.skip_until(b'\n')?;
        }
        each(Place { source: position, line }, if is_too_long { b"\n" } else { &bytes });
    }
    Ok(())
}
