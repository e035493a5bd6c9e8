//! One line of an audit file, as docs/contract.md defines the entries.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// The members of an entry that are compared.
#[derive(Debug)]
pub(in crate::commands) struct Entry<'a> {
    pub(in crate::commands) time: SystemTime,
    pub(in crate::commands) request_id: &'a str,
    /// Present in each entry that was written when Stripe was about to be called, or later.
    pub(in crate::commands) customer: Option<&'a str>,
    /// Always with a customer.
    pub(in crate::commands) session: Option<&'a str>,
    pub(in crate::commands) event: Event,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Event {
    /// The call is about to be sent to Stripe.
    Intent,
    /// The call has ended after this time.
    Outcome { is_ok: bool, duration: Duration },
}

#[derive(Deserialize)]
struct Line<'a> {
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
        let Line { time, event, request_id, reason, customer, session, released, duration_ms } =
            serde_json::from_slice(line).ok()?;
        let event = match event {
            "intent" if customer.is_some() => Event::Intent,
            // A URL is released only with the session that it belongs to.
            "outcome" if released? <= session.is_some() => {
                Event::Outcome { is_ok: reason? == "OK", duration: Duration::from_millis(duration_ms?) }
            }
            _ => return None,
        };
        let is_complete = session.is_none() || customer.is_some();
        let time = humantime::parse_rfc3339(time).ok()?;
        is_complete.then_some(Self { time, request_id, customer, session, event })
    }
}
