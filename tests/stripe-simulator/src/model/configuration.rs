//! A portal configuration: <https://docs.stripe.com/api/customer_portal/configurations/object>.

use std::collections::{BTreeSet, HashSet};

use crate::model::Mode;

/// What a portal configuration may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Name, address and the like.
    CustomerUpdate,
    /// Past invoices.
    InvoiceHistory,
    /// Cards and accounts.
    PaymentMethodUpdate,
    /// The end of a subscription.
    SubscriptionCancel,
    /// Another price or quantity.
    SubscriptionUpdate,
}

/// A portal configuration, in test mode, active, with every feature, without a login page, and not the default unless told
/// otherwise.
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
    /// The account's own: when it came, and as which one; none before it is added.
    pub(crate) added: Option<Added>,
}

/// When a configuration came to its account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// Lists put the newest first, and seconds are too coarse for that.
    pub(crate) position: usize,
}

impl Configuration {
    /// A configuration `bpc_…` that lets a subscription change to no price, and a customer their address and tax ids.
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

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Makes it its mode's default, or not.
    #[must_use]
    pub const fn default_of_mode(mut self, is_default: bool) -> Self {
        self.is_default = is_default;
        self
    }

    /// Switches it on or off.
    #[must_use]
    pub const fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// Names it.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Adds a price that a subscription may change to.
    #[must_use]
    pub fn price(mut self, price: &str) -> Self {
        self.prices.insert(price.to_owned());
        self
    }

    /// Takes a feature away, so that flows which need it are refused.
    #[must_use]
    pub fn without(mut self, feature: Feature) -> Self {
        self.disabled.insert(feature);
        self
    }

    /// What customers may change about themselves: `address`, `email`, `name`, `phone`, `shipping`, `tax_id`.
    #[must_use]
    pub fn allowed_updates(mut self, updates: &[&str]) -> Self {
        self.allowed_updates = updates.iter().map(|update| (*update).to_owned()).collect();
        self
    }

    /// Stripe's own login page, which lets customers in by e-mail.
    #[must_use]
    pub const fn login_page(mut self, enabled: bool) -> Self {
        self.login_page = enabled;
        self
    }

    /// Adds one pair of metadata.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }
}
