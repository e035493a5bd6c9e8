//! The account's state, behind one lock.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    idempotency::{Key, Saved},
    model::{Configuration, Customer, Mode, Session, Subscription},
    wire::RecordedRequest,
};

/// Objects of one kind; an id of one mode means nothing in the other.
pub(crate) type Objects<T> = HashMap<(Mode, String), T>;

/// Everything.
pub(crate) struct State {
    pub(crate) portal_origin: String,
    secret_keys: [String; 2],
    pub(crate) customers: Objects<Customer>,
    pub(crate) subscriptions: Objects<Subscription>,
    pub(crate) configurations: Objects<Configuration>,
    /// The id of each mode's default configuration.
    defaults: HashMap<Mode, String>,
    /// By the secret part of their URL.
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) saved: HashMap<Key, Saved>,
    pub(crate) requests: Vec<RecordedRequest>,
    pub(crate) records: bool,
}

impl State {
    pub(crate) fn new(portal_origin: String, secret_keys: [String; 2]) -> Self {
        let mut state = Self {
            portal_origin,
            secret_keys,
            customers: HashMap::new(),
            subscriptions: HashMap::new(),
            configurations: HashMap::new(),
            defaults: HashMap::new(),
            sessions: HashMap::new(),
            saved: HashMap::new(),
            requests: Vec::new(),
            records: true,
        };
        for mode in [Mode::Test, Mode::Live] {
            state.add_configuration(Configuration::new("bpc_default").mode(mode).default_of_mode(true));
        }
        state
    }

    /// The mode of a key, if it is one of the account's.
    pub(crate) fn mode_of(&self, key: &str) -> Option<Mode> {
        let [test, live] = &self.secret_keys;
        if key == test {
            Some(Mode::Test)
        } else if key == live {
            Some(Mode::Live)
        } else {
            None
        }
    }

    /// The mode that a key's prefix names, for secret and restricted keys.
    pub(crate) fn mode_of_prefix(key: &str) -> Option<Mode> {
        let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
        [Mode::Test, Mode::Live].into_iter().find(|mode| {
            rest.strip_prefix(mode.as_str())
                .and_then(|rest| rest.strip_prefix('_'))
                .is_some_and(|rest| !rest.is_empty())
        })
    }

    pub(crate) fn add_configuration(&mut self, configuration: Configuration) {
        let (mode, id) = (configuration.mode, configuration.id.clone());
        if configuration.is_default {
            self.defaults.insert(mode, id.clone());
        } else if self.defaults.get(&mode) == Some(&id) {
            self.defaults.remove(&mode);
        }
        self.configurations.insert((mode, id), configuration);
    }

    pub(crate) fn remove_configurations(&mut self, mode: Mode) {
        self.configurations.retain(|(other, _), _| *other != mode);
        self.defaults.remove(&mode);
    }

    /// The configuration of sessions that name none.
    pub(crate) fn default_configuration(&self, mode: Mode) -> Option<&Configuration> {
        let id = self.defaults.get(&mode)?;
        self.configurations.get(&(mode, id.clone())).filter(|found| found.active)
    }
}

/// The other mode, if an object of the id is there: Stripe's refusals tell.
pub(crate) fn elsewhere<T>(objects: &Objects<T>, mode: Mode, id: &str) -> Option<Mode> {
    objects.contains_key(&(mode.other(), id.to_owned())).then(|| mode.other())
}

/// Thirty-two characters that can't be guessed.
pub(crate) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Seconds since 1970, as Stripe's timestamps are.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
