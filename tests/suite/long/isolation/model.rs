//! What the test knows: directory, flags and keys with their history, and the events of each call.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    keys::Key,
    timeline::{Span, Timeline},
};

pub(super) const TENANTS: usize = 1_000;

/// Two people for each tenant: `u0` and `u1` for `t0`, and so on. A person makes one call at a time.
pub(super) const PEOPLE: usize = TENANTS * 2;

/// How long a call waits for the flag file (`REFRESH_LIMIT` in src/adapters/flag.rs). After that, it uses what was read before.
pub(super) const FLAG_LIMIT: Duration = Duration::from_millis(250);

/// A person, by number.
#[derive(Clone, Copy)]
pub(super) struct Person(pub(super) usize);

impl Person {
    pub(super) fn tenant(self) -> usize {
        self.0 / 2
    }

    pub(super) fn pair(self) -> usize {
        self.tenant() / 2
    }
}

/// A customer, by number. The customers `cus0` and `cus1` name the tenant `t0` at Stripe, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Customer(pub(super) usize);

impl Customer {
    /// Returns the tenant that the customer names at Stripe.
    pub(super) fn tenant(self) -> usize {
        self.0 / 2
    }

    pub(super) fn id(self) -> String {
        format!("cus_{}", self.0)
    }

    fn of(id: &Value) -> Self {
        Self(number(id.as_str().unwrap()))
    }
}

/// What the directory says about one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) customer: Option<Customer>,
    /// Which of its two people own it.
    pub(super) owners: [bool; 2],
}

/// What the directory says about two tenants that no other tenant affects: they swap or share customers only with each other.
pub(super) type Pair = [Entry; 2];

/// A call from before it was sent until its outcome was known, with what was seen of it in between.
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) span: Span,
    /// The key that signed its token.
    pub(super) key: Arc<Key>,
    /// The service had read the flag file at or after this time when the call began.
    pub(super) flag_read: Instant,
    pub(super) events: Events,
    /// The URL, or the reason of the refusal.
    pub(super) outcome: Result<String, String>,
}

impl Call {
    pub(super) fn person(&self) -> Person {
        Person(self.number % PEOPLE)
    }
}

/// What was seen of a call that is in flight.
#[derive(Default)]
pub(super) struct Events {
    number: usize,
    /// Its queries of the directory.
    pub(super) queries: Vec<Span>,
    /// The session that Stripe created for it.
    pub(super) session: Option<Session>,
}

pub(super) struct Session {
    /// Before Stripe's answer was sent.
    pub(super) at: Instant,
    pub(super) customer: Customer,
    pub(super) url: String,
}

pub(super) struct Model {
    pub(super) pairs: Vec<Timeline<Pair>>,
    /// Whether the flag is on, by tenant.
    pub(super) flags: Vec<Timeline<bool>>,
    /// The keys that the service has accepted, the latest one last.
    pub(super) keys: Mutex<Vec<Arc<Key>>>,
    /// By person.
    in_flight: Vec<Mutex<Events>>,
    /// The service has read the flag file at or after this time.
    flag_read: Mutex<Instant>,
}

impl Model {
    pub(super) fn new() -> Self {
        let own = |tenant| Entry { customer: Some(Customer(tenant * 2)), owners: [true, true] };
        Self {
            pairs: (0..TENANTS / 2).map(|pair| Timeline::new([own(pair * 2), own(pair * 2 + 1)])).collect(),
            flags: (0..TENANTS).map(|_| Timeline::new(true)).collect(),
            keys: Mutex::default(),
            in_flight: (0..PEOPLE).map(|_| Mutex::default()).collect(),
            flag_read: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn latest_key(&self) -> Arc<Key> {
        Arc::clone(self.keys.lock().unwrap().last().unwrap())
    }

    pub(super) fn flag_read(&self) -> Instant {
        *self.flag_read.lock().unwrap()
    }

    /// Records that a call is about to be sent.
    pub(super) fn begin(&self, number: usize) {
        *self.in_flight[number % PEOPLE].lock().unwrap() = Events { number, ..Events::default() };
    }

    /// Returns what was seen of a call that has ended.
    pub(super) fn end(&self, number: usize) -> Events {
        std::mem::take(&mut self.in_flight[number % PEOPLE].lock().unwrap())
    }

    /// Records that a query of a call has ended. The second one is sent after the flag file was read again.
    pub(super) fn record_query(&self, user: &str, from: Instant) {
        let mut events = self.in_flight[number(user)].lock().unwrap();
        events.queries.push(Span { from, until: Instant::now() });
        if let Some(session) = events.session.as_ref().filter(|session| from - session.at < FLAG_LIMIT) {
            let mut flag_read = self.flag_read.lock().unwrap();
            *flag_read = session.at.max(*flag_read);
        }
    }

    /// Records that Stripe has created a session, and returns the person whose call it is for. The return URL ends with the number of
    /// the call. A request that was repeated has the same session.
    pub(super) fn record_session(&self, session: &Value) -> Option<Person> {
        let at = Instant::now();
        let number = number(session["return_url"].as_str()?);
        let person = Person(number % PEOPLE);
        let mut events = self.in_flight[person.0].lock().unwrap();
        if events.number == number && events.session.is_none() {
            let url = session["url"].as_str()?.to_owned();
            events.session = Some(Session { at, customer: Customer::of(&session["customer"]), url });
        }
        Some(person)
    }
}

/// Returns the number at the end of a text.
fn number(text: &str) -> usize {
    text.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
}
