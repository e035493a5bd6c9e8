//! The account's state, behind one lock.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::model::{Answer, Configuration, Customer, Mode, RecordedRequest, Session, Subscription};

/// What a request with an idempotency key left behind.
pub(crate) struct Saved {
    /// Method, path and parameters; the same key with others is a mistake.
    pub(crate) asked: String,
    /// None while the first request is in progress.
    pub(crate) answer: Option<Answer>,
}

/// Everything.
pub(crate) struct State {
    pub(crate) base_url: String,
    secret_keys: [String; 2],
    pub(crate) customers: HashMap<(Mode, String), Customer>,
    pub(crate) subscriptions: HashMap<(Mode, String), Subscription>,
    pub(crate) configurations: HashMap<(Mode, String), Configuration>,
    /// By the secret part of their URL.
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) saved: HashMap<(Mode, String), Saved>,
    pub(crate) requests: Vec<RecordedRequest>,
    pub(crate) records: bool,
}

impl State {
    pub(crate) fn new(base_url: String, secret_keys: [String; 2]) -> Self {
        let mut state = Self {
            base_url,
            secret_keys,
            customers: HashMap::new(),
            subscriptions: HashMap::new(),
            configurations: HashMap::new(),
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

    pub(crate) fn add_configuration(&mut self, configuration: Configuration) {
        if configuration.is_default {
            for other in self.configurations.values_mut().filter(|other| other.mode == configuration.mode) {
                other.is_default = false;
            }
        }
        self.configurations.insert((configuration.mode, configuration.id.clone()), configuration);
    }

    pub(crate) fn remove_configurations(&mut self, mode: Mode) {
        self.configurations.retain(|(other, _), _| *other != mode);
    }
}

/// Thirty-two characters that can't be guessed.
pub(crate) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Seconds since 1970, as Stripe's timestamps are.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
