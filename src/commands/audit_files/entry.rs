//! One line of an audit file, as docs/contract.md defines the entries.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// The members of an entry that are read.
#[derive(Debug)]
pub(in crate::commands) struct Entry<'a> {
    /// The writer and the sequence number; older releases wrote neither.
    pub(in crate::commands) number: Option<(u64, u64)>,
    pub(in crate::commands) time: SystemTime,
    pub(in crate::commands) request_id: &'a str,
    /// Present in each entry that was written when Stripe was about to be called, or later.
    pub(in crate::commands) customer: Option<&'a str>,
    /// Always with a customer.
    pub(in crate::commands) session: Option<&'a str>,
    pub(in crate::commands) event: Event<'a>,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Event<'a> {
    /// The call is about to be sent to Stripe.
    Intent,
    /// The call has ended after this time.
    Outcome { reason: &'a str, released: bool, duration: Duration },
}

/// The length of a writer's ID.
const WRITER_DIGITS: usize = 16;

#[derive(Deserialize)]
struct Line<'a> {
    writer: Option<&'a str>,
    sequence: Option<u64>,
    time: &'a str,
    event: &'a str,
    request_id: &'a str,
    reason: Option<&'a str>,
    customer: Option<&'a str>,
    session: Option<&'a str>,
    released: Option<bool>,
    duration_ms: Option<u64>,
}

impl<'a> Entry<'a> {
    /// Parses a line; returns `None` if it is not an entry.
    pub(in crate::commands) fn parse(line: &'a [u8]) -> Option<Self> {
        let Line { writer, sequence, time, event, request_id, reason, customer, session, released, duration_ms } =
            serde_json::from_slice(line).ok()?;
        let number = match (writer, sequence) {
            (None, None) => None,
            (writer, sequence) => {
                let writer = writer.filter(|digits| digits.len() == WRITER_DIGITS)?;
                Some((u64::from_str_radix(writer, 16).ok()?, sequence.filter(|number| *number > 0)?))
            }
        };
        let event = match event {
            "intent" if customer.is_some() => Event::Intent,
            // A URL is released only with the session that it belongs to.
            "outcome" if released? <= session.is_some() => {
                let duration = Duration::from_millis(duration_ms?);
                Event::Outcome { reason: reason?, released: released?, duration }
            }
            _ => return None,
        };
        let is_complete = session.is_none() || customer.is_some();
        let time = humantime::parse_rfc3339(time).ok()?;
        is_complete.then_some(Self { number, time, request_id, customer, session, event })
    }
}
