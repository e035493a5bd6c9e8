//! The state of the account, behind one lock.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    faults::Active,
    idempotency::{self, Saved},
    key::Key,
    model::{Added, CheckoutSession, Configuration, Customer, Event, Mode, Session, Subscription},
    recent::Recent,
    wire::RecordedRequest,
};

/// Objects of one kind by mode and ID: the modes do not share IDs.
pub(crate) type Objects<T> = HashMap<(Mode, String), T>;

/// The state of the account and of the simulation.
pub(crate) struct State {
    pub(crate) portal_origin: String,
    /// `acct_…`.
    pub(crate) account_id: String,
    /// The display name in the dashboard.
    pub(crate) account_name: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) customers: Objects<Customer>,
    /// Faults of customers, with the number of matching requests so far.
    pub(crate) customer_faults: Objects<Active>,
    /// Injected faults, which apply to every customer.
    pub(crate) faults: Vec<Active>,
    pub(crate) subscriptions: Objects<Subscription>,
    pub(crate) checkout_sessions: Objects<CheckoutSession>,
    /// Number of subscriptions and checkout sessions ever added, which defines their order.
    objects_added: usize,
    pub(crate) configurations: Objects<Configuration>,
    /// The ID of each mode's default configuration.
    defaults: HashMap<Mode, String>,
    /// Number of configurations ever added, which defines their order.
    configurations_added: usize,
    /// Sessions by the secret part of their URL.
    pub(crate) sessions: Recent<String, Session>,
    /// Events by ID.
    pub(crate) events: Recent<String, Event>,
    /// Requests by idempotency key.
    pub(crate) saved: Recent<idempotency::Key, Saved>,
    pub(crate) requests: Vec<RecordedRequest>,
    pub(crate) recording: bool,
}

impl State {
    pub(crate) fn new(portal_origin: String, account: &str, keys: Vec<Key>) -> Self {
        let mut state = Self {
            portal_origin,
            account_id: account.to_owned(),
            account_name: "Simulated account".to_owned(),
            keys,
            customers: HashMap::new(),
            customer_faults: HashMap::new(),
            faults: Vec::new(),
            subscriptions: HashMap::new(),
            checkout_sessions: HashMap::new(),
            objects_added: 0,
            configurations: HashMap::new(),
            defaults: HashMap::new(),
            configurations_added: 0,
            sessions: Recent::default(),
            events: Recent::default(),
            saved: Recent::default(),
            requests: Vec::new(),
            recording: true,
        };
        for mode in [Mode::Test, Mode::Live] {
            state.add_configuration(Configuration::new("bpc_default").mode(mode).default_of_mode(true));
        }
        state
    }

    /// Finds the key of the account with the given text.
    pub(crate) fn key(&self, text: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.text == text)
    }

    pub(crate) fn add_subscription(&mut self, mut subscription: Subscription) {
        subscription.position = self.next_position();
        self.subscriptions.insert((subscription.mode, subscription.id.clone()), subscription);
    }

    pub(crate) fn add_checkout_session(&mut self, mut session: CheckoutSession) {
        session.position = self.next_position();
        self.checkout_sessions.insert((session.mode, session.id.clone()), session);
    }

    pub(crate) fn add_event(&mut self, event: Event) {
        self.events.insert(event.id.clone(), event);
    }

    fn next_position(&mut self) -> usize {
        self.objects_added += 1;
        self.objects_added
    }

    pub(crate) fn add_configuration(&mut self, mut configuration: Configuration) {
        let (mode, id) = (configuration.mode, configuration.id.clone());
        if configuration.is_default {
            self.defaults.insert(mode, id.clone());
        } else if self.defaults.get(&mode) == Some(&id) {
            self.defaults.remove(&mode);
        }
        let key = (mode, id);
        let now = now();
        let before = self.configurations.get(&key).and_then(|before| before.added);
        self.configurations_added += usize::from(before.is_none());
        let added = before.unwrap_or(Added { created: now, updated: now, position: self.configurations_added });
        configuration.added = Some(Added { updated: now, ..added });
        self.configurations.insert(key, configuration);
    }

    /// Returns whether a configuration is the default of its mode. The last one added as default counts.
    pub(crate) fn is_default(&self, configuration: &Configuration) -> bool {
        self.defaults.get(&configuration.mode) == Some(&configuration.id)
    }

    pub(crate) fn remove_configurations(&mut self, mode: Mode) {
        self.configurations.retain(|(other, _), _| *other != mode);
        self.defaults.remove(&mode);
    }

    /// Returns the session that a URL opens.
    pub(crate) fn session_mut(&mut self, url: &str) -> Option<&mut Session> {
        let secret = url.strip_prefix(&self.portal_origin)?.strip_prefix("/p/session/")?;
        self.sessions.get_mut(secret)
    }

    /// Returns the configuration of sessions that do not specify one.
    pub(crate) fn default_configuration(&self, mode: Mode) -> Option<&Configuration> {
        let id = self.defaults.get(&mode)?;
        self.configurations.get(&(mode, id.clone())).filter(|found| found.active)
    }
}

/// Returns the other mode if it has an object with this ID. Stripe mentions it in the error message.
pub(crate) fn other_mode_with<T>(objects: &Objects<T>, mode: Mode, id: &str) -> Option<Mode> {
    objects.contains_key(&(mode.other(), id.to_owned())).then(|| mode.other())
}

/// Returns 32 unpredictable characters.
pub(crate) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Returns the current time in seconds since the Unix epoch, as in Stripe's timestamps.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
