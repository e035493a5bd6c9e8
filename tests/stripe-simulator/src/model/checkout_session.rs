//! A checkout session, limited to what names its buyer.

use crate::model::Mode;

/// A completed checkout session of a customer, in test mode by default.
#[derive(Clone, Debug)]
pub struct CheckoutSession {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) mode: Mode,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    /// Orders lists. Set by the account when the session is added.
    pub(crate) position: usize,
}

impl CheckoutSession {
    /// Creates a checkout session `cs_…` of the customer `cus_…`.
    #[must_use]
    pub fn new(id: &str, customer: &str) -> Self {
        Self {
            id: id.to_owned(),
            customer: customer.to_owned(),
            mode: Mode::Test,
            client_reference_id: None,
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

    /// Sets `client_reference_id`.
    #[must_use]
    pub fn client_reference_id(mut self, id: &str) -> Self {
        self.client_reference_id = Some(id.to_owned());
        self
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }
}
