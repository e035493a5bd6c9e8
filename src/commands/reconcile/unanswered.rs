//! Calls of which no entry names a session, although Stripe was called or about to be: Stripe's response was lost, or the
//! outcome was never written. Stripe may have created a session for them.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use super::entries::MARGIN;
use crate::commands::audit_files::{Entry, Event, Place};

#[derive(Debug)]
struct Call {
    started: SystemTime,
    ended: SystemTime,
    place: Place,
}

/// Such calls, each of which can explain one session.
#[derive(Debug, Default)]
pub(super) struct UnansweredCalls {
    by_customer: HashMap<Box<str>, Vec<Call>>,
    /// Intents whose outcome was not read so far, with their customer, by request ID.
    open: HashMap<Box<str>, (Box<str>, Call)>,
    /// Outcomes whose intent was not read so far: the files may be in any order.
    closed: HashSet<Box<str>>,
}

impl UnansweredCalls {
    /// Adds an entry with a customer.
    pub(super) fn add(&mut self, entry: &Entry<'_>, customer: &str, place: Place) {
        let ended = entry.time;
        match entry.event {
            Event::Intent if self.closed.remove(entry.request_id) => {}
            Event::Intent => {
                let call = Call { started: ended, ended, place };
                self.open.insert(entry.request_id.into(), (customer.into(), call));
            }
            Event::Outcome { duration, .. } => {
                if self.open.remove(entry.request_id).is_none() {
                    self.closed.insert(entry.request_id.into());
                }
                if entry.session.is_none() {
                    let call = Call { started: ended - duration, ended, place };
                    self.by_customer.entry(customer.into()).or_default().push(call);
                }
            }
        }
    }

    /// Ends the reading: no further outcome follows.
    pub(super) fn end(&mut self) {
        for (customer, call) in std::mem::take(&mut self.open).into_values() {
            self.by_customer.entry(customer).or_default().push(call);
        }
    }

    /// Removes a call that can explain a session, and returns the place of its entry.
    pub(super) fn take(&mut self, customer: &str, created: SystemTime) -> Option<Place> {
        let calls = self.by_customer.get_mut(customer)?;
        let explains = |call: &Call| call.started <= created + MARGIN && created <= call.ended + MARGIN;
        let found = calls.iter().position(explains)?;
        Some(calls.swap_remove(found).place)
    }
}
