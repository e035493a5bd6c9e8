//! The sessions that audit entries name, as docs/contract.md defines the entries.

use std::time::{Duration, SystemTime};

use super::unanswered::UnansweredCalls;
use crate::{
    commands::audit_files::{self, Entry, Event, Place, Range},
    config::{AuditSource, SettingError},
};

/// Differences between the clocks of the service and of Stripe, and the duration of a call: between the creation of a session
/// and its entry.
pub(super) const MARGIN: Duration = Duration::from_secs(300);

/// The maximum number of invalid lines that are listed. The others are counted.
const MAX_LISTED: usize = 1_000;

/// A session that an entry names. There may be millions, so nothing else of the entry is kept.
#[derive(Debug)]
pub(super) struct AuditedSession {
    pub(super) id: Box<str>,
    pub(super) customer: Box<str>,
    pub(super) time: SystemTime,
    /// Whether the entry is an outcome `OK`.
    pub(super) is_ok: bool,
    /// Whether Stripe has reported the session.
    pub(super) has_event: bool,
    pub(super) place: Place,
}

/// The sessions of all files.
#[derive(Debug, Default)]
pub(super) struct AuditedSessions {
    /// Sorted by session. Two entries can name the same one.
    pub(super) sessions: Vec<AuditedSession>,
    /// The times of the first and the last entry, with or without a session.
    pub(super) range: Range,
    /// The number of entries with a session that are too old to have an event.
    pub(super) older: u64,
    /// The first lines that are not entries, and how many there are.
    pub(super) invalid: (Vec<Place>, u64),
    /// The calls of which no entry names a session.
    pub(super) unanswered: UnansweredCalls,
    /// The files.
    sources: Vec<AuditSource>,
}

impl AuditedSessions {
    /// Reads the entries. Sessions that were created before `since` are only counted.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn read(sources: Vec<AuditSource>, since: SystemTime) -> Result<Self, SettingError> {
        let mut read = Self::default();
        audit_files::read("--audit", &sources, &mut |place, line| read.add(place, line, since))?;
        read.sources = sources;
        read.unanswered.end();
        read.sessions.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(read)
    }

    /// Returns the sessions with an ID: usually one or none.
    pub(super) fn of_mut(&mut self, id: &str) -> &mut [AuditedSession] {
        let first = self.sessions.partition_point(|session| *session.id < *id);
        let count = self.sessions.iter().skip(first).take_while(|session| *session.id == *id).count();
        self.sessions.get_mut(first..first + count).unwrap_or_default()
    }

    /// Returns the name of a place, `FILE:LINE`.
    pub(super) fn name(&self, place: Place) -> String {
        place.name(&self.sources)
    }

    fn add(&mut self, place: Place, line: &[u8], since: SystemTime) {
        let Some(entry) = Entry::parse(line) else {
            self.invalid.1 += 1;
            if self.invalid.0.len() < MAX_LISTED {
                self.invalid.0.push(place);
            }
            return;
        };
        let time = entry.time;
        audit_files::extend(&mut self.range, time);
        let Some(customer) = entry.customer else { return };
        self.unanswered.add(&entry, customer, place);
        match entry.session {
            // An event at the beginning of the range can have an entry that is older by the margin.
            Some(_) if time + MARGIN < since => self.older += 1,
            Some(id) => {
                let is_ok = matches!(entry.event, Event::Outcome { reason: "OK", .. });
                let (id, customer) = (id.into(), customer.into());
                self.sessions.push(AuditedSession { id, customer, time, is_ok, has_event: false, place });
            }
            None => {}
        }
    }
}
