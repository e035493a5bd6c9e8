//! A subscription, limited to what portal flows need.

use crate::model::Mode;

/// A subscription of a customer, in test mode by default.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) items: Vec<Item>,
}

/// An item of a subscription, or the change to an item in a flow. `None` in a change means unchanged.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: Option<String>,
    pub(crate) quantity: Option<u64>,
}

impl Subscription {
    /// Creates a subscription `sub_…` of the customer `cus_…`, without items.
    #[must_use]
    pub fn new(id: &str, customer: &str) -> Self {
        Self { id: id.to_owned(), customer: customer.to_owned(), mode: Mode::Test, items: Vec::new() }
    }

    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
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
