//! What an account holds.

use std::collections::HashSet;

use crate::flows::FlowData;

/// Which half of a Stripe account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A sandbox.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// As keys and texts of Stripe's spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// Where the dashboard of a mode lies.
    pub(crate) const fn dashboard_path(self) -> &'static str {
        match self {
            Self::Test => "test/",
            Self::Live => "",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }
}

/// A customer, in test mode unless told otherwise.
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) deleted: bool,
}

impl Customer {
    /// A customer with an id, `cus_…`, and nothing else.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), mode: Mode::Test, name: None, email: None, metadata: Vec::new(), deleted: false }
    }

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Names it.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Gives it an address.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// Adds one pair of metadata.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// A subscription of a customer, in test mode unless told otherwise.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) items: Vec<Item>,
}

/// What a subscription is for, and what a flow may change it to.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: Option<String>,
    pub(crate) quantity: Option<u64>,
}

impl Subscription {
    /// A subscription `sub_…` of the customer `cus_…`, without items.
    #[must_use]
    pub fn new(id: &str, customer: &str) -> Self {
        Self { id: id.to_owned(), customer: customer.to_owned(), mode: Mode::Test, items: Vec::new() }
    }

    /// Puts it into a mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds an item, `si_…`, of a price, `price_…`.
    #[must_use]
    pub fn item(mut self, id: &str, price: &str, quantity: u32) -> Self {
        let (price, quantity) = (Some(price.to_owned()), Some(quantity.into()));
        self.items.push(Item { id: id.to_owned(), price, quantity });
        self
    }
}

/// What a portal configuration may allow: <https://docs.stripe.com/api/customer_portal/configurations/object>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Name, address and the like.
    CustomerUpdate,
    /// Cards and accounts.
    PaymentMethodUpdate,
    /// The end of a subscription.
    SubscriptionCancel,
    /// Another price or quantity.
    SubscriptionUpdate,
}

/// A portal configuration, in test mode, active, with every feature, and not the default unless told otherwise.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) is_default: bool,
    pub(crate) active: bool,
    pub(crate) prices: HashSet<String>,
    pub(crate) disabled: HashSet<Feature>,
}

impl Configuration {
    /// A configuration `bpc_…` that lets a subscription change to no price.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let (prices, disabled) = (HashSet::new(), HashSet::new());
        Self { id: id.to_owned(), mode: Mode::Test, is_default: false, active: true, prices, disabled }
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
}

/// A portal session that was made.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) return_url: Option<String>,
    pub(crate) flow: Option<FlowData>,
}
