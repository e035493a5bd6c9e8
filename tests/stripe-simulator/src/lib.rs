//! A simulator of Stripe, as strict as Stripe, for tests, the example and benches: the customers and portal sessions of
//! one account in test and live mode, and the hosted page that a session's URL opens.
//!
//! Shapes: <https://docs.stripe.com/api> at version 2026-09-30.endive. Read in this order: `model` (what an account holds),
//! `api` (what every request passes: key, version, idempotency), `form`, `customers`, `sessions`, `flows` (the endpoints),
//! `error` (Stripe's refusals), `portal` (the hosted page).

mod api;
mod customers;
mod error;
mod flows;
mod form;
mod model;
mod portal;
mod sessions;
mod state;

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};

pub use model::{Answer, Configuration, Customer, Mode, RecordedRequest, Subscription};
use state::State;

/// The place of faults: each answer of the API passes here before it leaves, and may be changed, delayed or withheld.
pub type Tamper = Arc<dyn Fn(RecordedRequest, Answer) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A running simulator; it stops when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: String,
    secret_keys: [String; 2],
    serving: JoinHandle<()>,
}

/// What the simulator's handle and its request handlers share.
pub(crate) struct Shared {
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
    /// origin. Each mode begins with one active default portal configuration.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        let base_url = format!("http://{}", listener.local_addr()?);
        let secret_keys = [Mode::Test, Mode::Live].map(|mode| format!("sk_{}_{}", mode.as_str(), state::random()));
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(base_url.clone(), secret_keys.clone())),
            tamper: Mutex::new(None),
        });
        let router = portal::routes().fallback(api::handle).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            // It ends only with the task.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { shared, base_url, secret_keys, serving })
    }

    /// The API's base and the portal's origin, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The account's key of a mode, random per simulator.
    #[must_use]
    pub fn secret_key(&self, mode: Mode) -> &str {
        let [test, live] = &self.secret_keys;
        match mode {
            Mode::Test => test,
            Mode::Live => live,
        }
    }

    /// Adds a customer, or replaces the one with its id and mode.
    pub fn add_customer(&self, customer: Customer) {
        self.shared.state().customers.insert((customer.mode, customer.id.clone()), customer);
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
        let secret = session_url.strip_prefix(&self.base_url)?.strip_prefix("/p/session/")?;
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
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
