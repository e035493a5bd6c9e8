//! A simulator of Stripe for tests, examples and benches, as strict as Stripe. It serves the objects of one account in test and
//! live mode, and the hosted page that a session's URL opens.
//!
//! The API follows <https://docs.stripe.com/api> at version 2026-09-30.endive. Suggested reading order:
//!
//! - `model`: the objects of an account
//! - `server`: connections
//! - `api`: the processing that all requests share, with `auth`, `key`, `permission` and `idempotency`
//! - `form`, `parameters` and `expand`: the accepted parameters
//! - `endpoint`, with a module for each kind of object, and `list` for their lists
//! - `error`: Stripe's error responses
//! - `portal`: the hosted page
//!
//! Deliberate failures: `faults` (the faults and the requests they apply to), `connection` (incomplete responses), `outage`
//! (failing connections) and `tls` (valid and invalid certificates).

mod account;
mod api;
mod auth;
mod checkout;
mod configurations;
mod connection;
mod customers;
mod endpoint;
mod error;
mod events;
mod expand;
mod faults;
mod flows;
mod form;
mod idempotency;
mod key;
mod list;
mod model;
mod outage;
mod parameters;
mod permission;
mod portal;
mod recent;
mod server;
mod sessions;
mod settings;
mod state;
mod subscriptions;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};

pub use endpoint::Endpoint;
use faults::{Active, Effect};
pub use faults::{Fault, Injection};
use key::Key;
pub use model::{CheckoutSession, Configuration, Customer, Feature, Mode, Subscription};
use outage::Listener;
pub use permission::Permission;
pub use settings::Settings;
use state::State;
use tls::Tls;
pub use wire::{Answer, RecordedRequest};

/// A hook that receives each API response before it is sent, and can change, delay or withhold it.
///
/// It affects the response only: the account has already processed the request. While the hook delays a response, the
/// request and its idempotency key are in progress.
pub type Tamper = Arc<dyn Fn(RecordedRequest, Answer) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A running simulator. Dropping it stops the server and closes every connection.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: String,
    portal_origin: String,
    keys: Vec<Key>,
    serving: JoinHandle<()>,
}

/// State shared by the simulator's handle and its request handlers.
pub(crate) struct Shared {
    listener: Listener,
    tls: Option<Tls>,
    state: Mutex<State>,
    tamper: Mutex<Option<Tamper>>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tamper(&self) -> Option<Tamper> {
        self.tamper.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Simulator {
    /// Serves HTTP/1.1 and HTTP/2 on the given listener and the current runtime. The portal pages are on the same origin.
    /// Each mode starts with one active default portal configuration, which allows no prices.
    ///
    /// # Errors
    /// Fails if the listener has no address.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        Self::start_with(listener, Settings::default())
    }

    /// Does the same as [`Simulator::start`], with the given settings.
    ///
    /// # Errors
    /// Fails if the listener has no address, or if the settings contain an invalid key.
    pub fn start_with(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let listener = Listener::new(listener)?;
        let tls = settings.tls.then(Tls::new).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listener.address());
        let portal_origin = settings.portal_origin.clone().unwrap_or_else(|| base_url.clone());
        let keys = settings.account_keys()?;
        let state = State::new(portal_origin.clone(), &settings.account_id(), keys.clone());
        let shared = Arc::new(Shared { listener, tls, state: Mutex::new(state), tamper: Mutex::new(None) });
        let router = portal::routes().fallback(server::handle).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(server::serve(Arc::clone(&shared), router));
        Ok(Self { shared, base_url, portal_origin, keys, serving })
    }

    /// The base URL of the API, such as `http://127.0.0.1:PORT`, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The account's key for a mode, random per simulator unless the settings contain one.
    #[must_use]
    pub fn secret_key(&self, mode: Mode) -> &str {
        self.keys.iter().find(|key| key.mode == mode).map_or("", |key| &key.text)
    }

    /// The certificate of the CA that signed the simulator's certificate, as PEM; `None` without https.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(|tls| tls.ca_pem.as_str())
    }

    /// Adds a fault for all requests. If several injected faults match a request, the first one applies; a fault of the
    /// customer takes precedence. A connection fault closes open connections, and is in effect when this method returns.
    pub fn inject(&self, fault: impl Into<Injection>) {
        let injection = fault.into();
        match injection.fault.effect() {
            Effect::Outage(outage) => self.shared.listener.fail(outage, injection.first),
            Effect::Refuse(_) | Effect::Change(_) | Effect::Deliver(_) => {
                self.shared.state().faults.push(Active::new(injection));
            }
        }
    }

    /// Removes every injected fault. Faults of customers remain.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
        self.shared.listener.recover();
    }

    /// Adds a customer, or replaces the one with the same ID and mode.
    pub fn add_customer(&self, customer: Customer) {
        let key = (customer.mode, customer.id.clone());
        let mut state = self.shared.state();
        state.customer_faults.remove(&key);
        state.customers.insert(key, customer);
    }

    /// Marks a customer as deleted. Stripe still returns it, with `deleted: true`.
    pub fn delete_customer(&self, mode: Mode, id: &str) {
        if let Some(customer) = self.shared.state().customers.get_mut(&(mode, id.to_owned())) {
            customer.deleted = true;
        }
    }

    /// Adds a subscription, or replaces the one with the same ID and mode.
    pub fn add_subscription(&self, subscription: Subscription) {
        self.shared.state().add_subscription(subscription);
    }

    /// Adds a checkout session, or replaces the one with the same ID and mode.
    pub fn add_checkout_session(&self, session: CheckoutSession) {
        self.shared.state().add_checkout_session(session);
    }

    /// Adds a portal configuration, or replaces the one with the same ID and mode. A new default replaces the previous one.
    pub fn add_configuration(&self, configuration: Configuration) {
        self.shared.state().add_configuration(configuration);
    }

    /// Removes all portal configurations of a mode, as in a new account.
    pub fn remove_configurations(&self, mode: Mode) {
        self.shared.state().remove_configurations(mode);
    }

    /// The recorded API requests, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.state().requests.clone()
    }

    /// The number of connections that were opened.
    pub fn connections(&self) -> usize {
        self.shared.listener.accepted()
    }

    /// Clears the recorded requests.
    pub fn forget_requests(&self) {
        self.shared.state().requests.clear();
    }

    /// Turns the recording of requests on or off. Load tests turn it off.
    pub fn record_requests(&self, on: bool) {
        self.shared.state().recording = on;
    }

    /// The ID of the customer whose portal a session URL opens.
    #[must_use]
    pub fn customer_of(&self, session_url: &str) -> Option<String> {
        let secret = session_url.strip_prefix(&self.portal_origin)?.strip_prefix("/p/session/")?;
        self.shared.state().sessions.get(secret).map(|session| session.customer.clone())
    }

    /// Sets the hook that every response passes through; `None` removes it.
    pub fn tamper(&self, with: Option<Tamper>) {
        *self.shared.tamper.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
        // A request that never ends keeps `shared` alive, so the port must be released explicitly.
        self.shared.listener.close();
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
