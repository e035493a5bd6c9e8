//! A subscription, limited to what portal flows and lists need.

use crate::model::Mode;

/// A subscription of a customer, in test mode by default.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) items: Vec<Item>,
    pub(crate) status: String,
    pub(crate) metadata: Vec<(String, String)>,
    /// Orders lists. Set by the account when the subscription is added.
    pub(crate) position: usize,
}

/// An item of a subscription, or the change to an item in a flow. `None` in a change means unchanged.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: Option<String>,
    pub(crate) quantity: Option<u64>,
}

impl Subscription {
    /// Creates an active subscription `sub_…` of the customer `cus_…`, without items.
    #[must_use]
    pub fn new(id: &str, customer: &str) -> Self {
        Self {
            id: id.to_owned(),
            customer: customer.to_owned(),
            mode: Mode::Test,
            items: Vec::new(),
            status: "active".to_owned(),
            metadata: Vec::new(),
            position: 0,
        }
    }

    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the status, such as `canceled`.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds an item `si_…` with a price `price_…`.
    #[must_use]
    pub fn item(mut self, id: &str, price: &str, quantity: u32) -> Self {
        let (price, quantity) = (Some(price.to_owned()), Some(quantity.into()));
        self.items.push(Item { id: id.to_owned(), price, quantity });
        self
    }
}
