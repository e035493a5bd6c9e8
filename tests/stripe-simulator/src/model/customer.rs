//! A customer: <https://docs.stripe.com/api/customers/object>.

use crate::{faults::Injection, model::Mode};

/// A customer, in test mode by default.
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) deleted: bool,
    pub(crate) fault: Option<Injection>,
}

impl Customer {
    /// Creates a customer with only an ID, `cus_…`.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            mode: Mode::Test,
            name: None,
            email: None,
            metadata: Vec::new(),
            deleted: false,
            fault: None,
        }
    }

    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the email address.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// Adds a metadata entry. The value of the key `simulator_fault` is parsed as an [`Injection`].
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets whether the customer is deleted.
    #[must_use]
    pub const fn deleted(mut self, deleted: bool) -> Self {
        self.deleted = deleted;
        self
    }

    /// Applies a fault to requests for this customer. It takes precedence over a fault in the metadata or the ID.
    #[must_use]
    pub fn fault(mut self, fault: impl Into<Injection>) -> Self {
        self.fault = Some(fault.into());
        self
    }
}
