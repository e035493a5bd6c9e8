//! A portal configuration: <https://docs.stripe.com/api/customer_portal/configurations/object>.

use std::collections::{BTreeSet, HashSet};

use crate::model::Mode;

/// A feature that a portal configuration can enable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Updating the name, the address and similar details.
    CustomerUpdate,
    /// Viewing past invoices.
    InvoiceHistory,
    /// Updating payment methods.
    PaymentMethodUpdate,
    /// Canceling subscriptions.
    SubscriptionCancel,
    /// Changing the price or quantity of subscriptions.
    SubscriptionUpdate,
}

/// A portal configuration. By default it is in test mode, is active, has every feature, has no login page, and is not the
/// default of its mode.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) is_default: bool,
    pub(crate) active: bool,
    pub(crate) name: Option<String>,
    pub(crate) prices: BTreeSet<String>,
    pub(crate) disabled: HashSet<Feature>,
    pub(crate) allowed_updates: Vec<String>,
    pub(crate) login_page: bool,
    pub(crate) metadata: Vec<(String, String)>,
    /// Set by the account when the configuration is added.
    pub(crate) added: Option<Added>,
}

/// When a configuration was added to its account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// Orders lists, which are newest first: timestamps in seconds are too coarse.
    pub(crate) position: usize,
}

impl Configuration {
    /// Creates a configuration with an ID `bpc_…`. It allows no prices; customers can update their address and tax IDs.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            mode: Mode::Test,
            is_default: false,
            active: true,
            name: None,
            prices: BTreeSet::new(),
            disabled: HashSet::new(),
            allowed_updates: ["address", "tax_id"].map(str::to_owned).into(),
            login_page: false,
            metadata: Vec::new(),
            added: None,
        }
    }

    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether this is the default configuration of its mode.
    #[must_use]
    pub const fn default_of_mode(mut self, is_default: bool) -> Self {
        self.is_default = is_default;
        self
    }

    /// Sets whether the configuration is active.
    #[must_use]
    pub const fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Adds a price that subscriptions can change to.
    #[must_use]
    pub fn price(mut self, price: &str) -> Self {
        self.prices.insert(price.to_owned());
        self
    }

    /// Disables a feature. Flows that need it are refused.
    #[must_use]
    pub fn without(mut self, feature: Feature) -> Self {
        self.disabled.insert(feature);
        self
    }

    /// Sets what customers can update: `address`, `email`, `name`, `phone`, `shipping`, `tax_id`.
    #[must_use]
    pub fn allowed_updates(mut self, updates: &[&str]) -> Self {
        self.allowed_updates = updates.iter().map(|update| (*update).to_owned()).collect();
        self
    }

    /// Enables or disables Stripe's login page, where customers log in by email.
    #[must_use]
    pub const fn login_page(mut self, enabled: bool) -> Self {
        self.login_page = enabled;
        self
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }
}
