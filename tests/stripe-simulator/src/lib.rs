//! A simulator of Stripe, as strict as Stripe, for tests, the example and benches: the customers, portal sessions and portal
//! configurations of one account in test and live mode, and the hosted page that a session's URL opens.
//!
//! Shapes: <https://docs.stripe.com/api> at version 2026-09-30.endive. Read in this order: `model` (what an account holds),
//! `server` (connections), `api` (what every request passes, with `auth`, `key`, `permission` and `idempotency`), `form`,
//! `parameters` and `expand` (what may be sent), `endpoint` with `account`, `configurations` (in a `list`), `customers`,
//! `sessions` and `flows`, `error` (Stripe's refusals), `portal` (the page). What goes wrong on purpose stands beside that:
//! `faults` (which there are, and whom they befall), `connection` (answers that do not arrive whole), `outage` (connections
//! that do not come to be), `tls` (certificates, good and bad).

mod account;
mod api;
mod auth;
mod configurations;
mod connection;
mod customers;
mod endpoint;
mod error;
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
pub use model::{Configuration, Customer, Feature, Mode, Subscription};
use outage::Listening;
pub use permission::Permission;
pub use settings::Settings;
use state::State;
use tls::Tls;
pub use wire::{Answer, RecordedRequest};

/// The place of faults: each answer of the API passes here before it leaves, and may be changed, delayed or withheld.
///
/// What it does befalls the answer only; the account has done its work already. While it holds an answer back, the
/// request is in progress, and so is its idempotency key.
pub type Tamper = Arc<dyn Fn(RecordedRequest, Answer) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A running simulator; it stops, and cuts every connection, when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: String,
    portal_origin: String,
    keys: Vec<Key>,
    serving: JoinHandle<()>,
}

/// What the simulator's handle and its request handlers share.
pub(crate) struct Shared {
    listening: Listening,
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
    /// Serves HTTP/1.1 and HTTP/2 on a listener of the caller's, on the current runtime. The portal pages lie on the same
    /// origin. Each mode begins with one active default portal configuration, which allows no price.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        Self::start_with(listener, Settings::default())
    }

    /// As [`Simulator::start`], with other settings.
    ///
    /// # Errors
    /// When the listener has no address, or a key of the settings has no mode.
    pub fn start_with(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let listening = Listening::new(listener)?;
        let tls = settings.tls.then(Tls::new).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listening.address());
        let portal_origin = settings.portal_origin.clone().unwrap_or_else(|| base_url.clone());
        let keys = settings.account_keys()?;
        let state = State::new(portal_origin.clone(), &settings.account_id(), keys.clone());
        let shared = Arc::new(Shared { listening, tls, state: Mutex::new(state), tamper: Mutex::new(None) });
        let router = portal::routes().fallback(server::handle).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(server::serve(Arc::clone(&shared), router));
        Ok(Self { shared, base_url, portal_origin, keys, serving })
    }

    /// The API's base, `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The account's key of a mode, random per simulator unless the settings name one.
    #[must_use]
    pub fn secret_key(&self, mode: Mode) -> &str {
        self.keys.iter().find(|key| key.mode == mode).map_or("", |key| &key.text)
    }

    /// The certificate of the CA that signs the simulator's, as PEM, if it serves https.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(|tls| tls.ca_pem.as_str())
    }

    /// Has a fault befall whoever asks, beside those injected before; the first that fits a request is the one. A fault of
    /// whole connections cuts those that there are, and has begun when this returns.
    pub fn inject(&self, fault: impl Into<Injection>) {
        let injection = fault.into();
        match injection.fault.effect() {
            Effect::Outage(outage) => self.shared.listening.fail(outage, injection.first),
            Effect::Refuse(_) | Effect::Change(_) | Effect::Deliver(_) => {
                self.shared.state().faults.push(Active::new(injection));
            }
        }
    }

    /// Takes back every fault that was injected; those that customers bring stay.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
        self.shared.listening.recover();
    }

    /// Adds a customer, or replaces the one with its id and mode.
    pub fn add_customer(&self, customer: Customer) {
        let key = (customer.mode, customer.id.clone());
        let mut state = self.shared.state();
        state.customer_faults.remove(&key);
        state.customers.insert(key, customer);
    }

    /// Deletes a customer: it is still found, as deleted.
    pub fn delete_customer(&self, mode: Mode, id: &str) {
        if let Some(customer) = self.shared.state().customers.get_mut(&(mode, id.to_owned())) {
            customer.deleted = true;
        }
    }

    /// Adds a subscription, or replaces the one with its id and mode.
    pub fn add_subscription(&self, subscription: Subscription) {
        self.shared.state().subscriptions.insert((subscription.mode, subscription.id.clone()), subscription);
    }

    /// Adds a portal configuration; a new default takes the place of the old one.
    pub fn add_configuration(&self, configuration: Configuration) {
        self.shared.state().add_configuration(configuration);
    }

    /// Leaves a mode without any portal configuration, as a new account is.
    pub fn remove_configurations(&self, mode: Mode) {
        self.shared.state().remove_configurations(mode);
    }

    /// Every API request so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.state().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.state().requests.clear();
    }

    /// Whether requests are recorded; a load test switches it off.
    pub fn record_requests(&self, on: bool) {
        self.shared.state().records = on;
    }

    /// The customer whose portal a session's URL opens.
    #[must_use]
    pub fn customer_of(&self, session_url: &str) -> Option<String> {
        let secret = session_url.strip_prefix(&self.portal_origin)?.strip_prefix("/p/session/")?;
        self.shared.state().sessions.get(secret).map(|session| session.customer.clone())
    }

    /// Passes every answer through a fault; none = honest again.
    pub fn tamper(&self, with: Option<Tamper>) {
        *self.shared.tamper.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
        // A request that is in progress for ever keeps the rest.
        self.shared.listening.close();
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
